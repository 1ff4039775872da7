// The interval of a median by order statistics: it needs nothing of the distribution, and its ends are values that were measured.
namespace KvmTune.Statistics;

/// <summary>A confidence interval of a median.</summary>
/// <param name="Low">Its lower end.</param>
/// <param name="High">Its upper end.</param>
/// <param name="ConfidenceLevel">The level that was asked for; the interval covers at least as much.</param>
public sealed record MedianInterval(double Low, double High, double ConfidenceLevel)
{
    /// <summary>
    /// The narrowest interval from the k-th smallest to the k-th largest value that covers the median at the level (the inverted sign
    /// test: Conover, "Practical Nonparametric Statistics", 1999, section 3.2).
    /// </summary>
    /// <param name="values">The sample.</param>
    /// <param name="confidenceLevel">The level, above 0 and below 1.</param>
    /// <returns>The interval; null where the sample is too small to have one (below 6 values at 0.95).</returns>
    public static MedianInterval? Of(IReadOnlyList<double> values, double confidenceLevel)
    {
        ShiftInterval.CheckLevel(confidenceLevel);
        ArgumentNullException.ThrowIfNull(values);
        var sorted = values.Order().ToArray();

        // How likely it is that fewer than k of the values lie on one side of the median, for growing k.
        var probability = Math.Pow(0.5, sorted.Length);
        var (tail, order) = (probability, 0);
        while (2 * tail <= 1 - confidenceLevel)
        {
            order++;
            probability *= (sorted.Length - order + 1.0) / order;
            tail += probability;
        }

        return order == 0 ? null : new MedianInterval(sorted[order - 1], sorted[^order], confidenceLevel);
    }
}
