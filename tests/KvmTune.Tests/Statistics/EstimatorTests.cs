// The estimators against numpy and scipy (1.10.1 of Debian 12; the calls are next to the values) and against their definitions.
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class EstimatorTests
{
    private static readonly double[] Seven = [1, 2, 4, 8, 16, 3, 5];

    [Fact]
    public void Median_agrees_with_numpy()
    {
        Assert.Equal(4.0, Estimators.Median(Seven)); // numpy.median([1,2,4,8,16,3,5])
        Assert.Equal(2.5, Estimators.Median([1, 2, 3, 4]));
        Assert.Equal(7.0, Estimators.Median([7]));
    }

    [Fact]
    public void Harrell_Davis_quantiles_agree_with_scipy()
    {
        // scipy.stats.mstats.hdquantiles([1,2,4,8,16,3,5], prob=[.5,.9])
        Assert.Equal(4.28759761, Estimators.Quantile(Seven, 0.5), 7);
        Assert.Equal(13.77599358, Estimators.Quantile(Seven, 0.9), 7);
    }

    [Fact]
    public void Hodges_Lehmann_shift_is_candidate_above_baseline_and_the_published_one()
    {
        // Hollander and Wolfe (1973), table 4.1, permeability of the placenta: the median of the 50 differences is -0.305.
        Assert.Equal(-0.305, Estimators.HodgesLehmannShift(Placenta.AtTerm, Placenta.Early), 9);
        Assert.Equal(2.0, Estimators.HodgesLehmannShift([1], [3]));
    }

    [Fact]
    public void Shamos_spread_is_the_median_distance_on_the_scale_of_the_standard_deviation()
    {
        var random = new Random(1);
        var normal = Enumerable.Range(0, 300).Select(_ => 50 + (3 * Draw.Normal(random))).ToArray();
        Assert.InRange(Estimators.ShamosSpread(normal), 2.7, 3.3);

        normal[0] = 1e9;
        Assert.InRange(Estimators.ShamosSpread(normal), 2.7, 3.3);
        Assert.Equal(0, Estimators.ShamosSpread([5, 5, 5]));
    }

    [Fact]
    public void Values_that_are_not_finite_and_samples_that_are_too_small_are_refused_by_name()
    {
        Assert.Contains("Value 2 of the sample is NaN", Assert.Throws<ArgumentException>(() => Estimators.Median([1, double.NaN])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Estimators.Median([]));
        Assert.Throws<ArgumentException>(() => Estimators.ShamosSpread([1]));
        Assert.Throws<ArgumentException>(() => Estimators.HodgesLehmannShift([1, double.PositiveInfinity], [1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Estimators.Quantile(Seven, 1.5));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_interval_of_a_spread_ratio_covers_it_also_where_tails_are_heavy(bool heavyTails)
    {
        var random = new Random(2);
        double[] Sample() => heavyTails ? Draw.HeavyTails(random, 12, 0) : Draw.Normals(random, 12, 0, 1);
        var covered = 0;
        for (var i = 0; i < 400; i++)
        {
            var ratio = SpreadRatio.Of(Sample(), Array.ConvertAll(Sample(), value => 2 * value), 0.95)!;
            covered += ratio.Low <= 2 && ratio.High >= 2 ? 1 : 0;
        }

        Assert.InRange(covered, 376, 396);
    }

    [Fact]
    public void A_spread_ratio_of_too_few_or_constant_values_does_not_exist()
    {
        Assert.Null(SpreadRatio.Of([1, 2], [1, 2], 0.95));
        Assert.Null(SpreadRatio.Of([1, 1, 1, 1], [1, 2, 3, 4], 0.95));
    }
}
