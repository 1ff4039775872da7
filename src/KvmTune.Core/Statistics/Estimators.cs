// Robust estimators of location, shift and spread. Perfolizer computes them; this file adds the sign, the checks and the names that KvmTune
// uses.
using Perfolizer;
using Perfolizer.Mathematics.GenericEstimators;
using Perfolizer.Mathematics.QuantileEstimators;
using Perfolizer.Mathematics.ScaleEstimators;

namespace KvmTune.Statistics;

/// <summary>Robust estimators of location, shift and spread.</summary>
public static class Estimators
{
    private static readonly HarrellDavisQuantileEstimator HarrellDavis = new();

    /// <summary>The sample median: the middle value, or the mean of the two middle ones.</summary>
    /// <exception cref="ArgumentException">The sample is empty or has a value that is not finite.</exception>
    public static double Median(IReadOnlyList<double> values)
        => SimpleQuantileEstimator.Instance.Quantile(new Sample(Samples.Checked(values, nameof(values))), 0.5);

    /// <summary>The Harrell–Davis estimate of a quantile: a mean of all order statistics, weighted by a beta distribution.</summary>
    /// <param name="values">The sample.</param>
    /// <param name="probability">Which quantile, from 0 to 1.</param>
    /// <remarks>Source: Harrell and Davis, "A new distribution-free quantile estimator", Biometrika 69 (1982) 635–640.</remarks>
    /// <exception cref="ArgumentException">The sample is empty or has a value that is not finite.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The probability is not between 0 and 1.</exception>
    public static double Quantile(IReadOnlyList<double> values, double probability)
    {
        if (probability is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "A probability lies between 0 and 1.");
        }

        return HarrellDavis.Quantile(new Sample(Samples.Checked(values, nameof(values))), probability);
    }

    /// <summary>
    /// The Hodges–Lehmann shift: the median of all differences candidate − baseline. Positive when the candidate is higher
    /// (Perfolizer's own sign is first − second).
    /// </summary>
    /// <remarks>Source: Hodges and Lehmann, "Estimates of location based on rank tests", Ann. Math. Stat. 34 (1963) 598–611.</remarks>
    /// <exception cref="ArgumentException">A sample is empty or has a value that is not finite.</exception>
    public static double HodgesLehmannShift(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate)
        => HodgesLehmannEstimator.Instance.Shift(
            new Sample(Samples.Checked(candidate, nameof(candidate))),
            new Sample(Samples.Checked(baseline, nameof(baseline))));

    /// <summary>
    /// The Shamos estimate of spread: the median of all distances between two values, scaled so that it agrees with the
    /// standard deviation of normal values, with Perfolizer's correction for small samples.
    /// </summary>
    /// <remarks>
    /// Source: Shamos, "Geometry and statistics" (1976); the factors by Park, Kim and Wang, "Investigation of finite-sample
    /// properties of robust location and scale estimators", Commun. Stat. Simul. Comput. 51 (2022) 2619–2645. It keeps its
    /// value with up to 29 % of outliers and has 86 % of the standard deviation's efficiency on normal values.
    /// </remarks>
    /// <exception cref="ArgumentException">The sample has fewer than two values or one that is not finite.</exception>
    public static double ShamosSpread(IReadOnlyList<double> values)
        => ShamosEstimator.Instance.Scale(new Sample(Samples.Checked(values, nameof(values), atLeast: 2)));

    /// <summary>The standard deviation with n − 1, for samples whose robust spread is 0 because most values are tied.</summary>
    /// <exception cref="ArgumentException">The sample has fewer than two values or one that is not finite.</exception>
    public static double StandardDeviation(IReadOnlyList<double> values)
        => MathNet.Numerics.Statistics.ArrayStatistics.StandardDeviation(Samples.Checked(values, nameof(values), atLeast: 2));
}
