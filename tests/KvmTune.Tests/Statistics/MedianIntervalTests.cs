// The interval of a median against textbook values and against its own promise.
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class MedianIntervalTests
{
    [Theory]
    [InlineData(5, null, null)]
    [InlineData(6, 1, 6)]
    [InlineData(8, 1, 8)]
    [InlineData(9, 2, 8)]
    [InlineData(12, 3, 10)]
    [InlineData(20, 6, 15)]
    public void It_has_the_order_statistics_of_the_tables(int count, int? low, int? high)
    {
        var interval = MedianInterval.Of([.. Enumerable.Range(1, count).Select(value => (double)value).Reverse()], 0.95);

        Assert.Equal(low, (int?)interval?.Low);
        Assert.Equal(high, (int?)interval?.High);
    }

    [Fact]
    public void It_covers_the_median_at_least_as_often_as_it_says()
    {
        var random = new Random(7);
        var covered = Enumerable.Range(0, 2000).Count(_ => MedianInterval.Of(Draw.Normals(random, 12, 0, 1), 0.95) is { Low: <= 0, High: >= 0 });

        Assert.InRange(covered / 2000.0, 0.94, 1);
    }
}
