// The looks over many pairs use 5 % in total, and the exact test keeps this level on loads with a memory.
using KvmTune.Experiments.Switchback;
using KvmTune.Statistics;
using KvmTune.Tests.Statistics;
using Xunit;

namespace KvmTune.Tests.Experiments.Switchback;

public sealed class SlotPlanTests
{
    [Fact]
    public void Slots_are_as_long_as_the_load_reports_often()
    {
        Assert.Equal(TimeSpan.FromSeconds(1), SlotPlan.SlotFor(TimeSpan.FromSeconds(0.1)));
        Assert.Equal(TimeSpan.FromSeconds(1), SlotPlan.SlotFor(TimeSpan.FromSeconds(0.2)));
        Assert.Equal(TimeSpan.FromSeconds(2.1), SlotPlan.SlotFor(TimeSpan.FromSeconds(1)));
    }

    [Theory]
    [InlineData(6)]
    [InlineData(19)]
    [InlineData(20)]
    [InlineData(30)]
    [InlineData(60)]
    [InlineData(150)]
    [InlineData(900)]
    public void Looks_rise_and_each_can_reach_its_level(int pairs)
    {
        var looks = SlotPlan.Looks(pairs).Looks;

        Assert.Equal(pairs, looks[^1].Pairs);
        Assert.Equal(looks.Select(look => look.Pairs).Order().Distinct(), looks.Select(look => look.Pairs));
        Assert.All(looks, look => Assert.True(SwapTest.SmallestPValue(look.Pairs) <= look.Alpha, look.ToString()));
    }

    [Theory]
    [InlineData(30)]
    [InlineData(150)]
    public void Looks_at_nothing_find_something_in_at_most_five_per_cent(int pairs)
    {
        // Without a difference the signs of the pairs are random; the sum of signed ranks is tested by its normal approximation, for speed.
        const int times = 4_000;
        var chance = new Random(5);
        var looks = SlotPlan.Looks(pairs).Looks;
        var found = 0;
        var sizes = new double[pairs];
        for (var i = 0; i < times; i++)
        {
            for (var k = 0; k < pairs; k++)
            {
                sizes[k] = Draw.Normals(chance, 1, 0, 1)[0];
            }

            found += looks.Any(look =>
            {
                var sum = 0.0;
                var squares = 0.0;
                for (var k = 0; k < look.Pairs; k++)
                {
                    sum += sizes[k];
                    squares += sizes[k] * sizes[k];
                }

                return 2 * NormalTail.Above(Math.Abs(sum) / Math.Sqrt(squares)) <= look.Alpha;
            }) ? 1 : 0;
        }

        // 5 % and three standard errors of 4,000 experiments.
        Assert.InRange(found / (double)times, 0.03, 0.06);
    }

    [Fact]
    public void As_many_pairs_as_fit_are_planned_and_no_more()
    {
        var pairs = SlotPlan.PairsIn(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(5), TimeSpan.FromSeconds(1));

        Assert.Equal(29, pairs);
        Assert.Equal(0, SlotPlan.PairsIn(TimeSpan.FromSeconds(-5), TimeSpan.FromSeconds(1), TimeSpan.Zero, TimeSpan.Zero));
    }

    [Fact]
    public void What_it_would_take_is_about_as_many_pairs_as_find_it()
    {
        var chance = new Random(9);
        var differences = Draw.Normals(chance, 30, 0.05, 0.3);

        var pairs = Outlook.PairsToFind(differences, Math.Log(1.1), 1)!.Value;

        // (2.05 + 0.84)² · (0.3 / 0.0953)² · π/3 ≈ 87, with the spread of the thirty random samples.
        Assert.InRange(pairs, 50, 150);
        Assert.Null(Outlook.PairsToFind(differences, 1e-6, 1));
        Assert.Null(Outlook.PairsToFind([0.1, 0.2], 0.1, 1));
    }
}
