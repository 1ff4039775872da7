// The guest's own counters, through its agent: one fixed script that prints a few files of /proc, and the reader of its output.
using System.Globalization;
using KvmTune.Guest;
using KvmTune.Measurement.Sampling;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>Reads a guest's counters (sources: proc(5), kernel documents admin-guide/iostats and accounting/psi).</summary>
internal static class GuestCounters
{
    // Only builtins and cat: a guest that is short of memory should start as few programs as possible.
    private const string Script = """
        echo "@page $(getconf PAGESIZE 2>/dev/null || echo 4096)"
        echo "@uptime"; cat /proc/uptime
        echo "@stat"; read -r line < /proc/stat; echo "$line"
        echo "@vmstat"; cat /proc/vmstat
        echo "@meminfo"; cat /proc/meminfo
        echo "@diskstats"; cat /proc/diskstats
        echo "@net"; cat /proc/net/dev
        echo "@snmp"; cat /proc/net/snmp
        for name in cpu io memory; do echo "@pressure $name"; cat "/proc/pressure/$name" 2>/dev/null; done
        exit 0
        """;

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(5);

    /// <summary>The command that prints the counters.</summary>
    public static GuestCommand Command { get; } = GuestScripts.Command(Script) with { TimeLimit = TimeLimit };

    /// <summary>Reads the command's output.</summary>
    public static CounterReading Parse(string output)
    {
        var counters = new Dictionary<string, double>(StringComparer.Ordinal);
        var gauges = new Dictionary<string, double>(StringComparer.Ordinal);
        string section = string.Empty, argument = string.Empty;
        string[]? names = null;
        foreach (var line in output.Split('\n'))
        {
            if (line.StartsWith('@'))
            {
                var words = line[1..].Split(' ');
                (section, argument) = (words[0], words.Length > 1 ? words[1] : string.Empty);
                if (section == "page" && Number(argument) is { } size)
                {
                    gauges["PageSizeBytes"] = size;
                }

                continue;
            }

            var fields = line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            switch (section)
            {
                case "uptime" when fields.Length > 0:
                    Add(counters, "UptimeSeconds", fields[0]);
                    break;
                case "stat" when fields is ["cpu", ..]:
                    AddProcessors(counters, fields);
                    break;
                case "vmstat" when fields.Length == 2:
                    AddVMStat(counters, fields[0], fields[1]);
                    break;
                case "meminfo" when fields is ["MemTotal:", _, ..]:
                    Add(gauges, "MemoryTotalKiB", fields[1]);
                    break;
                case "meminfo" when fields is ["MemAvailable:", _, ..]:
                    Add(gauges, "MemoryAvailableKiB", fields[1]);
                    break;
                case "diskstats" when fields.Length >= 14 && IsDisk(fields[2]):
                    Add(counters, $"Disk.{fields[2]}.BusyMilliseconds", fields[12]);
                    Add(counters, $"Disk.{fields[2]}.QueueMilliseconds", fields[13]);
                    break;
                case "net":
                    AddNic(counters, line);
                    break;
                case "snmp" when fields is ["Tcp:", ..]:
                    AddTcp(counters, names, fields);
                    names = fields;
                    break;
                case "pressure" when fields is ["some", ..]:
                    HostSampler.AddPressure(counters, argument.Length > 0 ? char.ToUpperInvariant(argument[0]) + argument[1..] : argument, line);
                    break;
            }
        }

        return new CounterReading(counters, gauges);
    }

    // "cpu user nice system idle iowait irq softirq steal guest guest_nice"; user includes guest.
    private static void AddProcessors(Dictionary<string, double> counters, string[] fields)
    {
        var ticks = fields.Skip(1).Take(8).Select(Number).ToList();
        if (ticks.Count == 8 && ticks.TrueForAll(tick => tick is not null))
        {
            counters["CpuTotalTicks"] = ticks.Sum(tick => tick!.Value);
            counters["CpuIOWaitTicks"] = ticks[4]!.Value;
            counters["CpuStealTicks"] = ticks[7]!.Value;
        }
    }

    private static void AddVMStat(Dictionary<string, double> counters, string name, string value)
    {
        switch (name)
        {
            case "pswpin":
                Add(counters, "SwapInPages", value);
                break;
            case "pswpout":
                Add(counters, "SwapOutPages", value);
                break;
            case "pgmajfault":
                Add(counters, "MajorFaults", value);
                break;
            case ['a', 'l', 'l', 'o', 'c', 's', 't', 'a', 'l', 'l', '_', ..]:
                Add(counters, "AllocationStalls", value);
                break;
        }
    }

    // "eth0: bytes packets errs drop fifo frame compressed multicast | bytes packets errs drop …"
    private static void AddNic(Dictionary<string, double> counters, string line)
    {
        if (line.Split(':') is not [var name, var values] || name.Trim() == "lo")
        {
            return;
        }

        var fields = values.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length >= 12)
        {
            Add(counters, "NicErrorsPackets", fields[2]);
            Add(counters, "NicDropsPackets", fields[3]);
            Add(counters, "NicErrorsPackets", fields[10]);
            Add(counters, "NicDropsPackets", fields[11]);
        }
    }

    // Two lines: the names, then the values.
    private static void AddTcp(Dictionary<string, double> counters, string[]? names, string[] values)
    {
        if (names is null || names.Length != values.Length)
        {
            return;
        }

        for (var i = 1; i < names.Length; i++)
        {
            switch (names[i])
            {
                case "OutSegs":
                    Add(counters, "SentSegments", values[i]);
                    break;
                case "RetransSegs":
                    Add(counters, "RetransmittedSegments", values[i]);
                    break;
            }
        }
    }

    // Whole disks of the kinds that guests have; partitions end in a digit.
    private static bool IsDisk(string name) => name.Length <= 32 && name.All(char.IsAsciiLetterOrDigit) && (
        name is ['v' or 's' or 'x', ..] && !char.IsAsciiDigit(name[^1])
        || name.StartsWith("nvme", StringComparison.Ordinal) && !name.Contains('p', StringComparison.Ordinal));

    private static void Add(Dictionary<string, double> values, string name, string text)
    {
        if (Number(text) is { } value)
        {
            values[name] = values.GetValueOrDefault(name) + value;
        }
    }

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : null;
}
