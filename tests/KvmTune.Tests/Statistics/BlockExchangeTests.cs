// The exchange of blocks against every possible assignment of them.
using System.Numerics;
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class BlockExchangeTests
{
    [Fact]
    public void P_values_agree_with_every_deal_of_the_blocks()
    {
        var random = new Random(9);
        for (var i = 0; i < 60; i++)
        {
            var blocks = Enumerable.Range(0, 8)
                .Select(block => new RunBlock(block is 1 or 2 or 5 or 6, [.. Enumerable.Range(0, 3).Select(_ => (double)random.Next(30))]))
                .ToList();
            Assert.Equal(EveryDeal(blocks), BlockExchangeTest.PValue(blocks), 12);
        }
    }

    [Fact]
    public void Blocks_of_one_run_are_the_rank_sum_test()
    {
        RunBlock[] blocks = [new(false, [1]), new(true, [5]), new(false, [2]), new(true, [3]), new(false, [4]), new(true, [7]), new(true, [6])];
        Assert.Equal(RankSumTest.PValue([1, 2, 4], [5, 3, 7, 6]), BlockExchangeTest.PValue(blocks), 12);
    }

    [Fact]
    public void Four_blocks_wholly_apart_reach_one_third_and_no_interval()
    {
        RunBlock[] blocks = [new(false, [1, 2, 3]), new(true, [11, 12, 13]), new(true, [14, 15, 16]), new(false, [4, 5, 6])];
        Assert.Equal(1.0 / 3, BlockExchangeTest.PValue(blocks), 12);
        Assert.Equal(1.0 / 3, BlockExchangeTest.SmallestPValue(2, 2), 12);
        Assert.Null(BlockExchangeTest.Interval(blocks, 0.95));
        Assert.NotNull(BlockExchangeTest.Interval(blocks, 0.6));
    }

    [Fact]
    public void Few_blocks_claim_only_what_every_block_shows()
    {
        RunBlock[] apart = [new(false, [1, 2, 3]), new(true, [11, 12, 13]), new(true, [14, 15, 16]), new(false, [4, 5, 6])];
        RunBlock[] oneBlockOnly = [new(false, [1, 2, 3]), new(true, [11, 12, 13]), new(true, [2.5, 3.5, 4.5]), new(false, [4, 5, 6])];
        Assert.InRange(ShiftTest.OfBlocks(apart, 0.01).PValue, 0, 0.01);
        Assert.InRange(ShiftTest.OfBlocks(oneBlockOnly, 0.01).PValue, 0.3, 1);
    }

    [Fact]
    public void Both_sides_need_a_block()
        => Assert.Throws<ArgumentException>(() => BlockExchangeTest.PValue([new(true, [1]), new(true, [2])]));

    private static double EveryDeal(List<RunBlock> blocks)
    {
        double[] all = [.. blocks.SelectMany(block => block.Values)];
        double Rank(double value) => all.Count(other => other < value) + ((all.Count(other => other == value) + 1) / 2.0);
        var sums = blocks.Select(block => block.Values.Sum(Rank)).ToArray();
        var mean = sums.Sum() / 2;
        var observed = Math.Abs(sums.Where((_, i) => blocks[i].IsCandidate).Sum() - mean);
        var deals = Enumerable.Range(0, 256).Where(deal => BitOperations.PopCount((uint)deal) == 4).ToList();
        return (double)deals.Count(deal => Math.Abs(sums.Where((_, i) => (deal & (1 << i)) != 0).Sum() - mean) >= observed - 1e-9) / deals.Count;
    }
}
