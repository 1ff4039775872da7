// What the guest's balloon driver reported in an interval. It reports from time to time: between two reports its figures are unknown, not zero.
using KvmTune.Measurement.Sampling;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>Reads the balloon's counters (libvirt: <c>balloon.*</c>) from the growth of counters.</summary>
internal static class BalloonFigures
{
    /// <summary>The guest's memory that is not available without swapping, in per cent; null where that was not reported.</summary>
    public static double? UsedPercent(IReadOnlyDictionary<string, double> counters) =>
        100 - (100 * Value(counters, "UsableKiB") / Value(counters, "AvailableKiB"));

    /// <summary>The guest's swapping, in KiB a second; null where nothing was reported in the interval.</summary>
    public static double? SwapKiBPerSecond(IReadOnlyDictionary<string, double> counters) => Rate(counters, "SwapInKiB") + Rate(counters, "SwapOutKiB");

    /// <summary>A counter of the balloon, per second by the driver's own times; null where nothing was reported in the interval.</summary>
    public static double? Rate(IReadOnlyDictionary<string, double> counters, string name) =>
        counters.TryGetValue(LibvirtSampler.BalloonUpdates, out var seconds) && seconds > 0 ? Value(counters, name) / seconds : null;

    private static double? Value(IReadOnlyDictionary<string, double> counters, string name) =>
        counters.TryGetValue("Balloon." + name, out var value) ? value : null;
}
