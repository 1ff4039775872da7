// The test for runs made in pairs. If the change has no effect, either run of a pair could have been the candidate's, so every pair may be
// swapped. The p-value is the share of all swaps with at least as large a difference of ranks.
namespace KvmTune.Statistics;

/// <summary>The exact swap test for pairs, on ranks.</summary>
/// <remarks>
/// All values are ranked together, each pair gives the difference of its two ranks, and the absolute sum of the differences is
/// compared with the sums of all 2ⁿ sign flips: Fisher's randomisation of pairs ("The Design of Experiments", 1935, section 21)
/// on the ranks of both samples together. Such ranks are robust and keep the differences between pairs, which signed ranks lose
/// (Conover and Iman, "Rank transformations as a bridge between parametric and nonparametric statistics", Am. Stat. 35
/// (1981) 124–129). The flips are counted by dynamic programming over doubled ranks, not drawn.
/// </remarks>
public static class SwapTest
{
    // Above this the distribution is close enough to normal, and counting all flips would take seconds.
    private const int LargestExact = 200;

    /// <summary>The two-sided p-value of "the candidate lies above the baseline by <paramref name="shift"/>".</summary>
    /// <param name="baseline">The baseline's value of each pair.</param>
    /// <param name="candidate">The candidate's value of each pair, in the same order.</param>
    /// <param name="shift">The shift to test; 0 for "nothing changed".</param>
    /// <returns>Above 0 and at most 1; 1 if all values are equal. Exact up to 200 pairs, the normal approximation beyond.</returns>
    /// <exception cref="ArgumentException">The lengths differ, there are no pairs, or a value is not finite.</exception>
    public static double PValue(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate, double shift = 0)
    {
        var (b, c) = Samples.CheckedPairs(baseline, candidate);
        return PValueOf(b, Samples.Shifted(c, -shift), shift);
    }

    /// <summary>The smallest p-value that this many pairs can give: all pairs differ in the same direction, 2 flips of 2ⁿ.</summary>
    public static double SmallestPValue(int pairs) => pairs < 1 ? 1 : Math.Pow(2, 1 - pairs);

    /// <summary>All shifts that the test does not reject.</summary>
    /// <returns>The interval; null if so few pairs reject no shift at that level (below 6 pairs at 95 %).</returns>
    /// <exception cref="ArgumentException">As for the p-value, or the level does not lie between 0 and 1.</exception>
    public static ShiftInterval? Interval(IReadOnlyList<double> baseline, IReadOnlyList<double> candidate, double confidenceLevel)
    {
        var (b, c) = Samples.CheckedPairs(baseline, candidate);
        return ShiftInterval.Invert(b, c, shift => PValueOf(b, Samples.Shifted(c, -shift), shift), confidenceLevel);
    }

    private static double PValueOf(double[] baseline, double[] candidate, double shift)
    {
        var ranks = Ranks.Doubled(baseline, candidate, shift);
        var pairs = baseline.Length;
        var differences = new int[pairs];
        var (sum, largest) = (0, 0);
        for (var i = 0; i < pairs; i++)
        {
            var difference = ranks[pairs + i] - ranks[i];
            sum += difference;
            differences[i] = Math.Abs(difference);
            largest += differences[i];
        }

        return largest == 0 ? 1 : pairs <= LargestExact ? Exact(differences, sum, largest) : Normal(differences, sum);
    }

    // The sum of ±dᵢ is 2 s − Σ dᵢ, where s is the sum over the pairs with a plus. So it is enough to count subsets by their sum.
    private static double Exact(int[] differences, int sum, int largest)
    {
        var share = new double[largest + 1];
        share[0] = 1;
        var reached = 0;
        foreach (var difference in differences)
        {
            if (difference == 0)
            {
                continue;
            }

            reached += difference;
            for (var s = reached; s >= difference; s--)
            {
                share[s] = (share[s] + share[s - difference]) / 2;
            }

            for (var s = Math.Min(difference - 1, reached); s >= 0; s--)
            {
                share[s] /= 2;
            }
        }

        // |2 s − Σ| ≥ |sum|, from both ends.
        var p = 0.0;
        var bound = (largest - Math.Abs(sum)) / 2;
        for (var s = 0; s <= bound; s++)
        {
            p += share[s];
        }

        return Math.Abs(sum) == 0 ? 1 : Math.Min(1, 2 * p);
    }

    private static double Normal(int[] differences, int sum)
    {
        var deviation = Math.Sqrt(differences.Sum(difference => (double)difference * difference));
        return Math.Min(1, 2 * NormalTail.Above(Math.Abs(sum) / deviation));
    }
}
