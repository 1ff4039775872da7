// The smallest shift that a comparison finds 4 times in 5, for its design, number of values and noise. It is simulated, not calculated:
// values are drawn from the measured ones again and again, and judged by the same test and threshold.
namespace KvmTune.Statistics;

/// <summary>Computes the smallest shift that a comparison finds.</summary>
/// <remarks>
/// A bootstrap of the noise (Efron, "Bootstrap methods: another look at the jackknife", Ann. Stat. 7 (1979) 1–26) with the shift removed. A few
/// values seldom contain the tails of many, so the noise is widened by <see cref="Widening"/>. <c>bench verdict</c> checks by simulation how
/// often shifts of the computed size are found.
/// </remarks>
public static class Detectability
{
    /// <summary>The power behind "would have found": 4 times in 5.</summary>
    public const double Power = 0.8;

    private const int Plays = 150;
    private const int Steps = 7;

    /// <summary>The largest shift that is reported: a tenfold rise, in per cent.</summary>
    public const double LargestPercent = 900;

    /// <summary>The smallest shift that a comparison of this many pairs, or runs a side, finds.</summary>
    /// <param name="design">The design; blocks of runs count as runs.</param>
    /// <param name="baseline">Measured values on the scale of the test; for pairs, one value for each pair.</param>
    /// <param name="candidate">Measured values on the scale of the test; for pairs, in the same order.</param>
    /// <param name="count">The number of pairs, or of runs a side, in the comparison.</param>
    /// <param name="alpha">The level.</param>
    /// <param name="threshold">The practical threshold on the scale of the test.</param>
    /// <param name="largest">The largest shift that is reported, on the scale of the test; null for the one on the logarithmic scale.</param>
    /// <returns>A shift of at least the threshold, on the scale of the test; null if there is none up to the largest.</returns>
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

        // Stops when enough simulations missed the shift, which is early for a shift that is far too small.
        bool IsFound(double shift)
        {
            var missed = 0;
            return plays.TrueForAll(play => (missed += Finds(play, shift) ? 0 : 1) <= (1 - Power) * plays.Count);
        }

        // Starts with twice the threshold, which is enough for a quiet guest.
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

    /// <summary>The smallest number of pairs, or runs a side, that can reach the level.</summary>
    public static int FewestToReach(ComparisonDesign design, double alpha)
    {
        var count = 1;
        while ((design == ComparisonDesign.Pairs ? SwapTest.SmallestPValue(count) : RankSumTest.SmallestPValue(count, count)) > alpha)
        {
            count++;
        }

        return count;
    }

    /// <summary>The factor by which the noise of this many values is widened.</summary>
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
