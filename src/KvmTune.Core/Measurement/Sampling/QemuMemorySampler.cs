// The QEMU process's memory on the local host: how much the host swapped out, how much is on huge pages, and on which nodes it is.
using System.Globalization;
using KvmTune.Hosts;

namespace KvmTune.Measurement.Sampling;

/// <summary>
/// Reads <c>/proc/PID/stat</c> (major faults) and <c>status</c> (swap, huge pages); on request <c>numa_maps</c> too, for which the
/// kernel walks all pages of the process (sources: proc(5), numa(7)).
/// </summary>
internal sealed class QemuMemorySampler(QemuProcess process, bool readsNodes) : IRunSampler
{
    private readonly string _folder = string.Create(CultureInfo.InvariantCulture, $"/proc/{process.ProcessId}/");

    public CounterReading Read()
    {
        var counters = new Dictionary<string, double>(StringComparer.Ordinal);
        var gauges = new Dictionary<string, double>(StringComparer.Ordinal);
        AddFaults(counters, LocalHost.ReadLine(_folder + "stat"));
        AddStatus(gauges, LocalHost.ReadAll(_folder + "status"));
        if (readsNodes && process.NumaMaps() is { } maps)
        {
            foreach (var (node, kibibytes) in GuestPages.KiBByNode(maps))
            {
                gauges[string.Create(CultureInfo.InvariantCulture, $"QemuOnNode.{node}.KiB")] = kibibytes;
            }
        }

        return new CounterReading(counters, gauges);
    }

    // The 12th field. The second field is the name in brackets, which may contain blanks.
    internal static void AddFaults(Dictionary<string, double> counters, string? line)
    {
        var rest = line?[(line.LastIndexOf(')') + 2)..].Split(' ');
        if (rest is { Length: > 9 } && double.TryParse(rest[9], NumberStyles.None, CultureInfo.InvariantCulture, out var faults))
        {
            counters["QemuMajorFaults"] = faults;
        }
    }

    internal static void AddStatus(Dictionary<string, double> gauges, string? text)
    {
        foreach (var line in (text ?? string.Empty).Split('\n'))
        {
            var name = line.Split(':')[0] switch
            {
                "VmSwap" => "QemuSwapKiB",
                "HugetlbPages" => "QemuHugePagesKiB",
                _ => null,
            };
            if (name is not null
                && double.TryParse(line.Split(':')[1].AsSpan().Trim().TrimEnd("kB").Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var kibibytes))
            {
                gauges[name] = kibibytes;
            }
        }
    }
}
