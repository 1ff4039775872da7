// How noisy a comparison was, and what follows from that: the smallest shift that it would have found, and how many more runs
// would probably settle it.
namespace KvmTune.Statistics;

/// <summary>The noise of a comparison.</summary>
/// <param name="Design">The design.</param>
/// <param name="Deviation">
/// The spread of one pair's difference; for other designs that of one run, pooled over both sides. On the scale of the test, as a
/// standard deviation.
/// </param>
/// <param name="Count">The number of pairs, or of runs a side (their harmonic mean where they differ).</param>
public sealed record NoiseLevel(ComparisonDesign Design, double Deviation, double Count)
{
    /// <summary>The power that "would have found" means: 4 times in 5.</summary>
    public const double Power = 0.8;

    /// <summary>The largest number of pairs, or of runs a side, that is worth naming.</summary>
    public const int MostRuns = 200;

    /// <summary>Measures the noise of two samples: by Shamos, or by the standard deviation where most values are tied.</summary>
    public static NoiseLevel Of(ComparisonDesign design, IReadOnlyList<double> baseline, IReadOnlyList<double> candidate)
    {
        if (design == ComparisonDesign.Pairs)
        {
            return new(design, Spread([.. candidate.Zip(baseline, (c, b) => c - b)]), baseline.Count);
        }

        var (n, m) = ((double)baseline.Count, (double)candidate.Count);
        var pooled = n + m > 2
            ? (((n - 1) * Math.Pow(Spread(baseline), 2)) + ((m - 1) * Math.Pow(Spread(candidate), 2))) / (n + m - 2)
            : 0;
        return new(design, Math.Sqrt(pooled), 2 * n * m / (n + m));
    }

    /// <summary>
    /// The smallest true shift that a test at this level, with this many runs and this noise, finds 4 times in 5; null where so
    /// few runs cannot reach the level at all.
    /// </summary>
    /// <remarks>
    /// (t₁₋α⸝₂ + t₀.₈) σ √(π/3) / √n, with σ √2 for two independent samples: the plan of a t test (Cohen, "Statistical Power
    /// Analysis for the Behavioral Sciences", 2nd edition 1988, section 2.5), with π/3 for the efficiency of rank tests on
    /// normal values (Hodges and Lehmann, Ann. Math. Stat. 27 (1956) 324–335). Where only "all pairs on one side" reaches the
    /// level (8 pairs at 0.01), the shift at which all n differences have one sign with a probability of 0.8.
    /// </remarks>
    public double? DetectableShift(double alpha) => DetectableShift(alpha, Count);

    /// <summary>
    /// How many further pairs, or runs a side, would probably settle it (4 times in 5), if shift and noise stay as they are: to
    /// show the shift where it is at least the threshold, or to show that it lies within the margin.
    /// </summary>
    /// <param name="shift">The shift seen.</param>
    /// <param name="alphaAt">The level that a difference is judged at, by the number of pairs or of runs a side.</param>
    /// <param name="threshold">The practical threshold, on the scale of the test.</param>
    /// <param name="margin">The margin of equivalence, on the scale of the test.</param>
    /// <returns>At least 1 (and at least what can reach the level at all); null where more than <see cref="MostRuns"/> in all would be needed.</returns>
    public int? FurtherRuns(double shift, Func<int, double> alphaAt, double threshold, double margin)
    {
        ArgumentNullException.ThrowIfNull(alphaAt);
        var size = Math.Abs(shift);
        for (var count = (int)Math.Floor(Count) + 1; count <= MostRuns; count++)
        {
            var shows = size >= threshold && DetectableShift(alphaAt(count), count) <= size;
            var excludes = size < margin && EquivalenceReach(count) <= margin - size;
            if (shows || excludes)
            {
                return count - (int)Math.Floor(Count);
            }
        }

        return null;
    }

    // How far inside the margin the shift must lie, for a 90 % interval to stay within it 4 times in 5. Both ends must hold, so
    // each is given a tenth (Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657–680, on two one-sided tests).
    private double EquivalenceReach(double count)
        => count < 2 ? double.PositiveInfinity
            : (NormalTail.StudentQuantile(0.95, Freedom(count)) + NormalTail.StudentQuantile(0.9, Freedom(count))) * StandardError(count);

    private double? DetectableShift(double alpha, double count)
    {
        if (count < 2 || SmallestPValue(count) > alpha)
        {
            return null;
        }

        var planned = (NormalTail.StudentQuantile(1 - (Attained(alpha, count) / 2), Freedom(count))
            + NormalTail.StudentQuantile(Power, Freedom(count))) * StandardError(count);
        var onlyAllOnOneSide = Design == ComparisonDesign.Pairs && 2 * SmallestPValue(count) > alpha;
        return onlyAllOnOneSide
            ? Math.Max(planned, Deviation * NormalTail.Quantile(Math.Pow(Power, 1 / count)))
            : planned;
    }

    private double SmallestPValue(double count) => Design == ComparisonDesign.Pairs
        ? SwapTest.SmallestPValue((int)count)
        : RankSumTest.SmallestPValue((int)count, (int)count);

    // A rank-sum test of few runs keeps less than the level that is asked for; from 30 on the gap is no more to be seen.
    private double Attained(double alpha, double count) => Design != ComparisonDesign.Pairs && count < 30
        ? RankSumTest.AttainedLevel((int)count, (int)count, alpha)
        : alpha;

    private double Freedom(double count) => Design == ComparisonDesign.Pairs ? count - 1 : (2 * count) - 2;

    private double StandardError(double count)
        => Deviation * Math.Sqrt(Math.PI / 3 * (Design == ComparisonDesign.Pairs ? 1 : 2) / count);

    private static double Spread(IReadOnlyList<double> values)
    {
        if (values.Count < 2)
        {
            return 0;
        }

        var shamos = Estimators.ShamosSpread(values);
        return shamos > 0 ? shamos : Estimators.StandardDeviation(values);
    }
}
