// The rate in each second of a run, as the workload's tool reported it, and the variation of these rates.
namespace KvmTune.Measurement.Workloads;

/// <summary>Pure functions on the per-second rates of one run.</summary>
internal static class PerSecond
{
    // The sum of the per-second rates may exceed the total by this factor. Beyond it, they cannot be from the same run.
    private const double LargestExcess = 1.1;

    /// <summary>
    /// The rates of the reported seconds. The tool's own clock decides the second of a window: the one in which it ends, or up to half a window
    /// later. A second without all its windows is left out; missing windows are never estimated.
    /// </summary>
    /// <param name="windows">The end of each window in seconds from the start, rising, and the rate in it.</param>
    /// <param name="windowSeconds">The length of a window: a second, or a whole part of one.</param>
    /// <param name="total">All the work of the run. If the seconds add up to clearly more than that, none is returned.</param>
    /// <param name="seconds">The length of the run in seconds.</param>
    public static IReadOnlyList<double> Reported(
        IReadOnlyList<(double EndSeconds, double Rate)> windows, double windowSeconds, double total, double seconds)
    {
        var late = windowSeconds / 2;
        var perSecond = (int)Math.Round(1 / windowSeconds);
        // A run of 3 s sometimes ends after 2,999 ms, so a hundredth of the last second may be missing.
        var rates = windows.GroupBy(window => Math.Ceiling(window.EndSeconds - late))
            .Where(second => second.Key >= 1 && second.Key <= seconds + 0.01 && second.Count() == perSecond
                && second.All(window => double.IsFinite(window.Rate) && window.Rate >= 0))
            .Select(second => second.Average(window => window.Rate)).ToList();
        return rates.Sum() <= LargestExcess * total ? rates : [];
    }

    /// <summary>The coefficient of variation in per cent: sample standard deviation over mean. NaN below two values or without work.</summary>
    public static double VariationPercent(IReadOnlyList<double> rates)
    {
        if (rates.Count < 2)
        {
            return double.NaN;
        }

        var mean = rates.Average();
        return mean > 0 ? 100 * Math.Sqrt(rates.Sum(rate => (rate - mean) * (rate - mean)) / (rates.Count - 1)) / mean : double.NaN;
    }

    /// <summary>Adds the variation of the rates to a run's values, if there are enough rates.</summary>
    public static void AddVariation(IDictionary<string, double> values, IReadOnlyList<double> rates)
    {
        if (VariationPercent(rates) is var variation && double.IsFinite(variation))
        {
            values["RateVariation"] = variation;
        }
    }
}
