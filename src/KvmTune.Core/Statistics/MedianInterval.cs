// An interval for the median of one side, between two of its values. It makes no assumption about their distribution.
using MathNet.Numerics.Distributions;

namespace KvmTune.Statistics;

/// <summary>An interval for the median of a sample.</summary>
/// <param name="Median">The sample median, in the unit of the values.</param>
/// <param name="Low">The lower end, a value of the sample.</param>
/// <param name="High">The upper end, a value of the sample.</param>
/// <param name="Coverage">How often such an interval contains the median; at least the requested level.</param>
public sealed record MedianInterval(double Median, double Low, double High, double Coverage)
{
    /// <summary>The interval of a sample.</summary>
    /// <param name="values">The sample; its values must be independent of each other.</param>
    /// <param name="confidenceLevel">The level, for example 0.95.</param>
    /// <returns>Null if there are too few values: below 6 values at a level of 0.95.</returns>
    /// <remarks>
    /// The values j and n + 1 − j in order, with 1 − 2 P(B ≤ j − 1) for B binomial (n, ½). Source: Thompson, "On confidence ranges
    /// for the median and other expectation distributions for populations of unknown distribution form", Ann. Math. Stat. 7 (1936) 122–128.
    /// </remarks>
    /// <exception cref="ArgumentException">A value is not finite, or the level does not lie between 0 and 1.</exception>
    public static MedianInterval? Of(IReadOnlyList<double> values, double confidenceLevel)
    {
        ShiftInterval.CheckLevel(confidenceLevel);
        var sorted = Samples.Checked(values, nameof(values), atLeast: 0);
        Array.Sort(sorted);
        for (var trimmed = (sorted.Length / 2) - 1; trimmed >= 0; trimmed--)
        {
            var coverage = 1 - (2 * Binomial.CDF(0.5, sorted.Length, trimmed));
            if (coverage >= confidenceLevel)
            {
                return new(Estimators.Median(sorted), sorted[trimmed], sorted[^(trimmed + 1)], coverage);
            }
        }

        return null;
    }

    /// <summary>For example <c>6519 [6400, 6700]</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Median:0.###} [{Low:0.###}, {High:0.###}]");
}
