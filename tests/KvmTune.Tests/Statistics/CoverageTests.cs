// How often the intervals contain the true shift, on seeded samples: normal, heavy-tailed, and paired with a drift.
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class CoverageTests
{
    private const int Experiments = 1000;

    [Theory]
    [InlineData(8)]
    [InlineData(12)]
    [InlineData(20)]
    public void The_swap_interval_covers_at_least_94_per_cent_of_normal_samples(int pairs)
        => AssertCovers(Share(pairs, (random, shift) => SwapTest.Interval(
            Draw.Normals(random, pairs, 0, 1), Draw.Normals(random, pairs, shift, 1), 0.95)));

    [Theory]
    [InlineData(8)]
    [InlineData(12)]
    public void The_swap_interval_covers_at_least_94_per_cent_of_heavy_tailed_samples(int pairs)
        => AssertCovers(Share(pairs, (random, shift) => SwapTest.Interval(
            Draw.HeavyTails(random, pairs, 0), Draw.HeavyTails(random, pairs, shift), 0.95)));

    [Theory]
    [InlineData(8)]
    [InlineData(20)]
    public void The_swap_interval_covers_at_least_94_per_cent_under_drift(int pairs)
        => AssertCovers(Share(pairs, (random, shift) =>
        {
            // A drift of 4 deviations in total, and a random order in each pair.
            var (b, c) = (new double[pairs], new double[pairs]);
            for (var i = 0; i < pairs; i++)
            {
                var first = random.Next(2);
                double Drift(int place) => 4.0 * ((2 * i) + place) / (2 * pairs);
                b[i] = Draw.Normal(random) + Drift(first);
                c[i] = Draw.Normal(random) + Drift(1 - first) + shift;
            }

            return SwapTest.Interval(b, c, 0.95);
        }));

    [Theory]
    [InlineData(8, 8)]
    [InlineData(6, 12)]
    public void The_rank_sum_interval_covers_at_least_94_per_cent(int n, int m)
        => AssertCovers(Share(n + m, (random, shift) => RankSumTest.Interval(
            Draw.Normals(random, n, 0, 1), Draw.Normals(random, m, shift, 1), 0.95)));

    private static double Share(int seed, Func<Random, double, ShiftInterval?> sample)
    {
        const double Shift = 0.7;
        var random = new Random(seed);
        return Enumerable.Range(0, Experiments).Count(_ => sample(random, Shift) is { } interval && interval.Low <= Shift && interval.High >= Shift)
            / (double)Experiments;
    }

    private static void AssertCovers(double share) => Assert.InRange(share, 0.94, 0.99);
}
