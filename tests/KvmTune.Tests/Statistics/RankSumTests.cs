// The exact Mann–Whitney test against scipy, against Perfolizer, and against counting every assignment of the ranks.
using System.Numerics;
using KvmTune.Statistics;
using Perfolizer;
using Perfolizer.Mathematics.SignificanceTesting.Base;
using Perfolizer.Mathematics.SignificanceTesting.MannWhitney;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class RankSumTests
{
    private static readonly double[] Before = [12.1, 11.4, 11.7, 12.9, 10.8, 12.3, 11.9, 12.6];
    private static readonly double[] After = [13.0, 12.8, 13.9, 12.2, 14.1, 13.3, 12.7, 13.6];

    [Fact]
    public void Exact_p_values_agree_with_scipy()
    {
        // scipy.stats.mannwhitneyu(after, before, method='exact')
        Assert.Equal(0.0029526029526029526, RankSumTest.PValue(Before, After), 14);
        // scipy.stats.mannwhitneyu(early, at_term, method='exact'); one-sided 0.1272 in Hollander and Wolfe, table 4.1 and text
        Assert.Equal(0.2544122544122544, RankSumTest.PValue(Placenta.AtTerm, Placenta.Early), 14);
    }

    [Fact]
    public void With_ties_it_agrees_with_scipys_permutation_of_mid_ranks()
    {
        // r = rankdata([1,2,2,3,5] + [2,3,4,5,5,6]); permutation_test((r[:5], r[5:]), lambda x, y, axis: abs(sum(y, axis) - 36),
        //     permutation_type='independent', n_resamples=inf, alternative='greater')
        Assert.Equal(0.13852813852813853, RankSumTest.PValue([1, 2, 2, 3, 5], [2, 3, 4, 5, 5, 6]), 14);
    }

    [Fact]
    public void Large_samples_with_ties_agree_with_scipys_normal_approximation()
    {
        // scipy.stats.mannwhitneyu(b, a, method='asymptotic') on the same values
        double[] a =
        [
            101.7, 104.1, 101.7, 93.5, 104.5, 102.2, 97.3, 102.9, 101.8, 101.5, 100.1, 102.7, 96.3, 99.2, 97.6, 103.0, 100.2, 98.5, 96.1, 98.7,
            100.0, 98.6, 106.5, 105.0, 86.4, 90.6, 99.1, 97.9, 101.1, 101.1, 110.6, 94.4, 98.1, 110.2, 103.2, 103.3, 97.4, 91.8, 100.8, 100.5,
            93.9, 96.6, 99.6, 95.3, 99.5, 100.5, 100.2, 97.5, 103.0, 104.5, 101.6, 95.9, 103.7, 97.5, 104.4, 94.6, 104.6, 99.9, 93.8, 98.4,
        ];
        double[] b =
        [
            103.9, 100.4, 100.9, 90.8, 112.0, 108.7, 101.4, 106.9, 104.4, 100.2, 107.9, 101.4, 101.4, 99.0, 105.3, 102.5, 105.7, 100.0, 103.6,
            98.5, 107.2, 103.9, 104.7, 105.1, 97.9, 106.9, 113.3, 94.8, 94.4, 95.5, 107.2, 103.6, 108.4, 106.6, 104.1, 104.4, 102.2, 107.3, 97.4,
            100.9, 104.2, 112.0, 99.2, 97.6, 100.2, 107.8, 101.8, 109.6, 93.6, 108.6, 108.2, 95.9, 103.8, 109.1, 103.4,
        ];
        Assert.Equal(0.00013110414458216113, RankSumTest.PValue(a, b), 12);
    }

    [Fact]
    public void Without_ties_it_agrees_with_Perfolizer()
    {
        var random = new Random(3);
        for (var i = 0; i < 60; i++)
        {
            var (x, y) = (Draw.Normals(random, random.Next(3, 25), 0, 1), Draw.Normals(random, random.Next(3, 25), 0.5, 1));
            var peer = MannWhitneyTest.Instance
                .Perform(new Sample(y), new Sample(x), AlternativeHypothesis.TwoSides, Perfolizer.Metrology.Threshold.Zero).PValue;
            Assert.Equal(Math.Min(1, peer), RankSumTest.PValue(x, y), 10);
        }
    }

    [Fact]
    public void With_and_without_ties_it_agrees_with_counting_every_deal()
    {
        var random = new Random(4);
        for (var i = 0; i < 60; i++)
        {
            double[] x = [.. Enumerable.Range(0, random.Next(1, 7)).Select(_ => (double)random.Next(0, 8))];
            double[] y = [.. Enumerable.Range(0, random.Next(1, 7)).Select(_ => (double)random.Next(0, 8))];
            Assert.Equal(EveryDeal(x, y), RankSumTest.PValue(x, y), 12);
        }
    }

    [Fact]
    public void The_interval_holds_exactly_the_shifts_that_are_not_rejected()
    {
        var random = new Random(5);
        for (var i = 0; i < 40; i++)
        {
            var (x, y) = (Draw.Normals(random, random.Next(5, 15), 0, 1), Draw.Normals(random, random.Next(5, 15), 1, 2));
            var interval = RankSumTest.Interval(x, y, 0.95)!;
            Assert.True(RankSumTest.PValue(x, y, interval.Low + 1e-9) > 0.05);
            Assert.True(RankSumTest.PValue(x, y, interval.High - 1e-9) > 0.05);
            Assert.True(RankSumTest.PValue(x, y, interval.Low - 1e-9) <= 0.05);
            Assert.True(RankSumTest.PValue(x, y, interval.High + 1e-9) <= 0.05);
        }
    }

    [Fact]
    public void Large_samples_counted_exactly_agree_with_the_normal_approximation()
    {
        var random = new Random(12);
        var (x, y) = (Draw.Normals(random, 200, 0, 1), Draw.Normals(random, 200, 0.35, 1));
        var tied = y.Append(y[0]).ToArray(); // one tie makes it take the normal approximation
        Assert.InRange(RankSumTest.PValue(x, y) / RankSumTest.PValue(x, tied), 0.7, 1.4);
    }

    [Fact]
    public void Ends_are_defined()
    {
        Assert.Equal(1, RankSumTest.PValue([5, 5, 5], [5, 5, 5]));
        Assert.Equal(1, RankSumTest.PValue([1], [2]));
        Assert.Null(RankSumTest.Interval([1, 2, 3], [4, 5, 6], 0.95));
        Assert.Equal(new ShiftInterval(1, 1, 0.95), RankSumTest.Interval([5, 5, 5, 5, 5], [6, 6, 6, 6, 6], 0.95));
        Assert.Equal(2.0 / 12870, RankSumTest.SmallestPValue(8, 8), 15);
        Assert.InRange(RankSumTest.PValue([.. Enumerable.Range(0, 300)], [.. Enumerable.Range(1000, 300)]), 0, 1e-50);
        Assert.Throws<ArgumentException>(() => RankSumTest.PValue([], [1]));
        Assert.Throws<ArgumentException>(() => RankSumTest.PValue([1], [double.NaN]));
    }

    // Every assignment of the ranks, by the bits of a number.
    private static double EveryDeal(double[] x, double[] y)
    {
        double[] all = [.. x, .. y];
        var ranks = Array.ConvertAll(all, value => all.Count(other => other < value) + ((all.Count(other => other == value) + 1) / 2.0));
        var mean = y.Length * (all.Length + 1) / 2.0;
        var observed = Math.Abs(ranks.Skip(x.Length).Sum() - mean);
        var (far, total) = (0, 0);
        for (var deal = 0; deal < 1 << all.Length; deal++)
        {
            if (BitOperations.PopCount((uint)deal) == y.Length)
            {
                total++;
                far += Math.Abs(ranks.Where((_, i) => (deal & (1 << i)) != 0).Sum() - mean) >= observed - 1e-9 ? 1 : 0;
            }
        }

        return (double)far / total;
    }
}
