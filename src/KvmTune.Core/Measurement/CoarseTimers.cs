// The timers of an emulated guest are coarse: latency percentiles below their step are not reliable.
using System.Globalization;

namespace KvmTune.Measurement;

/// <summary>Names the latency percentiles that are too small for an emulated guest's clock.</summary>
internal static class CoarseTimers
{
    /// <summary>Latencies below this are not reliable in an emulated guest.</summary>
    public const double SmallestNanoseconds = 100_000;

    /// <summary>The note for a measurement, as a sentence; null if all its percentiles are reliable.</summary>
    public static string? NoteFor(VMPerformance performance)
    {
        if (performance.Conditions.DomainType is not "qemu" || performance.CountedRuns.Count == 0)
        {
            return null;
        }

        var small = performance.Metrics
            .Where(metric => metric is { Kind: MetricKind.LatencyPercentile, Unit: "ns" })
            .Where(metric => performance.CountedRuns.Select(run => run.Values.GetValueOrDefault(metric.Name, double.NaN)).Where(double.IsFinite).ToList()
                is { Count: > 0 } values && values.Count(value => value < SmallestNanoseconds) * 2 > values.Count)
            .Select(metric => metric.Name)
            .ToList();
        return small.Count == 0
            ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"The guest is emulated and its timers are coarse: {string.Join(", ", small)} below {SmallestNanoseconds / 1000:0} µs are not reliable.");
    }
}
