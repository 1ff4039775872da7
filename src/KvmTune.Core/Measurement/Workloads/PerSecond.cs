// Per-second rates of one run, and how unsteady they are.
namespace KvmTune.Measurement.Workloads;

/// <summary>Small pure functions on the rates of one run.</summary>
internal static class PerSecond
{
    /// <summary>
    /// Turns the rates of windows into the rates of whole seconds. A window that spans the border of two seconds counts for both by its
    /// share; what the windows leave open at the end is filled from the run's total.
    /// </summary>
    /// <param name="windows">The end of each window in seconds from the start, rising, and the rate in it.</param>
    /// <param name="total">All the work of the run.</param>
    /// <param name="seconds">The length of the run in seconds.</param>
    public static IReadOnlyList<double> Resample(IReadOnlyList<(double EndSeconds, double Rate)> windows, double total, double seconds)
    {
        var times = new List<double> { 0 };
        var done = new List<double> { 0 };
        foreach (var (end, rate) in windows)
        {
            if (end > times[^1] && end <= seconds)
            {
                done.Add(done[^1] + (rate * (end - times[^1])));
                times.Add(end);
            }
        }

        if (seconds > times[^1] && total >= done[^1])
        {
            times.Add(seconds);
            done.Add(total);
        }

        // A run of 3 s is over after 2,999 ms now and then: a hundredth of the last second may be missing.
        var rates = new List<double>();
        for (var second = 1; second <= seconds + 0.01; second++)
        {
            rates.Add(Interpolate(times, done, Math.Min(second, seconds)) - Interpolate(times, done, second - 1));
        }

        return rates;
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

    private static double Interpolate(List<double> times, List<double> done, double at)
    {
        for (var i = 1; i < times.Count; i++)
        {
            if (at <= times[i])
            {
                return done[i - 1] + ((done[i] - done[i - 1]) * (at - times[i - 1]) / (times[i] - times[i - 1]));
            }
        }

        return done[^1];
    }
}
