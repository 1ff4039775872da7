// The interval of a median: the textbook's order statistics, and the stated coverage.
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class MedianIntervalTests
{
    // Conover, Practical Nonparametric Statistics, table A3 (binomial, p = 1/2): the largest r with P(B <= r) <= 0.025.
    [Theory]
    [InlineData(6, 1, 6, 0.969)]
    [InlineData(8, 1, 8, 0.992)]
    [InlineData(9, 2, 8, 0.961)]
    [InlineData(12, 3, 10, 0.961)]
    [InlineData(20, 6, 15, 0.959)]
    public void It_lies_between_the_tabled_places(int count, double low, double high, double coverage)
    {
        var interval = MedianInterval.Of([.. Enumerable.Range(1, count).Select(i => (double)i).Reverse()], 0.95)!;
        Assert.Equal((low, high), (interval.Low, interval.High));
        Assert.Equal(coverage, interval.Coverage, 3);
        Assert.Equal((count + 1) / 2.0, interval.Median);
    }

    [Fact]
    public void Below_6_values_there_is_none()
    {
        Assert.Null(MedianInterval.Of([1, 2, 3, 4, 5], 0.95));
        Assert.Null(MedianInterval.Of([], 0.95));
        Assert.NotNull(MedianInterval.Of([1, 2, 3, 4, 5], 0.9));
    }

    [Fact]
    public void It_holds_the_median_of_a_skewed_distribution_as_often_as_it_says()
    {
        var random = new Random(11);
        var hits = 0;
        for (var round = 0; round < 2000; round++)
        {
            var sample = Enumerable.Range(0, 12).Select(_ => Math.Exp(2 * Draw.Normal(random))).ToArray();
            var interval = MedianInterval.Of(sample, 0.95)!;
            hits += interval.Low <= 1 && interval.High >= 1 ? 1 : 0;
        }

        // 96.1 % by the binomial; four standard errors of 2,000 rounds to each side.
        Assert.InRange(hits / 2000.0, 0.944, 0.979);
    }
}
