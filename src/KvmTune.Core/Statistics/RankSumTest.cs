// The test for a plain sequence of runs, all of the baseline and then all of the candidate: the exact Mann–Whitney test. It assumes
// independent runs, which drift of the host violates, so its verdict is provisional.
namespace KvmTune.Statistics;

/// <summary>The exact Mann–Whitney (Wilcoxon rank-sum) test, ties included.</summary>
/// <remarks>
/// Sources: Mann and Whitney, Ann. Math. Stat. 18 (1947) 50–60; the interval from ordered differences: Hollander and Wolfe,
/// "Nonparametric Statistical Methods" (1973), section 4.3. Perfolizer's Mann–Whitney is exact only without ties (with ties it
/// uses the distribution without ties) and has no interval; the tests compare with it where both apply.
/// </remarks>
public static class RankSumTest
{
    private const int LargestExact = 400;
    private const int LargestExactWithTies = 100;

    /// <summary>The two-sided p-value of "the candidate lies above the baseline by <paramref name="shift"/>".</summary>
    /// <returns>
    /// Above 0 and at most 1; 1 if all values are equal. Exact over all assignments of the ranks to the two sides, up to 400
    /// values (100 with ties); for more, the normal approximation with corrections for ties and continuity.
    /// </returns>
    /// <exception cref="ArgumentException">A sample is empty or has a value that is not finite.</exception>
    public static double PValue(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate, double shift = 0)
    {
        var b = Samples.Checked(baseline, nameof(baseline));
        var c = Samples.Shifted(Samples.Checked(candidate, nameof(candidate)), -shift);
        var ranks = Ranks.Doubled(b, c, shift);
        var sum = 0;
        for (var i = b.Length; i < ranks.Length; i++)
        {
            sum += ranks[i];
        }

        // The mean of the candidate's doubled rank sum is m (N + 1), with and without ties.
        var away = Math.Abs(sum - (c.Length * (ranks.Length + 1)));
        if (away == 0)
        {
            return 1;
        }

        var tied = ranks.Distinct().Count() < ranks.Length;
        return tied
            ? ranks.Length <= LargestExactWithTies ? Counted(ranks, c.Length, away) : Normal(ranks, c.Length, away)
            : ranks.Length <= LargestExact ? Untied(b.Length, c.Length, away) : Normal(ranks, c.Length, away);
    }

    /// <summary>The smallest p-value that samples of these sizes can give: all values of one side above all of the other.</summary>
    public static double SmallestPValue(int baselineCount, int candidateCount)
        => baselineCount < 1 || candidateCount < 1
            ? 1
            : Math.Min(1, 2 / MathNet.Numerics.SpecialFunctions.Binomial(baselineCount + candidateCount, candidateCount));

    /// <summary>All shifts that the test does not reject: from one ordered difference to the one as far from the other end.</summary>
    /// <returns>The interval; null if so few values reject no shift at that level (below 4 against 4 at 95 %).</returns>
    /// <exception cref="ArgumentException">As for the p-value, or the level does not lie between 0 and 1.</exception>
    public static ShiftInterval? Interval(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate, double confidenceLevel)
    {
        ShiftInterval.CheckLevel(confidenceLevel);
        var b = Samples.Checked(baseline, nameof(baseline));
        var c = Samples.Checked(candidate, nameof(candidate));
        var rejected = RejectedCount(b.Length, c.Length, 1 - confidenceLevel);
        if (rejected == 0)
        {
            return null;
        }

        var differences = ShiftInterval.Differences(b, c);
        return new ShiftInterval(differences[rejected - 1], differences[^rejected], confidenceLevel);
    }

    /// <summary>
    /// The real level of a test without ties at this nominal level. Small samples have only a few p-values; it is the largest one that is
    /// not above the nominal level. 0 if there is none.
    /// </summary>
    internal static double AttainedLevel(int n, int m, double alpha)
    {
        var rejected = RejectedCount(n, m, alpha);
        var counts = LowerHalfOfU(n, m);
        return 2 * counts.Take(rejected).Sum() / MathNet.Numerics.SpecialFunctions.Binomial(n + m, m);
    }

    // How many of the values 0, 1, 2 … of U are rejected.
    private static int RejectedCount(int n, int m, double alpha)
    {
        var pairs = (double)n * m;
        if (n + m > LargestExact)
        {
            var z = NormalTail.Quantile(1 - (alpha / 2));
            return (int)Math.Max(0, Math.Floor((pairs / 2) - (z * Math.Sqrt(pairs * (n + m + 1) / 12))));
        }

        var counts = LowerHalfOfU(n, m);
        var all = MathNet.Numerics.SpecialFunctions.Binomial(n + m, m);
        var sum = 0.0;
        for (var u = 0; u < counts.Length; u++)
        {
            sum += counts[u];
            if (2 * sum / all > alpha * (1 + 1e-12))
            {
                return u;
            }
        }

        return counts.Length;
    }

    private static double Untied(int n, int m, int away)
    {
        // Half of this is the distance of U from n m / 2, because the doubled rank sum is twice that of U.
        var counts = LowerHalfOfU(n, m);
        var largest = ((n * m) - away) / 2;
        var sum = 0.0;
        for (var u = 0; u <= largest; u++)
        {
            sum += counts[u];
        }

        return Math.Min(1, 2 * sum / MathNet.Numerics.SpecialFunctions.Binomial(n + m, m));
    }

    // The number of ways to get each value of U up to n m / 2: the coefficients of the Gaussian binomial, the product over i ≤ n of
    // (1 − q^(m+i)) / (1 − q^i). A coefficient depends only on lower ones, so the small counts of the tail stay exact.
    private static double[] LowerHalfOfU(int n, int m)
    {
        var counts = new double[(n * m / 2) + 1];
        counts[0] = 1;
        for (var i = 1; i <= n; i++)
        {
            for (var k = counts.Length - 1; k >= m + i; k--)
            {
                counts[k] -= counts[k - m - i];
            }

            for (var k = i; k < counts.Length; k++)
            {
                counts[k] += counts[k - i];
            }
        }

        return counts;
    }

    // With ties: the number of ways in which m of the ranks add up to each sum.
    private static double Counted(int[] ranks, int m, int away)
    {
        var largest = ranks.Sum();
        var ways = new double[m + 1][];
        for (var taken = 0; taken <= m; taken++)
        {
            ways[taken] = new double[largest + 1];
        }

        ways[0][0] = 1;
        var seen = 0;
        foreach (var rank in ranks)
        {
            seen += rank;
            for (var taken = m; taken >= 1; taken--)
            {
                for (var s = seen; s >= rank; s--)
                {
                    ways[taken][s] += ways[taken - 1][s - rank];
                }
            }
        }

        var mean = m * (ranks.Length + 1);
        var (far, all) = (0.0, 0.0);
        for (var s = 0; s <= largest; s++)
        {
            all += ways[m][s];
            far += Math.Abs(s - mean) >= away ? ways[m][s] : 0;
        }

        return Math.Min(1, far / all);
    }

    private static double Normal(int[] ranks, int m, int away)
    {
        var count = (double)ranks.Length;
        var ties = ranks.GroupBy(rank => rank).Sum(group => Math.Pow(group.Count(), 3) - group.Count());
        var variance = m * (count - m) / 12 * (count + 1 - (ties / (count * (count - 1))));
        return Math.Min(1, 2 * NormalTail.Above(Math.Max(0, (away / 2.0) - 0.5) / Math.Sqrt(variance)));
    }
}
