// What a comparison can find: the smallest shift that its design, at this many values and this noise, finds 4 times in 5. It is played,
// not calculated: the values at hand are drawn again and again, and the same test and threshold judge them.
namespace KvmTune.Statistics;

/// <summary>The smallest shifts that comparisons find.</summary>
/// <remarks>
/// A bootstrap of the noise (Efron, "Bootstrap methods: another look at the jackknife", Ann. Stat. 7 (1979) 1–26) with the shift taken out. A
/// few values seldom hold the tails that many have, so the noise is taken as wider by <see cref="Widening"/>; <c>bench verdict</c> plays how
/// often the shifts that were named so are found.
/// </remarks>
public static class Detectability
{
    /// <summary>The power that "would have found" means: 4 times in 5.</summary>
    public const double Power = 0.8;

    private const int Plays = 150;
    private const int Steps = 7;

    /// <summary>The largest shift that is worth naming: a tenfold rise, in per cent.</summary>
    public const double LargestPercent = 900;

    /// <summary>The smallest shift that a comparison of so many pairs, or runs a side, finds.</summary>
    /// <param name="design">The design; blocks of runs count as runs.</param>
    /// <param name="baseline">Values at hand on the scale of the test; for pairs, one a pair.</param>
    /// <param name="candidate">Values at hand; for pairs, in the same order.</param>
    /// <param name="count">How many pairs, or runs a side, are compared.</param>
    /// <param name="alpha">The level.</param>
    /// <param name="threshold">The practical threshold on the scale of the test.</param>
    /// <param name="largest">The largest shift that is worth naming, on the scale of the test; null for that of logarithms.</param>
    /// <returns>A shift of at least the threshold, on the scale of the test; null where there is none, or none that is worth naming.</returns>
    public static double? Shift(
        ComparisonDesign design,
        IReadOnlyList<double> baseline,
        IReadOnlyList<double> candidate,
        int count,
        double alpha,
        double threshold,
        double? largest = null)
    {
        var isPairs = design == ComparisonDesign.Pairs;
        var smallest = isPairs ? SwapTest.SmallestPValue(count) : RankSumTest.SmallestPValue(count, count);
        if (baseline.Count < 2 || candidate.Count < 2 || smallest > alpha)
        {
            return null;
        }

        var plays = isPairs ? OfPairs(baseline, candidate, count) : OfRuns(baseline, candidate, count);
        bool Finds((double[] Baseline, double[] Candidate) play, double shift)
        {
            var shifted = Samples.Shifted(play.Candidate, shift);
            return (isPairs ? SwapTest.PValue(play.Baseline, shifted) : RankSumTest.PValue(play.Baseline, shifted)) <= alpha
                && Estimators.HodgesLehmannShift(play.Baseline, shifted) >= threshold;
        }

        // Until enough missed it, which for shifts that are far too small is soon.
        bool IsFound(double shift)
        {
            var missed = 0;
            return plays.TrueForAll(play => (missed += Finds(play, shift) ? 0 : 1) <= (1 - Power) * plays.Count);
        }

        // Twice the threshold first, which is all that a quiet guest needs.
        var (low, high) = (0.0, Math.Max(2 * threshold, 1e-9));
        while (!IsFound(high))
        {
            (low, high) = (high, 2 * high);
            if (low > (largest ?? Math.Log(1 + (LargestPercent / 100))))
            {
                return null;
            }
        }

        for (var step = 0; step < Steps; step++)
        {
            var middle = (low + high) / 2;
            (low, high) = IsFound(middle) ? (low, middle) : (middle, high);
        }

        return Math.Max(high, threshold);
    }

    /// <summary>The fewest pairs, or runs a side, that can reach a level at all.</summary>
    public static int FewestToReach(ComparisonDesign design, double alpha)
    {
        var count = 1;
        while ((design == ComparisonDesign.Pairs ? SwapTest.SmallestPValue(count) : RankSumTest.SmallestPValue(count, count)) > alpha)
        {
            count++;
        }

        return count;
    }

    /// <summary>How much wider the noise of so many values is taken than they show.</summary>
    internal static double Widening(int count) => Math.Sqrt((count + 2.0) / Math.Max(1, count - 1));

    private static List<(double[] Baseline, double[] Candidate)> OfPairs(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate, int count)
    {
        var shift = Estimators.HodgesLehmannShift(baseline, candidate);
        var widening = Widening(baseline.Count);
        var pairs = baseline.Zip(candidate, (b, c) => (Middle: (b + c - shift) / 2, Half: widening * (c - shift - b) / 2)).ToList();
        var chance = new Random(count);
        return Played(() =>
        {
            var (b, c) = (new double[count], new double[count]);
            for (var i = 0; i < count; i++)
            {
                var (middle, half) = pairs[chance.Next(pairs.Count)];
                half = chance.Next(2) == 0 ? half : -half;
                (b[i], c[i]) = (middle - half, middle + half);
            }

            return (b, c);
        });
    }

    private static List<(double[] Baseline, double[] Candidate)> OfRuns(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate, int count)
    {
        var (before, after) = (Estimators.Median(baseline), Estimators.Median(candidate));
        var widening = Widening((baseline.Count + candidate.Count) / 2);
        double[] noise = [.. baseline.Select(value => widening * (value - before)), .. candidate.Select(value => widening * (value - after))];
        var chance = new Random(count);
        double[] Side() => [.. Enumerable.Range(0, count).Select(_ => noise[chance.Next(noise.Length)])];
        return Played(() => (Side(), Side()));
    }

    private static List<(double[] Baseline, double[] Candidate)> Played(Func<(double[] Baseline, double[] Candidate)> play) =>
        [.. Enumerable.Range(0, Plays).Select(_ => play())];
}
