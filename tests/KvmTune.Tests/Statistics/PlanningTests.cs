// Looks, Holm's correction, the detectable shift and the further runs.
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class PlanningTests
{
    [Fact]
    public void The_planned_looks_are_those_of_the_protocol_and_spend_five_per_cent()
    {
        Assert.Equal([new Look(8, 0.01), new Look(12, 0.015), new Look(20, 0.025)], LookPlan.Planned.Looks);
        Assert.Equal(0.05, LookPlan.Planned.Looks.Sum(look => look.Alpha), 12);
        Assert.All(LookPlan.Planned.Looks, look => Assert.True(SwapTest.SmallestPValue(look.Pairs) <= look.Alpha));
    }

    [Theory]
    [InlineData(6, 0.01)]
    [InlineData(8, 0.01)]
    [InlineData(9, 0.015)]
    [InlineData(12, 0.015)]
    [InlineData(20, 0.025)]
    [InlineData(40, 0.025)]
    public void A_comparison_that_ends_between_looks_holds_the_next_one_early(int pairs, double alpha)
        => Assert.Equal(alpha, LookPlan.Planned.AlphaAt(pairs));

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
        Assert.Equal([new Look(10, 0.05)], LookPlan.Fixed(10).Looks);
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
    [InlineData(8, 0.01)]
    [InlineData(12, 0.015)]
    [InlineData(20, 0.025)]
    [InlineData(10, 0.05)]
    [InlineData(6, 0.05)]
    public void Pairs_find_the_detectable_shift_four_times_in_five(int pairs, double alpha)
    {
        var random = new Random(pairs);
        // The deviation of a difference of two values with deviation 1 is √2.
        var shift = new NoiseLevel(ComparisonDesign.Pairs, Math.Sqrt(2), pairs).DetectableShift(alpha)!.Value;
        var found = Enumerable.Range(0, 1000)
            .Count(_ => SwapTest.PValue(Draw.Normals(random, pairs, 0, 1), Draw.Normals(random, pairs, shift, 1)) <= alpha);
        Assert.InRange(found / 1000.0, 0.74, 0.88);
    }

    [Theory]
    [InlineData(6)]
    [InlineData(8)]
    [InlineData(12)]
    [InlineData(20)]
    public void A_sequence_finds_the_detectable_shift_four_times_in_five(int aSide)
    {
        var random = new Random(aSide);
        var shift = new NoiseLevel(ComparisonDesign.Sequential, 1, aSide).DetectableShift(0.01)!.Value;
        var found = Enumerable.Range(0, 1000)
            .Count(_ => RankSumTest.PValue(Draw.Normals(random, aSide, 0, 1), Draw.Normals(random, aSide, shift, 1)) <= 0.01);
        Assert.InRange(found / 1000.0, 0.74, 0.88);
    }

    [Fact]
    public void The_further_runs_settle_it_about_as_often_as_said()
    {
        var random = new Random(10);
        // Seen: a shift of 8 % at a noise of 10 % a pair, after 8 pairs. Play as many pairs as were asked for in all.
        var (shift, noise) = (Math.Log(1.08), 0.1);
        var further = new NoiseLevel(ComparisonDesign.Pairs, noise, 8).FurtherRuns(shift, _ => 0.025, Math.Log(1.03), Math.Log(1.05))!.Value;
        var pairs = 8 + further;
        var found = Enumerable.Range(0, 500).Count(_ => SwapTest.PValue(
            Draw.Normals(random, pairs, 0, noise / Math.Sqrt(2)), Draw.Normals(random, pairs, shift, noise / Math.Sqrt(2))) <= 0.025);
        Assert.InRange(found / 500.0, 0.74, 0.88);

        // No shift at all: as many pairs as show likeness.
        var alike = 8 + new NoiseLevel(ComparisonDesign.Pairs, noise, 8).FurtherRuns(0, _ => 0.025, Math.Log(1.03), Math.Log(1.05))!.Value;
        var shown = Enumerable.Range(0, 120).Count(_ => SwapTest.Interval(
            Draw.Normals(random, alike, 0, noise / Math.Sqrt(2)), Draw.Normals(random, alike, 0, noise / Math.Sqrt(2)), 0.9)
            is { } interval && Math.Abs(interval.Low) <= Math.Log(1.05) && interval.High <= Math.Log(1.05));
        Assert.InRange(shown / 120.0, 0.7, 0.92);
    }

    [Fact]
    public void Without_noise_or_without_hope_the_plan_says_so()
    {
        Assert.Equal(0, new NoiseLevel(ComparisonDesign.Pairs, 0, 8).DetectableShift(0.01));
        Assert.Null(new NoiseLevel(ComparisonDesign.Pairs, 1, 5).DetectableShift(0.05));
        Assert.Null(new NoiseLevel(ComparisonDesign.Sequential, 1, 1).DetectableShift(0.01));
        Assert.Null(new NoiseLevel(ComparisonDesign.Pairs, 5, 8).FurtherRuns(0.02, _ => 0.025, 0.03, 0.05));
        Assert.Equal(1, new NoiseLevel(ComparisonDesign.Pairs, 0, 8).FurtherRuns(0.02, _ => 0.025, 0.03, 0.05));
        Assert.Equal(0, NoiseLevel.Of(ComparisonDesign.Sequential, [1], [2]).Deviation);
    }

    private static void AssertClose(double[] expected, IReadOnlyList<double> actual)
    {
        Assert.Equal(expected.Length, actual.Count);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 12));
    }
}
