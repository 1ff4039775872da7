// Figures computed from several counters of one run, so that a reader need not compute them.
namespace KvmTune.Measurement.Sampling;

/// <summary>Computes shares from the differences of a run, if all their inputs are known.</summary>
internal static class DerivedCounters
{
    public static void Add(IDictionary<string, double> counters)
    {
        // Processor time that others than this guest used, as a number of processors. Runs are screened by it.
        if (counters.TryGetValue("HostCpuBusyNanoseconds", out var busy)
            && counters.TryGetValue("GuestCpuNanoseconds", out var guest)
            && counters.TryGetValue("FrameNanoseconds", out var frame)
            && frame > 0)
        {
            counters["HostBusyOutsideGuestCores"] = Math.Max(0, busy - guest) / frame;
        }

        if (counters.TryGetValue("HostCpuBusyNanoseconds", out busy)
            && counters.TryGetValue("HostCpuIdleNanoseconds", out var idle)
            && busy + idle > 0)
        {
            counters["HostCpuBusyPercent"] = 100 * busy / (busy + idle);
        }
    }
}
