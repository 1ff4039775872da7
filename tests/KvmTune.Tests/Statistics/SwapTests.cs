// The swap test for pairs against scipy, against every sign flip, and by its coverage.
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class SwapTests
{
    private static readonly double[] Before = [101.2, 99.8, 103.1, 98.7, 100.4, 102.2, 97.9, 101.7];
    private static readonly double[] After = [104.0, 103.5, 102.9, 101.1, 105.2, 101.9, 103.3, 106.1];

    // Darwin's maize, in eighths of an inch as inches (Fisher 1935, table 3).
    private static readonly double[] Crossed =
        [23.5, 12, 21, 22, 19.125, 21.5, 22.125, 20.375, 18.25, 21.625, 23.25, 21, 22.125, 23, 12];

    private static readonly double[] SelfFertilised =
        [17.375, 20.375, 20, 20, 18.375, 18.625, 18.625, 15.25, 16.5, 18, 16.25, 18, 12.75, 15.5, 18];

    [Fact]
    public void P_values_agree_with_scipys_exhaustive_permutation()
    {
        // r = rankdata(before + after); d = r[n:] - r[:n]; permutation_test((d,), lambda x, axis: abs(sum(x, axis)),
        //     permutation_type='samples', n_resamples=inf, alternative='greater')
        Assert.Equal(0.03125, SwapTest.PValue(Before, After), 14);
        Assert.Equal(0.00897216796875, SwapTest.PValue(SelfFertilised, Crossed), 14);
    }

    [Fact]
    public void P_values_agree_with_every_sign_flip_with_and_without_ties()
    {
        var random = new Random(6);
        for (var i = 0; i < 200; i++)
        {
            var pairs = random.Next(1, 11);
            var step = random.Next(2) == 0 ? 1000 : 4;
            double[] b = [.. Enumerable.Range(0, pairs).Select(_ => (double)random.Next(step))];
            double[] c = [.. Enumerable.Range(0, pairs).Select(_ => (double)random.Next(step))];
            Assert.Equal(EveryFlip(b, c), SwapTest.PValue(b, c), 12);
        }
    }

    [Fact]
    public void Swapping_the_sides_and_reordering_the_pairs_change_nothing()
    {
        Assert.Equal(SwapTest.PValue(Before, After), SwapTest.PValue(After, Before), 14);
        Assert.Equal(SwapTest.PValue(Before, After), SwapTest.PValue([.. Before.Reverse()], [.. After.Reverse()]), 14);
        Assert.Equal(SwapTest.PValue(Before, After), SwapTest.PValue(Array.ConvertAll(Before, Math.Log), Array.ConvertAll(After, Math.Log)), 14);
    }

    [Theory]
    [InlineData(0.9)]
    [InlineData(0.95)]
    [InlineData(0.99)]
    public void The_interval_ends_where_the_test_begins_to_reject(double level)
    {
        var random = new Random(7);
        for (var i = 0; i < 30; i++)
        {
            var pairs = random.Next(8, 16);
            var (b, c) = (Draw.Normals(random, pairs, 0, 1), Draw.Normals(random, pairs, 0.5, 1));
            var interval = SwapTest.Interval(b, c, level)!;
            Assert.True(SwapTest.PValue(b, c, interval.Low + 1e-9) > 1 - level);
            Assert.True(SwapTest.PValue(b, c, interval.High - 1e-9) > 1 - level);
            Assert.True(SwapTest.PValue(b, c, interval.Low - 1e-9) <= 1 - level);
            Assert.True(SwapTest.PValue(b, c, interval.High + 1e-9) <= 1 - level);
            Assert.InRange(Estimators.HodgesLehmannShift(b, c), interval.Low, interval.High);
        }
    }

    public static TheoryData<double[], double[], double, double, double> Tied => new()
    {
        // By brute force in Python: every sign flip with fractions, at every difference and in every gap between two.
        { [35, 35, 37, 39, 35, 37, 35, 39], [39, 37, 39, 41, 37, 39, 39, 41], 0.9, 2, 4 },
        { [35, 35, 37, 39, 35, 37, 35, 39], [39, 37, 39, 41, 37, 39, 39, 41], 0.98, 2, 4 },
        { [35, 35, 35, 37, 35, 35, 37, 35], [37, 37, 37, 39, 37, 37, 37, 37], 0.95, 2, 2 },
        { [35, 35, 35, 37, 35, 35, 37, 35], [37, 37, 37, 39, 37, 37, 37, 37], 0.98, 0, 2 },
        { [5, 5, 5, 5, 5, 5, 6, 5], [5, 5, 6, 5, 5, 5, 5, 5], 0.95, 0, 0 },
        { [1, 2, 1, 2, 1, 2, 1, 2], [2, 1, 2, 1, 2, 1, 2, 1], 0.9, -1, 1 },
        { [10, 12, 10, 14, 12, 10, 12, 10, 14], [14, 14, 12, 16, 14, 14, 12, 14, 16], 0.95, 2, 4 },
    };

    [Theory]
    [MemberData(nameof(Tied))]
    public void With_ties_the_interval_is_that_of_an_exhaustive_search(double[] b, double[] c, double level, double low, double high)
    {
        Assert.Equal(new ShiftInterval(low, high, level), SwapTest.Interval(b, c, level));

        // On logarithms the differences are rounded, and must still be tied.
        double[] Log(double[] values) => Array.ConvertAll(values, value => Math.Log(100) + (value * 0.0198));
        var logarithms = SwapTest.Interval(Log(b), Log(c), level)!;
        Assert.Equal((low * 0.0198, high * 0.0198), (logarithms.Low, logarithms.High), (x, y) => Math.Abs(x.Item1 - y.Item1) < 1e-9 && Math.Abs(x.Item2 - y.Item2) < 1e-9);
    }

    [Fact]
    public void The_search_from_the_outside_agrees_with_one_through_all_places_where_many_are_tied()
    {
        var random = new Random(12);
        for (var i = 0; i < 60; i++)
        {
            var pairs = random.Next(6, 12);
            double[] Side(double shift) => [.. Enumerable.Range(0, pairs).Select(_ => shift + random.Next(4))];
            var (b, c) = (Side(0), Side(random.Next(3)));
            var differences = c.SelectMany(x => b.Select(y => x - y)).Distinct().Order().ToList();
            var places = differences.Select(d => (At: d, Low: d, High: d))
                .Concat(differences.Zip(differences.Skip(1), (low, high) => (At: (low + high) / 2, Low: low, High: high)))
                .Where(place => SwapTest.PValue(b, c, place.At) > 0.05).ToList();

            var interval = SwapTest.Interval(b, c, 0.95);

            if (interval is not null && places.Count > 0)
            {
                Assert.Equal((places.Min(place => place.Low), places.Max(place => place.High)), (interval.Low, interval.High));
            }
        }
    }

    [Fact]
    public void Next_to_no_shift_beyond_the_interval_escapes_rejection()
    {
        // The p-value is not completely monotone in the shift; the search for the ends assumes that it is.
        var random = new Random(11);
        var (beyond, escaped) = (0, 0);
        for (var i = 0; i < 60; i++)
        {
            var (b, c) = (Draw.HeavyTails(random, 12, 0), Draw.HeavyTails(random, 12, 0.5));
            var interval = SwapTest.Interval(b, c, 0.95)!;
            for (var step = 0.01; step < 3; step += 0.05)
            {
                beyond += 2;
                escaped += SwapTest.PValue(b, c, interval.Low - step) > 0.05 ? 1 : 0;
                escaped += SwapTest.PValue(b, c, interval.High + step) > 0.05 ? 1 : 0;
            }
        }

        Assert.InRange((double)escaped / beyond, 0, 0.002);
    }

    [Fact]
    public void Ends_are_defined()
    {
        Assert.Equal(1, SwapTest.PValue([5, 5, 5], [5, 5, 5]));
        Assert.Equal(1, SwapTest.PValue([1], [2]));
        Assert.Equal(2.0 / 256, SwapTest.PValue([1, 2, 3, 4, 5, 6, 7, 8], [11, 12, 13, 14, 15, 16, 17, 18]));
        Assert.Null(SwapTest.Interval([1, 2, 3, 4, 5], [2, 3, 4, 5, 7], 0.95));
        Assert.Equal(new ShiftInterval(1, 1, 0.95), SwapTest.Interval([5, 5, 5, 5, 5, 5], [6, 6, 6, 6, 6, 6], 0.95));
        Assert.Equal(0.25, SwapTest.Interval([5, 5, 5, 5, 5, 5, 5, 5], [5.25, 5.25, 5.25, 5.25, 5.25, 5.25, 5.25, 6], 0.95)!.Low, 9);
        Assert.InRange(SwapTest.PValue([.. Enumerable.Range(0, 250)], [.. Enumerable.Range(1000, 250)]), 0, 1e-30);
        Assert.Throws<ArgumentException>(() => SwapTest.PValue([1, 2], [1]));
        Assert.Throws<ArgumentException>(() => SwapTest.PValue([1, double.NaN], [1, 2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => SwapTest.Interval(Before, After, 1));
    }

    [Fact]
    public void Exact_and_normal_agree_where_one_gives_way_to_the_other()
    {
        var random = new Random(8);
        var (b, c) = (Draw.Normals(random, 201, 0, 1), Draw.Normals(random, 201, 0.15, 1));
        Assert.InRange(SwapTest.PValue(b, c) / SwapTest.PValue(b[..200], c[..200]), 0.85, 1.2);
    }

    private static double EveryFlip(double[] b, double[] c)
    {
        double[] all = [.. b, .. c];
        double Rank(double value) => all.Count(other => other < value) + ((all.Count(other => other == value) + 1) / 2.0);
        var differences = b.Zip(c, (x, y) => Rank(y) - Rank(x)).ToArray();
        var observed = Math.Abs(differences.Sum());
        var far = 0;
        for (var flips = 0; flips < 1 << b.Length; flips++)
        {
            var sum = differences.Select((difference, i) => (flips & (1 << i)) != 0 ? -difference : difference).Sum();
            far += Math.Abs(sum) >= observed - 1e-9 ? 1 : 0;
        }

        return (double)far / (1 << b.Length);
    }
}
