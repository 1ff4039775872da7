// Rates of the seconds of one run, as the workload's tool reported them, and how unsteady they are.
namespace KvmTune.Measurement.Workloads;

/// <summary>Small pure functions on the rates of one run.</summary>
internal static class PerSecond
{
    // How far what was reported by the second may lie from what was reported in all, before neither is believed to be of the same run.
    private const double LargestExcess = 1.1;

    /// <summary>
    /// The rates of the seconds that were reported. A second is placed by the tool's own clock: it has the windows that end in it, up to half
    /// a window late. One whose windows are not all there is absent: what is missing is never worked out from the rest.
    /// </summary>
    /// <param name="windows">The end of each window in seconds from the start, rising, and the rate in it.</param>
    /// <param name="windowSeconds">The length of a window: a second, or a whole part of one.</param>
    /// <param name="total">All the work of the run. Seconds that did more than that are no seconds of it, and none is returned.</param>
    /// <param name="seconds">The length of the run in seconds.</param>
    public static IReadOnlyList<double> Reported(
        IReadOnlyList<(double EndSeconds, double Rate)> windows, double windowSeconds, double total, double seconds)
    {
        var late = windowSeconds / 2;
        var perSecond = (int)Math.Round(1 / windowSeconds);
        // A run of 3 s is over after 2,999 ms now and then: a hundredth of the last second may be missing.
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

    /// <summary>Adds the variation of the rates to a run's values, where there are enough of them for one.</summary>
    public static void AddVariation(IDictionary<string, double> values, IReadOnlyList<double> rates)
    {
        if (VariationPercent(rates) is var variation && double.IsFinite(variation))
        {
            values["RateVariation"] = variation;
        }
    }
}
