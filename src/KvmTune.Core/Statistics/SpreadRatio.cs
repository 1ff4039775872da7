// How the run-to-run spread of the candidate compares with that of the baseline. It is shown, with its interval, and not judged:
// to see a doubling of it takes more than 30 runs a side.
namespace KvmTune.Statistics;

/// <summary>The Shamos spread of the candidate over that of the baseline.</summary>
/// <param name="Ratio">The ratio; 1 means as steady as before, below 1 steadier.</param>
/// <param name="Low">The lower end of its interval.</param>
/// <param name="High">The upper end of its interval.</param>
/// <param name="ConfidenceLevel">The level of the interval.</param>
public sealed record SpreadRatio(double Ratio, double Low, double High, double ConfidenceLevel)
{
    /// <summary>From how many runs a side the ratio can be judged.</summary>
    public const int FewestRunsToJudge = 30;

    // The variance of ln(spread) of normal values is 1 / (2 (n − 1)), over Shamos's efficiency.
    private const double ShamosEfficiency = 0.864;

    /// <summary>Estimates the ratio.</summary>
    /// <returns>Null where a side has fewer than 3 values, or so many ties that a spread is 0.</returns>
    /// <remarks>
    /// The interval takes ln(spread) as normal with a variance of 1 / (2 (n − 1) e), as for the standard deviation (Kendall and
    /// Stuart, "The Advanced Theory of Statistics" vol. 1, section 10.10), with e = 0.864 for Shamos (Rousseeuw and Croux, J. Am.
    /// Stat. Assoc. 88 (1993) 1273–1283), and Student's t with n + m − 2. Values with heavier tails than normal need a wider one.
    /// </remarks>
    /// <exception cref="ArgumentException">A value is not finite, or the level does not lie between 0 and 1.</exception>
    public static SpreadRatio? Of(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate, double confidenceLevel)
    {
        ShiftInterval.CheckLevel(confidenceLevel);
        var (n, m) = (baseline.Count, candidate.Count);
        if (n < 3 || m < 3)
        {
            return null;
        }

        var (before, after) = (Estimators.ShamosSpread(baseline), Estimators.ShamosSpread(candidate));
        if (before <= 0 || after <= 0)
        {
            return null;
        }

        var error = Math.Sqrt(((1.0 / (n - 1)) + (1.0 / (m - 1))) / (2 * ShamosEfficiency));
        var factor = Math.Exp(NormalTail.StudentQuantile((1 + confidenceLevel) / 2, n + m - 2) * error);
        return new(after / before, after / before / factor, after / before * factor, confidenceLevel);
    }
}
