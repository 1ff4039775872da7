// Looks, Holm's correction and the detectable shift.
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class PlanningTests
{
    [Fact]
    public void The_planned_looks_have_levels_of_their_own_for_difference_and_sameness()
    {
        Assert.Equal([new Look(8, 0.008, 0.98), new Look(12, 0.016, 0.97), new Look(20, 0.04, 0.95)], LookPlan.Planned.Looks);
        // The shares outside each interval on one side add up to the 5 % error of two one-sided tests.
        Assert.Equal(0.05, LookPlan.Planned.Looks.Sum(look => (1 - look.SamenessLevel) / 2), 12);
        Assert.All(LookPlan.Planned.Looks, look => Assert.True(SwapTest.SmallestPValue(look.Pairs) <= look.Alpha));
        Assert.Equal([16, 24, 40], LookPlan.UpTo(40).Looks.Select(look => look.Pairs));
        Assert.Throws<ArgumentOutOfRangeException>(() => LookPlan.UpTo(19));
    }

    [Fact]
    public void Together_the_looks_find_a_difference_where_there_is_none_in_five_per_cent()
    {
        // The standard error of 4,000 is 0.35 points.
        var random = new Random(20);
        var claimed = Enumerable.Range(0, 4000).Count(_ =>
        {
            var (b, c) = (Draw.Normals(random, 20, 0, 1), Draw.Normals(random, 20, 0, 1));
            return LookPlan.Planned.Looks.Any(look => SwapTest.PValue(b[..look.Pairs], c[..look.Pairs]) <= look.Alpha);
        });
        Assert.InRange(claimed / 4000.0, 0.035, 0.06);
    }

    [Theory]
    [InlineData(6, 0.008)]
    [InlineData(8, 0.008)]
    [InlineData(9, 0.016)]
    [InlineData(12, 0.016)]
    [InlineData(20, 0.04)]
    [InlineData(40, 0.04)]
    public void A_comparison_that_ends_between_looks_holds_the_next_one_early(int pairs, double alpha)
        => Assert.Equal(alpha, LookPlan.Planned.LookAt(pairs).Alpha);

    [Fact]
    public void It_stops_at_a_look_with_a_clear_verdict_and_at_the_last_look()
    {
        var plan = LookPlan.Planned;
        Assert.True(plan.ShouldStop(8, Verdict.Improved));
        Assert.True(plan.ShouldStop(8, Verdict.NoDifference));
        Assert.False(plan.ShouldStop(8, Verdict.Inconclusive));
        Assert.False(plan.ShouldStop(10, Verdict.Improved));
        Assert.True(plan.ShouldStop(20, Verdict.Inconclusive));
        Assert.Equal(12, plan.NextAfter(8)!.Pairs);
        Assert.Null(plan.NextAfter(20));
    }

    [Fact]
    public void A_fixed_number_has_one_look_at_five_per_cent_and_needs_six_pairs()
    {
        Assert.Equal([new Look(10, 0.05, 0.9)], LookPlan.Fixed(10).Looks);
        Assert.Contains("At least 6 pairs", Assert.Throws<ArgumentOutOfRangeException>(() => LookPlan.Fixed(5)).Message, StringComparison.Ordinal);
        Assert.True(SwapTest.SmallestPValue(5) > LookPlan.FixedAlpha);
        Assert.True(SwapTest.SmallestPValue(6) <= LookPlan.FixedAlpha);
    }

    [Fact]
    public void Holm_steps_down_and_never_below_the_step_before()
    {
        // By hand from Holm's definition: the i-th smallest times (k - i + 1), then the running maximum.
        AssertClose([0.05, 0.08, 0.09, 0.09, 0.09], HolmCorrection.Adjust([0.01, 0.02, 0.03, 0.04, 0.05]));
        AssertClose([0.2, 0.004, 0.12, 0.12], HolmCorrection.Adjust([0.2, 0.001, 0.04, 0.04]));
        Assert.Empty(HolmCorrection.Adjust([]));
        Assert.Equal([1, 1], HolmCorrection.Adjust([0.9, 0.8]));
        Assert.Throws<ArgumentException>(() => HolmCorrection.Adjust([double.NaN]));
        Assert.Throws<ArgumentException>(() => HolmCorrection.Adjust([1.2]));
    }

    [Theory]
    [InlineData(ComparisonDesign.Pairs, 8, 0.008)]
    [InlineData(ComparisonDesign.Pairs, 12, 0.016)]
    [InlineData(ComparisonDesign.Pairs, 20, 0.04)]
    [InlineData(ComparisonDesign.Pairs, 6, 0.05)]
    [InlineData(ComparisonDesign.Sequential, 8, 0.01)]
    [InlineData(ComparisonDesign.Sequential, 12, 0.01)]
    public void What_is_named_as_detectable_is_found_about_four_times_in_five(ComparisonDesign design, int count, double alpha)
    {
        // Each time with other values: their detectable shift is planted in ten independent comparisons.
        var random = new Random(count);
        var (found, played) = (0, 0);
        for (var i = 0; i < 25; i++)
        {
            var shift = Detectability.Shift(design, Draw.Normals(random, count, 0, 0.1), Draw.Normals(random, count, 0, 0.1), count, alpha, 0.03)!.Value;
            for (var play = 0; play < 10; play++)
            {
                var (b, c) = (Draw.Normals(random, count, 0, 0.1), Draw.Normals(random, count, shift, 0.1));
                found += (design == ComparisonDesign.Pairs ? SwapTest.PValue(b, c) : RankSumTest.PValue(b, c)) <= alpha ? 1 : 0;
                played++;
            }
        }

        Assert.InRange((double)found / played, 0.68, 0.95);
    }

    [Fact]
    public void Without_noise_or_without_hope_the_plan_says_so()
    {
        double[] same = [5, 5, 5, 5, 5, 5, 5, 5];
        Assert.Equal(0.03, Detectability.Shift(ComparisonDesign.Pairs, same, same, 8, 0.008, 0.03)!.Value, 3);
        Assert.Null(Detectability.Shift(ComparisonDesign.Pairs, same, same, 5, 0.05, 0.03));
        Assert.Null(Detectability.Shift(ComparisonDesign.Sequential, [1], [2], 8, 0.01, 0.03));
        double[] wild = [-9, 7, 8, -5, 9, -8, 3, -2];
        Assert.Null(Detectability.Shift(ComparisonDesign.Pairs, wild, [.. wild.Reverse()], 8, 0.008, 0.03));
        Assert.Equal(6, Detectability.FewestToReach(ComparisonDesign.Pairs, 0.05));
        Assert.Equal(7, Detectability.FewestToReach(ComparisonDesign.Pairs, 0.05 / 3));
        Assert.Equal(5, Detectability.FewestToReach(ComparisonDesign.Sequential, 0.01));
    }

    private static void AssertClose(double[] expected, IReadOnlyList<double> actual)
    {
        Assert.Equal(expected.Length, actual.Count);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 12));
    }
}
