// The test for runs made in blocks (A B B A, each letter several runs). Runs inside a block share the host's condition, so only whole blocks
// are exchanged. 4 blocks have only 6 arrangements, so a few blocks alone never prove anything.
namespace KvmTune.Statistics;

/// <summary>Consecutive runs of one side.</summary>
/// <param name="IsCandidate">Which side the runs belong to.</param>
/// <param name="Values">Their values, in order.</param>
public sealed record RunBlock(bool IsCandidate, IReadOnlyList<double> Values);

/// <summary>The exact exchange test for blocks, on ranks.</summary>
/// <remarks>
/// The rank sum of the candidate's runs is compared with the rank sums of all ways to assign the same number of blocks to the candidate:
/// a randomisation test with the block as its unit (Edgington and Onghena, "Randomization Tests", 4th edition 2007, chapter 3).
/// </remarks>
public static class BlockExchangeTest
{
    /// <summary>The two-sided p-value of "the candidate lies above the baseline by <paramref name="shift"/>".</summary>
    /// <returns>Above 0 and at most 1; 1 if all values are equal.</returns>
    /// <exception cref="ArgumentException">A side has no block, a block has no runs, or a value is not finite.</exception>
    public static double PValue(IReadOnlyList<RunBlock> blocks, double shift = 0)
    {
        var (baseline, candidate, order) = Split(blocks);
        return PValueOf(baseline, Samples.Shifted(candidate, -shift), order, shift);
    }

    /// <summary>The smallest p-value that this many blocks of equal length can give.</summary>
    public static double SmallestPValue(int baselineBlocks, int candidateBlocks)
        => RankSumTest.SmallestPValue(baselineBlocks, candidateBlocks);

    /// <summary>All shifts that the test does not reject.</summary>
    /// <returns>The interval; null if so few blocks reject no shift at that level.</returns>
    /// <exception cref="ArgumentException">As for the p-value, or the level does not lie between 0 and 1.</exception>
    public static ShiftInterval? Interval(IReadOnlyList<RunBlock> blocks, double confidenceLevel)
    {
        var (baseline, candidate, order) = Split(blocks);
        return ShiftInterval.Invert(
            baseline, candidate, shift => PValueOf(baseline, Samples.Shifted(candidate, -shift), order, shift), confidenceLevel);
    }

    private static (double[] Baseline, double[] Candidate, (bool IsCandidate, int Length)[] Order) Split(
        IReadOnlyList<RunBlock> blocks)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        if (!blocks.Any(block => block.IsCandidate) || !blocks.Any(block => !block.IsCandidate))
        {
            throw new ArgumentException("Both sides need a block.", nameof(blocks));
        }

        return (Values(candidate: false), Values(candidate: true),
            [.. blocks.Select(block => (block.IsCandidate, block.Values.Count))]);

        double[] Values(bool candidate) =>
        [
            .. blocks.Where(block => block.IsCandidate == candidate).SelectMany(block => Samples.Checked(block.Values, nameof(blocks))),
        ];
    }

    private static double PValueOf(double[] baseline, double[] candidate, (bool IsCandidate, int Length)[] order, double shift)
    {
        // The weight of a block is the sum of its doubled ranks, minus the sum that a block of its length has on average.
        var ranks = Ranks.Doubled(baseline, candidate, shift);
        var weights = new int[order.Length];
        var (nextBaseline, nextCandidate, observed) = (0, baseline.Length, 0);
        for (var block = 0; block < order.Length; block++)
        {
            for (var run = 0; run < order[block].Length; run++)
            {
                weights[block] += ranks[order[block].IsCandidate ? nextCandidate++ : nextBaseline++] - (ranks.Length + 1);
            }

            observed += order[block].IsCandidate ? weights[block] : 0;
        }

        return observed == 0 ? 1 : ShareAtLeast(Math.Abs(observed), weights, order.Count(block => block.IsCandidate));
    }

    // The share of all selections of this many weights whose sum is at least as far from 0.
    private static double ShareAtLeast(int away, int[] weights, int chosen)
    {
        var ways = new Dictionary<int, double>[chosen + 1];
        for (var taken = 0; taken <= chosen; taken++)
        {
            ways[taken] = [];
        }

        ways[0][0] = 1;
        foreach (var weight in weights)
        {
            for (var taken = chosen; taken >= 1; taken--)
            {
                foreach (var (sum, count) in ways[taken - 1])
                {
                    ways[taken][sum + weight] = ways[taken].GetValueOrDefault(sum + weight) + count;
                }
            }
        }

        var all = ways[chosen].Values.Sum();
        return ways[chosen].Where(entry => Math.Abs(entry.Key) >= away).Sum(entry => entry.Value) / all;
    }
}
