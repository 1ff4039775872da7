// The local host's processors and pressure: /proc/stat and /proc/pressure.
using System.Globalization;

namespace KvmTune.Measurement.Sampling;

/// <summary>Processor time and pressure of this machine (0.2 ms).</summary>
internal sealed class HostSampler : IRunSampler
{
    // proc(5): /proc/stat counts in USER_HZ, which is 100 on every platform that libvirt's QEMU driver runs on.
    private const double NanosecondsPerTick = 1e9 / 100;

    public CounterReading Read()
    {
        var counters = new Dictionary<string, double>(StringComparer.Ordinal);
        AddProcessors(counters, LocalHost.ReadLine("/proc/stat"));
        foreach (var (file, name) in (ReadOnlySpan<(string, string)>)[("cpu", "Cpu"), ("io", "Io"), ("memory", "Memory")])
        {
            AddPressure(counters, name, LocalHost.ReadAll("/proc/pressure/" + file));
        }

        return new CounterReading(counters);
    }

    // "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; user has guest in it.
    internal static void AddProcessors(Dictionary<string, double> counters, string? line)
    {
        var fields = line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        if (fields.Length < 9 || fields[0] is not "cpu")
        {
            return;
        }

        double Ticks(int field) => double.Parse(fields[field], NumberStyles.None, CultureInfo.InvariantCulture) * NanosecondsPerTick;
        counters["HostCpuBusyNanoseconds"] = Ticks(1) + Ticks(2) + Ticks(3) + Ticks(6) + Ticks(7) + Ticks(8);
        counters["HostCpuIdleNanoseconds"] = Ticks(4) + Ticks(5);
        counters["HostCpuIOWaitNanoseconds"] = Ticks(5);
        counters["HostCpuStealNanoseconds"] = Ticks(8);
    }

    // "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234", then the same for "full".
    internal static void AddPressure(Dictionary<string, double> counters, string resource, string? text)
    {
        foreach (var line in (text ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var at = line.IndexOf("total=", StringComparison.Ordinal);
            if (at > 0 && double.TryParse(line.AsSpan(at + 6), NumberStyles.None, CultureInfo.InvariantCulture, out var total))
            {
                counters[$"Pressure{resource}{(line.StartsWith("some", StringComparison.Ordinal) ? "Some" : "Full")}Microseconds"] = total;
            }
        }
    }
}
