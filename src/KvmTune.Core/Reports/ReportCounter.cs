// The host's counters that a report draws along the time line, and their readable form.
using KvmTune.Measurement;

namespace KvmTune.Reports;

/// <summary>A counter in a report.</summary>
/// <param name="Name">Its name, in words.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="In">Its value in a run; null if the run does not have it.</param>
internal sealed record ReportCounter(string Name, string Unit, Func<IReadOnlyDictionary<string, double>, double?> In)
{
    private const string Frame = "FrameNanoseconds";

    private static readonly IReadOnlyList<ReportCounter> Known =
    [
        new("Host CPUs busy", "%", counters => Find(counters, "HostCpuBusyPercent")),
        new("Host CPUs taken by others than this VM", "CPUs", counters => Find(counters, "HostBusyOutsideGuestCores")),
        new("vCPUs waiting for a host CPU", "% of the run", counters => Share(counters, "VcpuRunQueueDelayNanoseconds", 1)),
        new("Host waiting for its disks", "% of a CPU", counters => Share(counters, "HostCpuIOWaitNanoseconds", 1)),
        new("Time taken from the host by its own hypervisor", "% of a CPU", counters => Share(counters, "HostCpuStealNanoseconds", 1)),
        new("Host under CPU pressure", "% of the run", counters => Share(counters, "PressureCpuSomeMicroseconds", 1000)),
        new("Host under I/O pressure", "% of the run", counters => Share(counters, "PressureIoSomeMicroseconds", 1000)),
        new("Host under memory pressure", "% of the run", counters => Share(counters, "PressureMemorySomeMicroseconds", 1000)),
    ];

    /// <summary>The counters that the runs of a chapter have and that are not always 0.</summary>
    public static IReadOnlyList<ReportCounter> Of(IReadOnlyList<MeasuredRun> runs) =>
        [.. Known.Where(counter => runs.Any(run => counter.In(run.Counters) is > 0))];

    private static double? Find(IReadOnlyDictionary<string, double> counters, string name) =>
        counters.TryGetValue(name, out var value) && double.IsFinite(value) ? value : null;

    private static double? Share(IReadOnlyDictionary<string, double> counters, string name, double nanoseconds) =>
        Find(counters, name) is { } value && Find(counters, Frame) is { } frame and > 0 ? 100 * value * nanoseconds / frame : null;
}
