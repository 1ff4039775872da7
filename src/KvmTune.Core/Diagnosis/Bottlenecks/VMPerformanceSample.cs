// One VM in one interval, as Watch-VMPerformance shows it: rates and shares from the same counters that a verdict uses.
using System.Text.Json.Serialization;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>One VM in one interval. A value that is not counted is null, never 0.</summary>
public sealed record VMPerformanceSample
{
    /// <summary>The VM's name.</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection that the VM was reached by.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The end of the interval.</summary>
    public required DateTimeOffset Time { get; init => field = value.ToLocalTime(); }

    /// <summary>How long it was.</summary>
    [JsonInclude]
    internal TimeSpan Interval { get; init; }

    /// <summary>How long it was, in seconds.</summary>
    public double IntervalSeconds => Interval.TotalSeconds;

    /// <summary>The time of the whole VM, QEMU's own threads included, in per cent of one host CPU.</summary>
    public double? CpuPercent { get; init; }

    /// <summary>The time of the vCPUs without halt polling, in per cent of their number.</summary>
    public double? VcpuPercent { get; init; }

    /// <summary>The run-queue delay of the vCPU that waited longest, in per cent of the interval, at most 100.</summary>
    public double? DelayPercent { get; init; }

    /// <summary>Requests that all disks read, a second.</summary>
    public double? ReadIops { get; init; }

    /// <summary>Requests that all disks wrote, a second.</summary>
    public double? WriteIops { get; init; }

    /// <summary>Flushes of all disks, a second.</summary>
    public double? FlushIops { get; init; }

    /// <summary>The data that all disks read and wrote, in MiB a second.</summary>
    public double? DiskMiBPerSecond { get; init; }

    /// <summary>The mean time of a read or write, in ms; null where there was none.</summary>
    public double? DiskMs { get; init; }

    /// <summary>Requests under way on average, flushes included.</summary>
    public double? DiskRequestsUnderWay { get; init; }

    /// <summary>The data that the guest received, in Mbit a second.</summary>
    public double? RxMbit { get; init; }

    /// <summary>The data that the guest sent, in Mbit a second.</summary>
    public double? TxMbit { get; init; }

    /// <summary>Packets that the host dropped, a second.</summary>
    public double? DropsPerSecond { get; init; }

    /// <summary>The memory that the balloon leaves to the guest, in KiB.</summary>
    public double? MemoryKiB { get; init; }

    /// <summary>The guest's memory that is not available without swapping, in per cent.</summary>
    public double? MemoryUsedPercent { get; init; }

    /// <summary>The guest's swapping, in KiB a second; null where its balloon driver reported nothing in the interval.</summary>
    public double? SwapKiBPerSecond { get; init; }

    /// <summary>How busy the host's CPUs are, in per cent; null for another machine.</summary>
    public double? HostCpuPercent { get; init; }

    /// <summary>All counters: their growth, and gauges at the end, by the samplers' names.</summary>
    public required IReadOnlyDictionary<string, double> Counters { get; init => field = Map.Of(value); }

    /// <summary>Makes a sample from the growth of a VM's counters.</summary>
    public static VMPerformanceSample Of(
        string vmName, Guid vmId, string connectionUri, DateTimeOffset time, TimeSpan interval, IReadOnlyDictionary<string, double> counters)
    {
        ArgumentNullException.ThrowIfNull(counters);
        var (vcpus, busy, polling, delay) = Vcpus(counters);
        var sums = Sums(counters);
        double? Sum(string ending) => sums.TryGetValue(ending, out var value) ? value : null;
        double? Rate(double? count) => count / interval.TotalSeconds;
        double? Share(double? nanoseconds) => 100 * nanoseconds / interval.TotalNanoseconds;
        double? Value(string name) => counters.TryGetValue(name, out var value) ? value : null;
        var transfers = Sum(".ReadRequests") + Sum(".WriteRequests");
        var transferTime = Sum(".ReadNanoseconds") + Sum(".WriteNanoseconds");
        return new VMPerformanceSample
        {
            VMName = vmName,
            VMId = vmId,
            ConnectionUri = connectionUri,
            Time = time,
            Interval = interval,
            CpuPercent = Share(Value("GuestCpuNanoseconds")),
            VcpuPercent = vcpus == 0 ? null : Share(Math.Max(0, busy - (polling ?? Value("HaltPollNanoseconds") ?? 0)) / vcpus),
            // A wait is counted when it ends, so the count of an interval may be longer than the interval.
            DelayPercent = Share(delay) is { } share ? Math.Min(100, share) : null,
            ReadIops = Rate(Sum(".ReadRequests")),
            WriteIops = Rate(Sum(".WriteRequests")),
            FlushIops = Rate(Sum(".FlushRequests")),
            DiskMiBPerSecond = Rate(Sum(".ReadBytes") + Sum(".WriteBytes")) / 1048576,
            DiskMs = transfers > 0 ? transferTime / transfers / 1e6 : null,
            DiskRequestsUnderWay = Share(transferTime + (Sum(".FlushNanoseconds") ?? 0)) / 100,
            RxMbit = Rate(Sum(".ReceivedBytes")) * 8 / 1e6,
            TxMbit = Rate(Sum(".SentBytes")) * 8 / 1e6,
            DropsPerSecond = Rate(Sum(".ReceiveDropsPackets") + Sum(".SendDropsPackets")),
            MemoryKiB = Value("Balloon.CurrentKiB"),
            MemoryUsedPercent = BalloonFigures.UsedPercent(counters),
            SwapKiBPerSecond = BalloonFigures.SwapKiBPerSecond(counters),
            HostCpuPercent = Value("HostCpuBusyPercent"),
            Counters = counters,
        };
    }

    private static (int Count, double Busy, double? Polling, double? LongestDelay) Vcpus(IReadOnlyDictionary<string, double> counters)
    {
        var (count, busy) = (0, 0.0);
        double? polling = null, longest = null;
        foreach (var (name, value) in counters)
        {
            if (!name.StartsWith("Vcpu.", StringComparison.Ordinal))
            {
                continue;
            }

            if (name.EndsWith(".TimeNanoseconds", StringComparison.Ordinal))
            {
                count++;
                busy += value;
            }
            else if (name.EndsWith(".HaltPollNanoseconds", StringComparison.Ordinal))
            {
                polling = (polling ?? 0) + value;
            }
            else if (name.EndsWith(".DelayNanoseconds", StringComparison.Ordinal))
            {
                longest = Math.Max(longest ?? 0, value);
            }
        }

        return (count, busy, polling, longest);
    }

    // The sum over all disks or NICs, by the last part of the counter's name with its dot.
    private static Dictionary<string, double> Sums(IReadOnlyDictionary<string, double> counters)
    {
        var sums = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (name, value) in counters)
        {
            if (name.StartsWith("Disk.", StringComparison.Ordinal) || name.StartsWith("Nic.", StringComparison.Ordinal))
            {
                var ending = name[name.LastIndexOf('.')..];
                sums[ending] = sums.GetValueOrDefault(ending) + value;
            }
        }

        return sums;
    }

    /// <summary>For example <c>db01: 48 % of a host CPU over 2 s</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{VMName}: {CpuPercent:0} % of a host CPU over {IntervalSeconds:0.#} s");
}
