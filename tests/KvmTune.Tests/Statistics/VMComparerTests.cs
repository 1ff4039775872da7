// Whole comparisons: verdicts, sentences, roles, refusals, and every kind of sample in a measurement.
using KvmTune.Measurement;
using KvmTune.Statistics;
using KvmTune.Tuning;
using Xunit;
using static KvmTune.Tests.Statistics.Performances;

namespace KvmTune.Tests.Statistics;

public sealed class VMComparerTests
{
    private static readonly ComparisonOptions Pairs = new() { Design = ComparisonDesign.Pairs };

    [Fact]
    public void A_clear_rise_of_a_sequence_is_an_improvement_that_is_provisional()
    {
        var result = VMComparer.Compare(
            Of(12100, 11900, 12200, 12000, 11800, 12300, 12050, 11950), Of(14200, 14300, 13900, 14500, 14100, 14000, 14400, 14250));
        Assert.Equal(Verdict.Improved, result.Verdict);
        Assert.True(result.IsProvisional);
        Assert.Equal(
            "RandomWrite IOPS improved by 18 % between typical runs (95 % interval +16 % to +20 %, p = 0.0002, 8 runs against 8). "
            + "Provisional: runs were not interleaved, so drift of the host is not excluded.",
            result.Sentence);
        Assert.Equal(12025, result.PrimaryMetric.BaselineMedian);
        Assert.Equal(8, result.PrimaryMetric.CandidateCount);
        Assert.Empty(result.Notes);
    }

    [Fact]
    public void The_same_values_the_other_way_round_regress_by_the_inverse_factor()
    {
        var (low, high) = (Of(Around(1, 8, 100, 1)), Of(Around(2, 8, 118, 1)));
        var (up, down) = (VMComparer.Compare(low, high), VMComparer.Compare(high, low));
        Assert.Equal(Verdict.Regressed, down.Verdict);
        Assert.Equal(1, (1 + (up.PrimaryMetric.ShiftPercent!.Value / 100)) * (1 + (down.PrimaryMetric.ShiftPercent!.Value / 100)), 9);
        Assert.Contains("RandomWrite IOPS regressed by 15 %", down.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Likeness_is_shown_and_not_assumed()
    {
        var alike = VMComparer.Compare(Of(Around(3, 12, 1000, 2)), Of(Around(4, 12, 1000, 2)));
        Assert.Equal(Verdict.NoDifference, alike.Verdict);
        Assert.Contains("did not change: the 90 % interval", alike.Sentence, StringComparison.Ordinal);
        Assert.Contains("lies within -4.8 % to +5 %", alike.Sentence, StringComparison.Ordinal);

        var noisy = VMComparer.Compare(Of(Around(5, 8, 1000, 20)), Of(Around(6, 8, 1000, 20)));
        Assert.Equal(Verdict.Inconclusive, noisy.Verdict);
        Assert.Contains("is inconclusive: shift", noisy.Sentence, StringComparison.Ordinal);
        Assert.True(noisy.PrimaryMetric.DetectablePercent > 20);
    }

    [Fact]
    public void A_certain_shift_below_the_threshold_is_no_improvement()
    {
        var (baseline, candidate) = (Of(Around(7, 12, 1000, 0.5)), Of(Around(8, 12, 1045, 0.5)));
        var result = VMComparer.Compare(baseline, candidate);
        Assert.True(result.PrimaryMetric.PValue < 0.001);
        Assert.Equal(Verdict.NoDifference, result.Verdict);

        Assert.Equal(Verdict.Improved, VMComparer.Compare(baseline, candidate, new() { ThresholdPercent = 3 }).Verdict);
        Assert.Equal(Verdict.Improved, VMComparer.Compare(baseline, candidate, Pairs).Verdict);
    }

    [Theory]
    [InlineData(3, 5)]
    [InlineData(1, 5.0 / 3)]
    [InlineData(4, 5)]
    [InlineData(20, 20)]
    public void The_margin_follows_a_threshold_of_ones_own(double threshold, double margin)
        => Assert.Equal(margin, VerdictLimits.For(MetricKind.Rate, 0.01, false, threshold).MarginPercent, 9);

    [Fact]
    public void Thresholds_are_those_of_the_rule()
    {
        Assert.Equal(new VerdictLimits(0.01, 5, 5), VerdictLimits.For(MetricKind.Rate, 0.01, isProvisional: true));
        Assert.Equal(new VerdictLimits(0.01, 3, 5), VerdictLimits.For(MetricKind.Rate, 0.01, isProvisional: false));
        Assert.Equal(new VerdictLimits(0.01, 10, 10), VerdictLimits.For(MetricKind.LatencyPercentile, 0.01, isProvisional: false));
        Assert.Equal(new VerdictLimits(0.01, 10, 10), VerdictLimits.For(MetricKind.Variation, 0.01, isProvisional: true));
    }

    [Fact]
    public void Eight_pairs_on_one_side_improve_and_are_not_provisional()
    {
        var result = VMComparer.Compare(Of(Around(9, 8, 100, 1)), Of(Around(10, 8, 110, 1)), Pairs);
        Assert.Equal(Verdict.Improved, result.Verdict);
        Assert.False(result.IsProvisional);
        Assert.Equal(2.0 / 256, result.PrimaryMetric.PValue!.Value, 12);
        Assert.Equal((0.008, 0.98), (result.PrimaryMetric.Limits.Alpha, result.PrimaryMetric.Limits.SamenessLevel));
        Assert.Matches("IOPS improved by 1[01] % in typical pairs \\(95 % interval .*, 8 pairs\\)", result.Sentence);
        Assert.DoesNotContain("Provisional", result.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_number_of_pairs_that_was_fixed_is_judged_at_five_per_cent()
    {
        var (baseline, candidate) = (Of(Around(9, 6, 100, 1)), Of(Around(10, 6, 110, 1)));
        Assert.Equal(Verdict.Improved, VMComparer.Compare(baseline, candidate, Pairs with { Plan = LookPlan.Fixed(6) }).Verdict);

        var planned = VMComparer.Compare(baseline, candidate, Pairs);
        Assert.Equal(Verdict.Inconclusive, planned.Verdict);
        Assert.Contains(
            "So few pairs cannot show anything: their smallest possible p is 0.031, and a verdict needs 0.008. At least 8 pairs are needed.", planned.Sentence, StringComparison.Ordinal);
        Assert.Null(planned.PrimaryMetric.DetectablePercent);
    }

    [Fact]
    public void Mean_latency_is_shown_and_no_guard_beside_a_rate()
    {
        var result = VMComparer.Compare(
            Of(Around(11, 8, 1000, 1), Around(12, 8, 100, 1), Around(13, 8, 500, 1)),
            Of(Around(14, 8, 1200, 1), Around(15, 8, 130, 1), Around(16, 8, 505, 1)));
        Assert.Equal([MetricRole.Primary, MetricRole.Shown, MetricRole.Guard], result.Metrics.Select(metric => metric.Role));
        Assert.Equal(Verdict.Regressed, result.Metrics[1].Verdict);
        Assert.Equal(Verdict.Improved, result.Verdict);
    }

    [Theory]
    [InlineData(ComparisonDesign.Sequential)]
    [InlineData(ComparisonDesign.Pairs)]
    public void A_guard_that_regresses_makes_an_improvement_mixed(ComparisonDesign design)
    {
        var result = VMComparer.Compare(
            Of(Around(17, 8, 1000, 1), null, Around(18, 8, 500, 2)),
            Of(Around(19, 8, 1200, 1), null, Around(20, 8, 1000, 2)),
            new() { Design = design });
        Assert.Equal(Verdict.Mixed, result.Verdict);
        Assert.Equal(Verdict.Improved, result.PrimaryMetric.Verdict);
        Assert.Matches("But LatencyP99 regressed by (9[0-9]|10[0-9]) %\\.", result.Sentence);
        Assert.Contains("higher is worse", result.Metrics[1].Sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1000, 1, Verdict.NoDifference, Verdict.Mixed)]
    [InlineData(1100, 40, Verdict.Inconclusive, Verdict.Mixed)]
    [InlineData(1300, 1, Verdict.Improved, Verdict.Mixed)]
    [InlineData(700, 1, Verdict.Regressed, Verdict.Regressed)]
    public void A_guard_that_got_2_8_times_worse_is_part_of_the_verdict(double rate, double noise, Verdict alone, Verdict together)
    {
        var result = VMComparer.Compare(
            Of(Around(21, 12, 1000, noise), null, Around(22, 12, 500, 2)),
            Of(Around(23, 12, rate, noise), null, Around(24, 12, 1400, 2)), Pairs);
        Assert.Equal(alone, result.PrimaryMetric.Verdict);
        Assert.Equal(together, result.Verdict);
        Assert.Matches($"{(together == Verdict.Mixed ? "But" : "Beside it,")} LatencyP99 regressed by 1[789][0-9] %", result.Sentence);
    }

    [Theory]
    [InlineData(3, 0, Verdict.Improved, Verdict.Regressed)]
    [InlineData(0, 3, Verdict.Mixed, Verdict.Regressed)]
    [InlineData(1, 1, Verdict.Improved, Verdict.Regressed)]
    [InlineData(0, 1, Verdict.Mixed, Verdict.Regressed)]
    public void A_side_that_fails_more_often_did_not_improve(int baselineFailures, int candidateFailures, Verdict faster, Verdict slower)
    {
        var (baseline, candidate) = (Fail(Of(Around(1, 12, 1000, 1)), baselineFailures), Fail(Of(Around(2, 12, 1200, 1)), candidateFailures));
        Assert.Equal(faster, VMComparer.Compare(baseline, candidate).Verdict);

        var worse = VMComparer.Compare(Fail(Of(Around(2, 12, 1200, 1)), baselineFailures), Fail(Of(Around(1, 12, 1000, 1)), candidateFailures));
        Assert.Equal(slower, worse.Verdict);
    }

    [Fact]
    public void Failures_that_chance_does_not_explain_make_sameness_mixed_and_the_sentence_counts_them()
    {
        var (baseline, candidate) = (Of(Around(1, 24, 1000, 1)), Fail(Of(Around(2, 24, 1000, 1)), 6));
        var result = VMComparer.Compare(baseline, candidate);

        // scipy.stats.fisher_exact([[6, 19], [0, 25]], 'greater'): C(25, 6) / C(50, 6).
        Assert.Equal(177100.0 / 15890700, result.FailedRuns!.PValue, 7);
        Assert.Equal(Verdict.Mixed, result.Verdict);
        Assert.Contains("But 6 of 25 runs failed with the change, and none of 25 without it: a side that fails more often did not improve.", result.Sentence, StringComparison.Ordinal);
        Assert.Equal(Verdict.NoDifference, VMComparer.Compare(baseline, Fail(candidate, 0)).PrimaryMetric.Verdict);
    }

    [Fact]
    public void A_measurement_is_not_compared_with_itself()
    {
        var one = Of(1, 2, 3) with { Id = Guid.NewGuid() };
        foreach (var again in new[] { one, one with { Change = Pin(TuningOutcome.Applied) } })
        {
            var error = Assert.Throws<ComparisonException>(() => VMComparer.Compare(one, again));
            Assert.Equal("SameMeasurement", error.ErrorId);
            Assert.Contains($"one measurement of 'db01' (RandomWrite, begun {one.StartedAt.ToLocalTime():yyyy-MM-dd HH:mm:ss})", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(10_000, 300)]
    [InlineData(300, 10_000)]
    public void A_threshold_is_a_factor_that_weighs_the_same_up_and_down(double before, double after)
    {
        var result = VMComparer.Compare(Of(Around(1, 8, before, 1)), Of(Around(2, 8, after, 1)), Pairs with { ThresholdPercent = 50 });
        Assert.Equal(after > before ? Verdict.Improved : Verdict.Regressed, result.Verdict);
    }

    [Theory]
    [InlineData(1.25, Verdict.Improved)]
    [InlineData(1.15, Verdict.NoDifference)]
    [InlineData(1 / 1.15, Verdict.NoDifference)]
    [InlineData(1 / 1.25, Verdict.Regressed)]
    public void A_threshold_of_20_per_cent_is_a_fall_by_a_sixth(double factor, Verdict expected)
        => Assert.Equal(expected, VMComparer.Compare(Of(Around(1, 8, 1000, 0.2)), Of(Around(2, 8, 1000 * factor, 0.2)), Pairs with { ThresholdPercent = 20 }).Verdict);

    [Fact]
    public void Four_boots_never_claim_they_give_a_direction_and_say_what_it_takes()
    {
        // Boots that differ as much as real ones: the runs of each agree, and Mann–Whitney over them has p = 0.0002.
        var baseline = TwoBoots(Of(Around(25, 8, 1000, 1)).At(0, 1, 2, 3, 12, 13, 14, 15));
        var candidate = TwoBoots(Of(Around(26, 8, 1200, 1)).At(4, 5, 6, 7, 8, 9, 10, 11));

        var result = VMComparer.Compare(baseline, candidate, new() { Design = ComparisonDesign.Blocks, Unit = ComparisonUnit.Boot });

        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.True(result.IsDirectionOnly);
        Assert.Null(result.PrimaryMetric.IntervalLowPercent);
        Assert.Matches("^RandomWrite IOPS was (19|20|21) % higher with the change in 2 boots against 2: a direction, not a verdict\\.", result.Sentence);
        Assert.EndsWith("8 pairs of boots can: Invoke-VMExperiment -Design Pairs.", result.Sentence, StringComparison.Ordinal);
        Assert.Equal(Verdict.Improved, VMComparer.Compare(baseline, candidate, new() { Design = ComparisonDesign.Blocks }).Verdict);
    }

    [Theory]
    [InlineData(RestartBy.Reboot, ComparisonUnit.Boot, "boot")]
    [InlineData(RestartBy.Suspend, ComparisonUnit.Resume, "resume")]
    public void One_boot_or_resume_before_and_one_after_give_a_direction_too(RestartBy by, ComparisonUnit unit, string word)
    {
        var candidate = Of(Around(2, 8, 1200, 1)) with { Change = Pin(TuningOutcome.Applied) with { Restarted = true, RestartedBy = by } };

        var result = VMComparer.Compare(Of(Around(1, 8, 1000, 1)), candidate);

        Assert.Equal((Verdict.Inconclusive, true, unit), (result.Verdict, result.IsDirectionOnly, result.Unit));
        Assert.Contains($"in 1 {word} against 1: a direction, not a verdict", result.Sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("Provisional", result.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Six_pairs_cannot_judge_three_guards_and_say_so()
    {
        var tail = new MetricDefinition("LatencyP999", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile);
        var variation = new MetricDefinition("RateVariation", "%", MetricDirection.LowerIsBetter, MetricKind.Variation);
        VMPerformance With(int seed, double factor)
        {
            var performance = Of(Around(seed, 6, 1000 * factor, 1), null, Around(seed + 1, 6, 500 * factor, 1));
            return performance with
            {
                Metrics = [.. performance.Metrics, tail, variation],
                Runs = [.. performance.Runs.Select(run => run with
                {
                    Values = new Dictionary<string, double>(run.Values, StringComparer.Ordinal) { ["LatencyP999"] = 9 * factor * run.Number, ["RateVariation"] = 3 * factor * run.Number },
                })],
            };
        }

        var result = VMComparer.Compare(With(1, 1), With(3, 3), Pairs with { Plan = LookPlan.Fixed(6) });

        Assert.Equal(Verdict.Improved, result.Verdict);
        Assert.All(result.Metrics.Skip(1), guard => Assert.Equal(Verdict.Inconclusive, guard.Verdict));
        Assert.Contains(
            "So few pairs cannot show anything: their smallest possible p is 0.094, corrected for 3 metrics, and a verdict needs 0.05. At least 7 pairs are needed.",
            result.Metrics[1].Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_metric_can_be_asked_to_decide()
    {
        var (baseline, candidate) = (
            Of(Around(1, 8, 1000, 1), Around(3, 8, 100, 1), Around(5, 8, 500, 2)), Of(Around(2, 8, 1000, 1), Around(4, 8, 100, 1), Around(6, 8, 250, 2)));

        var steadier = VMComparer.Compare(baseline, candidate, Pairs with { Metric = "latencyp99" });

        Assert.Equal(["LatencyP99", "Iops", "LatencyMean"], steadier.Metrics.Select(metric => metric.Metric.Name));
        Assert.Equal([MetricRole.Primary, MetricRole.Guard, MetricRole.Shown], steadier.Metrics.Select(metric => metric.Role));
        Assert.Equal(Verdict.Improved, steadier.Verdict);
        Assert.Matches("^RandomWrite LatencyP99 improved by (4[89]|5[012]) % in typical pairs", steadier.Sentence);

        var mean = VMComparer.Compare(baseline, candidate, Pairs with { Metric = "LatencyMean" });
        Assert.Equal([MetricRole.Primary, MetricRole.Shown, MetricRole.Guard], mean.Metrics.Select(metric => metric.Role));

        var error = Assert.Throws<ComparisonException>(() => VMComparer.Compare(baseline, candidate, Pairs with { Metric = "P99" }));
        Assert.Contains("has no metric 'P99' to decide by. It has: Iops, LatencyMean, LatencyP99.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Latencies_that_a_program_rounds_have_an_interval_with_a_width_where_they_differ()
    {
        // sysbench's classes of latency, 1.8 % apart, as logarithms of steps.
        double[] Steps(params int[] steps) => [.. steps.Select(step => 350_000 * Math.Exp(step * 0.018))];
        var result = VMComparer.Compare(
            Of(Around(1, 8, 1000, 1), null, Steps(0, 0, 1, 2, 0, 1, 0, 2)), Of(Around(2, 8, 1000, 1), null, Steps(2, 1, 2, 3, 1, 2, 2, 3)), Pairs);
        var p99 = result.Metrics[1];
        Assert.Equal((1.8, 3.7), (Math.Round(p99.IntervalLowPercent!.Value, 1), Math.Round(p99.IntervalHighPercent!.Value, 1)));
    }

    [Fact]
    public void A_negative_control_that_shifts_makes_the_comparison_inconclusive()
    {
        var (baseline, candidate) = (
            Of(Around(17, 8, 1000, 1), null, Around(18, 8, 500, 2)), Of(Around(19, 8, 1200, 1), null, Around(20, 8, 1000, 2)));
        var result = VMComparer.Compare(baseline, candidate, new() { NegativeControls = ["LatencyP99"] });
        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Contains("which the change cannot affect", result.Sentence, StringComparison.Ordinal);

        var error = Assert.Throws<ComparisonException>(
            () => VMComparer.Compare(baseline, candidate, new() { NegativeControls = ["Iops"] }));
        Assert.Equal("InvalidComparison", error.ErrorId);
    }

    [Fact]
    public void Blocks_are_told_by_the_times_of_the_runs()
    {
        var baseline = Of(Around(25, 8, 1000, 1)).At(0, 1, 2, 3, 12, 13, 14, 15);
        var candidate = Of(Around(26, 8, 1200, 1)).At(4, 5, 6, 7, 8, 9, 10, 11);
        var result = VMComparer.Compare(baseline, candidate, new() { Design = ComparisonDesign.Blocks });
        Assert.Equal(Verdict.Improved, result.Verdict);
        Assert.True(result.IsProvisional);
        Assert.Contains("Provisional: runs were made in few blocks", result.Sentence, StringComparison.Ordinal);

        var sequence = candidate.At(20, 21, 22, 23, 24, 25, 26, 27);
        var error = Assert.Throws<ComparisonException>(
            () => VMComparer.Compare(baseline, sequence, new() { Design = ComparisonDesign.Blocks }));
        Assert.Contains("not made in alternating blocks", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_runs_of_one_boot_make_one_value()
    {
        var baseline = Of([.. Around(27, 8, 100, 2).SelectMany(boot => new[] { boot * 0.9, boot, boot * 1.3 })]);
        var candidate = Of([.. Around(28, 8, 120, 2).SelectMany(boot => new[] { boot * 0.9, boot, boot * 1.3 })]);
        var result = VMComparer.Compare(baseline, candidate, Pairs with { RunsPerUnit = 3 });
        Assert.Equal(8, result.PrimaryMetric.BaselineCount);
        Assert.Equal(Verdict.Improved, result.Verdict);
        Assert.InRange(result.PrimaryMetric.ShiftPercent!.Value, 15, 25);
    }

    [Fact]
    public void A_failed_run_is_left_out_and_named_and_takes_its_pair_along()
    {
        var baseline = Of(Around(29, 9, 100, 1)).Failing(3);
        var candidate = Of(Around(30, 9, 120, 1));
        var sequence = VMComparer.Compare(baseline, candidate);
        Assert.Equal((8, 9), (sequence.PrimaryMetric.BaselineCount, sequence.PrimaryMetric.CandidateCount));
        Assert.Equal(["Run 3 of the baseline failed and is left out: fio ended early"], sequence.Notes);

        Assert.Equal(8, VMComparer.Compare(baseline, candidate, Pairs).PrimaryMetric.CandidateCount);
    }

    [Fact]
    public void NaN_from_a_broken_run_costs_that_value_only()
    {
        var p99 = Around(32, 8, 500, 2);
        p99[4] = double.NaN;
        var result = VMComparer.Compare(Of(Around(31, 8, 100, 1), null, p99), Of(Around(33, 8, 120, 1), null, Around(34, 8, 500, 2)));
        Assert.Equal([8, 7], result.Metrics.Select(metric => metric.BaselineCount));
        Assert.Contains("Run 5 of the baseline has no usable LatencyP99, which is compared without it.", result.Notes, StringComparer.Ordinal);
        AssertDefined(result);
    }

    [Fact]
    public void Pairs_without_a_partner_are_left_out_and_said()
    {
        var result = VMComparer.Compare(Of(Around(35, 10, 100, 1)), Of(Around(36, 8, 120, 1)), Pairs);
        Assert.Equal(8, result.PrimaryMetric.BaselineCount);
        Assert.Contains("The last 2 of the baseline have no partner and are left out.", result.Notes, StringComparer.Ordinal);
    }

    public static TheoryData<double[], double[], Verdict> Strange => new()
    {
        { [5, 5, 5, 5, 5, 5, 5, 5], [5, 5, 5, 5, 5, 5, 5, 5], Verdict.NoDifference },
        { [5, 5, 5, 5, 5, 5, 5, 5], [6, 6, 6, 6, 6, 6, 6, 6], Verdict.Improved },
        { [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0], Verdict.NoDifference },
        { [0, 0, 0, 0, 0, 0, 0, 0], [7, 8, 9, 7, 8, 9, 7, 8], Verdict.Improved },
        { [0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 2, 0], Verdict.NoDifference },
        { [-9, -8, -7, -9, -8, -7, -9, -8], [-3, -2, -3, -2, -3, -2, -3, -2], Verdict.Improved },
        { [0, 3, 1, 4, 1, 5, 9, 2], [6, 5, 3, 5, 8, 9, 7, 9], Verdict.Inconclusive },
        { [1, 2, 1, 2, 1, 2, 1, 2], [2, 1, 2, 1, 2, 1, 2, 1], Verdict.Inconclusive },
        { [1], [2], Verdict.Inconclusive },
        { [1, 2], [3, 4], Verdict.Inconclusive },
        { [0], [0], Verdict.Inconclusive },
        { [], [1, 2, 3], Verdict.Inconclusive },
        { [double.NaN, double.NaN], [1, 2], Verdict.Inconclusive },
        { [double.PositiveInfinity, 1, 1, 1, 1, 1], [2, 2, 2, 2, 2, 2], Verdict.Improved },
        { [1e-300, 1e300, 1, 1, 1, 1, 1, 1], [1e-300, 1e300, 1, 1, 1, 1, 1, 1], Verdict.NoDifference },
    };

    [Theory]
    [MemberData(nameof(Strange))]
    public void Every_sample_gives_a_sentence_and_never_NaN(double[] baseline, double[] candidate, Verdict expected)
    {
        var result = VMComparer.Compare(Of(baseline), Of(candidate));
        Assert.Equal(expected, result.Verdict);
        AssertDefined(result);
        AssertDefined(VMComparer.Compare(Of(baseline), Of(candidate), Pairs));
    }

    [Fact]
    public void Without_logarithms_it_compares_differences_and_says_so()
    {
        var result = VMComparer.Compare(Of(0, 3, 1, 4, 1, 5, 9, 2), Of(16, 15, 13, 15, 18, 19, 17, 19));
        Assert.Contains("Iops has values of zero or below, which have no logarithm; it was compared by differences in IOPS.", result.Notes, StringComparer.Ordinal);
        Assert.NotNull(result.PrimaryMetric.ShiftInUnits);

        var fromZero = VMComparer.Compare(Of(0, 0, 0, 0, 0, 0, 0, 0), Of(7, 8, 9, 7, 8, 9, 7, 8));
        Assert.Null(fromZero.PrimaryMetric.ShiftPercent);
        Assert.Contains("improved by 8 IOPS from a baseline of 0", fromZero.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Times_are_in_units_for_people()
    {
        double[] steady = [.. Enumerable.Repeat(812_345.0, 8)];
        var latency = P99 with { IsPrimary = true };
        var same = VMComparer.Compare(OfTimes(steady), OfTimes(steady));
        Assert.Contains("every value is 812 µs", same.Sentence, StringComparison.Ordinal);

        var fromZero = VMComparer.Compare(OfTimes([0, 0, 0, 0, 0, 0, 0, 0]), OfTimes(steady));
        Assert.Contains("by 812 µs from a baseline of 0", fromZero.Sentence, StringComparison.Ordinal);

        VMPerformance OfTimes(double[] values) => Of(values, null, values) with { Metrics = [latency] };
    }

    [Fact]
    public void Unlike_subjects_are_refused_by_name()
    {
        var one = Of(1, 2, 3);
        Refused("DifferentVM", "db02", one with { VMId = Guid.Empty, VMName = "db02" });
        Refused("DifferentWorkload", "workload RandomWrite against RandomRead", one with { Workload = one.Workload with { Name = "RandomRead" } });
        Refused("DifferentWorkload", "file size not set against 512 MiB", one with { Workload = one.Workload with { FileSizeMiB = 512 } });
        Refused("DifferentWorkload", "run time 3 s against 9 s", one with { Workload = one.Workload with { RunTime = TimeSpan.FromSeconds(9) } });
        Refused("DifferentMetrics", "LatencyP99 in the candidate only", one with { Metrics = [Iops, P99] });
        Refused("DifferentMetrics", "Iops is defined differently", one with { Metrics = [Iops with { Unit = "kIOPS" }] });
        Assert.Equal(Verdict.Inconclusive, VMComparer.Compare(one, one with { Workload = one.Workload with { Runs = 20 } }).Verdict);

        void Refused(string id, string message, VMPerformance other)
        {
            var error = Assert.Throws<ComparisonException>(() => VMComparer.Compare(one, other));
            Assert.Equal(id, error.ErrorId);
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Unlike_conditions_are_refused_by_name_unless_forced_and_then_marked()
    {
        var one = Of(Around(37, 8, 100, 1));
        var other = one with { Conditions = one.Conditions with { HostKernel = "6.12.0", TransparentHugePages = "never", Channel = "Ssh", GuestKernel = "5.10" } };
        var error = Assert.Throws<ComparisonException>(() => VMComparer.Compare(one, other));
        Assert.Equal("DifferentConditions", error.ErrorId);
        Assert.Equal(["host kernel 6.1.0 against 6.12.0", "channel Agent against Ssh", "guest kernel 6.1 against 5.10"], error.Differences);

        var forced = VMComparer.Compare(one, other, new() { Force = true });
        Assert.Contains(forced.Notes, note => note.StartsWith("Compared with -Force under different conditions: host kernel", StringComparison.Ordinal));
        Assert.Contains("Known on one side only, so not compared: transparent huge pages.", forced.Notes, StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("qemu", 40_000, true)]
    [InlineData("qemu", 400_000, false)]
    [InlineData("kvm", 40_000, false)]
    public void Percentiles_below_the_step_of_an_emulated_guests_clock_are_noted(string type, double nanoseconds, bool isNoted)
    {
        var values = Performances.Around(3, 12, 1000, 2);
        var performance = Performances.Of(values, null, [.. values.Select(value => value / 1000 * nanoseconds)]) with
        {
            Conditions = Performances.Conditions with { DomainType = type },
        };

        var notes = VMComparer.Compare(performance, performance with { }).Notes;

        Assert.Equal(isNoted, notes.Any(note => note.Contains("LatencyP99 below 100 µs are not reliable", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_a_change_alters_and_what_only_disturbs_are_notes()
    {
        var one = Of(Around(37, 8, 100, 1));
        var busier = one with
        {
            Conditions = one.Conditions with { ConfigurationHash = "bb", HostLoadAverage = 3.5, OtherRunningVMs = 4, GuestFreeMiB = 900 },
        };
        var calm = one with { Conditions = one.Conditions with { HostLoadAverage = 0.2, OtherRunningVMs = 2, GuestFreeMiB = 2000 } };
        Assert.Equal(
            [
                "The VM's running configuration differs between the two measurements, and no change is recorded with them.",
                "Other VMs running on the host: 2 for the baseline, 4 for the candidate.",
                "Free space on the file system of the test file: 2000 MiB for the baseline, 900 MiB for the candidate. The files need not lie alike.",
                "Host load when the measurements began: 0.2 for the baseline, 3.5 for the candidate.",
            ],
            VMComparer.Compare(calm, busier).Notes);
    }

    [Theory]
    [InlineData(TuningOutcome.Applied, "although a change was applied between them")]
    [InlineData(TuningOutcome.RestartPending, "comes into force with the next start of the VM")]
    [InlineData(TuningOutcome.NoChange, "was already as the change asked for")]
    public void A_change_that_shows_in_no_configuration_is_noted(TuningOutcome outcome, string words)
    {
        var one = Of(Around(37, 8, 100, 1));
        var changed = one with { Change = Pin(outcome) };
        Assert.Contains(VMComparer.Compare(one, changed).Notes, note => note.Contains(words, StringComparison.Ordinal));

        var inForce = changed with { Conditions = one.Conditions with { ConfigurationHash = "bb" } };
        var result = VMComparer.Compare(one, inForce);
        Assert.Empty(result.Notes);
        Assert.Same(changed.Change, result.Change);
    }

    [Theory]
    [InlineData(0.0, 0.95, 1)]
    [InlineData(3.0, 1.0, 1)]
    [InlineData(3.0, 0.95, 0)]
    [InlineData(double.NaN, 0.95, 1)]
    [InlineData(100.0, 0.95, 1)]
    [InlineData(50.1, 0.95, 1)]
    public void Options_that_make_no_sense_are_refused(double threshold, double level, int runsPerUnit)
        => Assert.Equal(
            ComparisonRefusal.InvalidComparison,
            Assert.Throws<ComparisonException>(() => VMComparer.Compare(
                Of(1, 2), Of(1, 2), new() { ThresholdPercent = threshold, ConfidenceLevel = level, RunsPerUnit = runsPerUnit })).Refusal);

    // Four runs a boot, each after a warm-up run.
    private static VMPerformance TwoBoots(VMPerformance performance) => performance with
    {
        Runs = [.. performance.Runs.Chunk(4).SelectMany(boot => boot.Prepend(boot[0] with { IsWarmup = true }))],
    };

    private static VMPerformance Fail(VMPerformance performance, int count) => performance with
    {
        Runs = [.. performance.Runs.Where(run => run.IsWarmup || run.Number > count), .. performance.Runs.Where(run => !run.IsWarmup).Take(count).Select(run => run with
        {
            Failure = "fio ended early", IsScreened = true, Values = new Dictionary<string, double>(StringComparer.Ordinal),
        })],
    };

    private static void AssertDefined(VMComparison result)
    {
        Assert.NotEmpty(result.Sentence);
        foreach (var metric in result.Metrics)
        {
            double?[] numbers =
            [
                metric.BaselineMedian, metric.CandidateMedian, metric.ShiftPercent, metric.ShiftInUnits, metric.IntervalLowPercent,
                metric.IntervalHighPercent, metric.EquivalenceLowPercent, metric.EquivalenceHighPercent, metric.PValue,
                metric.AdjustedPValue, metric.DetectablePercent, metric.SpreadRatio?.Ratio, metric.SpreadRatio?.Low, metric.SpreadRatio?.High,
            ];
            Assert.All(numbers, number => Assert.True(number is null || double.IsFinite(number.Value), metric.ToString()));
            Assert.DoesNotContain("NaN", metric.Sentence, StringComparison.Ordinal);
            Assert.DoesNotContain("∞", metric.Sentence, StringComparison.Ordinal);
            Assert.NotEmpty(metric.Sentence);
        }
    }
}
