// Experiments on a scripted VM: every design, every keep rule, and every kind of end.
using KvmTune.Experiments;
using KvmTune.Measurement;
using KvmTune.Statistics;
using KvmTune.Tests.Statistics;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Experiments;

public sealed class ExperimentTests
{
    [Fact]
    public async Task A_live_change_is_tried_in_pairs_that_end_at_the_first_look_where_it_is_clear()
    {
        var vm = new ScriptedExperiment();

        var result = await vm.RunAsync();

        Assert.Equal(ExperimentDesign.Pairs, result.Design);
        Assert.Equal(8, result.PairCount);
        Assert.Equal(8, result.Baseline.CountedRuns.Count);
        Assert.Equal(8, result.Candidate.CountedRuns.Count);
        Assert.Equal(Verdict.Improved, result.Verdict);
        Assert.False(result.Comparison.IsProvisional);
        Assert.Equal(ExperimentDecision.Kept, result.Decision);
        Assert.True(vm.IsCandidate);
        Assert.Equal(1, result.Seed);
        Assert.Equal(0, result.RestartCount);
        Assert.Single(vm.Calls, call => call == "prepare");
        Assert.Equal("clean", vm.Calls.Last(call => call is "clean"));
        Assert.Same(result.Change, result.Candidate.Change);
        Assert.Equal("A", result.Baseline.Conditions.ConfigurationHash);
        Assert.Equal("B", result.Candidate.Conditions.ConfigurationHash);
    }

    [Fact]
    public async Task The_first_run_of_the_guest_and_of_every_switch_is_warm_up_and_no_other()
    {
        var result = await new ScriptedExperiment().RunAsync();

        var order = ScriptedExperiment.Order(result);
        for (var i = 0; i < order.Length; i++)
        {
            var isSwitch = i == 0 || char.ToUpperInvariant(order[i - 1]) != char.ToUpperInvariant(order[i]);
            Assert.Equal(isSwitch, char.IsLower(order[i]));
        }
    }

    [Fact]
    public async Task The_order_inside_the_pairs_is_a_coin_that_the_seed_repeats()
    {
        string[] orders =
        [
            .. await Task.WhenAll(new[] { 1, 1, 2, 3, 4 }.Select(async seed =>
                ScriptedExperiment.Order(await new ScriptedExperiment().RunAsync(new ExperimentOptions { Seed = seed })))),
        ];

        Assert.Equal(orders[0], orders[1]);
        Assert.True(orders.Distinct().Count() > 2, string.Join(' ', orders));
        Assert.All(orders, order =>
        {
            var counted = string.Concat(order.Where(char.IsUpper));
            Assert.Contains("AB", counted.Chunk(2).Select(pair => new string(pair)));
            Assert.Contains("BA", counted.Chunk(2).Select(pair => new string(pair)));
            Assert.All(counted.Chunk(2), pair => Assert.NotEqual(pair[0], pair[1]));
        });
    }

    [Fact]
    public async Task Clear_likeness_ends_it_early_too_and_noise_goes_on_to_the_last_look()
    {
        var alike = await new ScriptedExperiment { Factor = 1 }.RunAsync();
        var noisy = await new ScriptedExperiment { Factor = 1.03, Noise = 0.4 }.RunAsync();

        Assert.Equal((8, Verdict.NoDifference), (alike.PairCount, alike.Verdict));
        Assert.Equal((20, Verdict.Inconclusive), (noisy.PairCount, noisy.Verdict));
        Assert.Equal(ExperimentDecision.Undone, noisy.Decision);
    }

    [Fact]
    public async Task A_guard_does_not_end_it_at_a_look_where_the_metric_that_decides_is_unclear()
    {
        var result = await new ScriptedExperiment { Factor = 1.03, Noise = 0.4, Tail = candidate => candidate ? 5e7 : 5e6 }.RunAsync();

        Assert.Equal((20, Verdict.Mixed, Verdict.Inconclusive), (result.PairCount, result.Verdict, result.Comparison.PrimaryMetric.Verdict));
    }

    [Fact]
    public async Task Runs_fixes_the_number_of_pairs_and_fewer_than_six_are_refused_with_the_number()
    {
        var result = await new ScriptedExperiment().RunAsync(new ExperimentOptions { Runs = 6, Seed = 3 });
        var vm = new ScriptedExperiment();
        var error = await Assert.ThrowsAsync<KvmTuneException>(() => vm.RunAsync(new ExperimentOptions { Runs = 5 }));

        Assert.Equal(6, result.PairCount);
        Assert.Equal(Verdict.Improved, result.Verdict);
        Assert.Equal("InvalidSetting", error.ErrorId);
        Assert.Contains("5", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(vm.Calls, call => call.StartsWith("run", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Blocks_have_a_boot_each_and_give_a_direction_that_keeps_nothing_unless_always()
    {
        var vm = new ScriptedExperiment { NeedsRestart = true };

        var result = await vm.RunAsync(new ExperimentOptions { Restart = true, Design = ExperimentDesign.Blocks, Keep = KeepRule.Always });

        Assert.Equal(ExperimentDesign.Blocks, result.Design);
        Assert.Equal("aAAAAbBBBBbBBBBaAAAA", ScriptedExperiment.Order(result));
        Assert.True(result.Comparison.IsDirectionOnly);
        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Matches("^Scripted Speed was (49|50|51) % higher with the change in 2 boots against 2: a direction, not a verdict\\.", result.Comparison.Sentence);
        Assert.Equal(ExperimentDecision.Kept, result.Decision);
        // The baseline's boot, the change, the candidate's second boot, back, and the change again because it is kept.
        Assert.Equal(["boot", "apply", "boot", "undo", "apply"], vm.Calls.Where(call => call is "boot" or "apply" or "undo"));
        Assert.Equal(5, result.RestartCount);
        Assert.True(vm.IsCandidate);
        Assert.All(vm.Calls.Select((call, i) => (call, i)).Where(entry => entry.call is "boot" or "undo"), entry =>
            Assert.True(entry.i == 1 || vm.Calls[entry.i - 1] == "clean", "the guest is cleaned before it is shut down"));
    }

    [Fact]
    public async Task Pairs_of_boots_have_a_boot_and_three_runs_for_each_unit()
    {
        var vm = new ScriptedExperiment { NeedsRestart = true };

        var result = await vm.RunAsync(new ExperimentOptions { Restart = true, Design = ExperimentDesign.Pairs, Seed = 5 });

        Assert.Equal(8, result.PairCount);
        Assert.Equal(24, result.Baseline.CountedRuns.Count);
        Assert.Equal(8, result.Comparison.PrimaryMetric.BaselineCount);
        Assert.Equal(16, vm.Calls.Count(call => call == "prepare"));
        Assert.InRange(result.RestartCount, 16, 17);
    }

    [Fact]
    public async Task A_suspend_makes_pairs_of_resumes()
    {
        var vm = new ScriptedExperiment { NeedsRestart = true, Way = new RestartWay(RestartBy.Suspend, null, null) };

        var result = await vm.RunAsync(new ExperimentOptions { Restart = true, Design = ExperimentDesign.Pairs, Seed = 5 });

        Assert.Equal((Verdict.Improved, ComparisonUnit.Resume), (result.Verdict, result.Comparison.Unit));
        Assert.Contains("8 pairs of resumes", result.Comparison.Sentence, StringComparison.Ordinal);
        Assert.InRange(result.RestartCount, 16, 17);
        // The prepared files stay in the guest.
        Assert.Single(vm.Calls, call => call == "prepare");
        Assert.Equal(15, vm.Calls.Count(call => call == "go on"));
        Assert.True(vm.Calls.FindLastIndex(call => call.StartsWith("run", StringComparison.Ordinal)) < vm.Calls.IndexOf("clean"), "it is removed after the last run");
    }

    [Theory]
    [InlineData(null, ExperimentDesign.Pairs)]
    [InlineData(5, ExperimentDesign.Blocks)]
    [InlineData(60, ExperimentDesign.Pairs)]
    public async Task Where_a_restart_is_needed_auto_takes_pairs_of_boots_unless_the_time_limit_is_too_short_for_them(int? minutes, ExperimentDesign expected)
    {
        var result = await new ScriptedExperiment { NeedsRestart = true }.RunAsync(
            new ExperimentOptions { Restart = true, TimeLimit = minutes is { } limit ? TimeSpan.FromMinutes(limit) : null, Seed = 1 });

        Assert.Equal(expected, result.Design);
        Assert.Equal(expected == ExperimentDesign.Blocks, result.Comparison.IsDirectionOnly);
    }

    [Theory]
    [InlineData(ExperimentDesign.Sequential, 4)]
    [InlineData(ExperimentDesign.Blocks, 4)]
    public async Task Runs_that_cannot_reach_the_level_are_refused_before_the_first_of_them(ExperimentDesign design, int runs)
    {
        var vm = new ScriptedExperiment();
        var error = await Assert.ThrowsAsync<KvmTuneException>(() => vm.RunAsync(new ExperimentOptions { Design = design, Runs = runs }));

        Assert.Equal("InvalidSetting", error.ErrorId);
        Assert.Contains("4 runs a side cannot show anything: their smallest possible p is 0.029, and a verdict needs 0.01. Give at least 5", error.Message, StringComparison.Ordinal);
        Assert.Empty(vm.Calls);
    }

    [Theory]
    [InlineData(ExperimentDesign.Pairs, false, 6, null, "6 pairs can judge Speed, but not the 3 other metrics of Scripted: corrected for 3, their smallest possible p is 0.094, and a verdict needs 0.05. Use at least 7 (-Runs).")]
    [InlineData(ExperimentDesign.Pairs, false, null, 20, "The time limit of 20 s is likely to end it before 8 pairs")]
    [InlineData(ExperimentDesign.Blocks, true, null, null, "they give a direction, not a verdict: only boots count")]
    [InlineData(ExperimentDesign.Sequential, true, 3, null, "in one boot each; they give a direction, not a verdict")]
    [InlineData(ExperimentDesign.Pairs, false, 7, null, null)]
    [InlineData(ExperimentDesign.Auto, false, null, null, null)]
    public void What_it_cannot_answer_is_said_before_it_begins(ExperimentDesign design, bool needsRestart, int? runs, int? seconds, string? words)
    {
        var warnings = Reach(new() { Design = design, Runs = runs, TimeLimit = seconds is { } limit ? TimeSpan.FromSeconds(limit) : null }, needsRestart).Warnings().ToList();

        if (words is null)
        {
            Assert.Empty(warnings);
        }
        else
        {
            Assert.Contains(words, Assert.Single(warnings), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_variation_of_three_seconds_is_no_answer_to_how_steady_a_guest_is() => Assert.Contains(
        "RateVariation of a run of 3 s is the spread of 3 seconds", Assert.Single(Reach(new() { Metric = "RateVariation" }).Warnings()), StringComparison.Ordinal);

    [Fact]
    public void What_it_can_show_is_said_from_the_last_measurement_or_a_typical_noise()
    {
        Assert.Matches(
            "^shows a change of Speed of [0-9]+ % after 8 pairs \\([0-9]+ s\\), or [0-9]+ % after 12 pairs \\(.*\\), or [0-9]+ % after 20 pairs \\(.*\\), at a typical noise",
            Reach(new()).Describe(null));
        var quiet = Performances.Of(Performances.Around(1, 16, 1000, 0.1));
        quiet = quiet with
        {
            Metrics = [quiet.Metrics[0] with { Name = "Speed" }],
            Runs = [.. quiet.Runs.Select(run => run with { Values = new Dictionary<string, double>(StringComparer.Ordinal) { ["Speed"] = run.Values["Iops"] } })],
        };
        Assert.Contains("of 3 % after 8 pairs", Reach(new()).Describe(quiet), StringComparison.Ordinal);
        Assert.Contains($"at the noise of its 16 runs of {quiet.StartedAt.ToLocalTime():yyyy-MM-dd HH:mm}", Reach(new()).Describe(quiet), StringComparison.Ordinal);
        Assert.Contains("shows a direction, not a verdict", Reach(new() { Design = ExperimentDesign.Blocks }, needsRestart: true).Describe(quiet), StringComparison.Ordinal);
        Assert.EndsWith("where boots differ no more than runs do", Reach(new(), needsRestart: true).Describe(null), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_metric_that_decides_can_be_named()
    {
        var result = await new ScriptedExperiment { Factor = 1, Tail = candidate => candidate ? 3e6 : 5e6 }
            .RunAsync(new ExperimentOptions { Metric = "LatencyP99", Seed = 2 });

        Assert.Equal(("LatencyP99", Verdict.Improved, ExperimentDecision.Kept), (result.Comparison.PrimaryMetric.Metric.Name, result.Verdict, result.Decision));
    }

    [Fact]
    public async Task A_sequence_measures_before_and_after_and_says_that_drift_is_not_excluded()
    {
        var vm = new ScriptedExperiment();

        var result = await vm.RunAsync(new ExperimentOptions { Design = ExperimentDesign.Sequential, Runs = 6 });

        Assert.Equal("aAAAAAAbBBBBBB", ScriptedExperiment.Order(result));
        Assert.True(result.Comparison.IsProvisional);
        Assert.Contains("drift", result.Comparison.Sentence, StringComparison.Ordinal);
        Assert.Equal(["apply"], vm.Calls.Where(call => call is "apply" or "undo"));
    }

    [Theory]
    [InlineData(KeepRule.Improved, 1.5, true)]
    [InlineData(KeepRule.Improved, 1.0, false)]
    [InlineData(KeepRule.Improved, 0.6, false)]
    [InlineData(KeepRule.NotWorse, 1.5, true)]
    [InlineData(KeepRule.NotWorse, 1.0, true)]
    [InlineData(KeepRule.NotWorse, 0.6, false)]
    [InlineData(KeepRule.Always, 1.5, true)]
    [InlineData(KeepRule.Always, 1.0, true)]
    [InlineData(KeepRule.Always, 0.6, true)]
    [InlineData(KeepRule.Never, 1.5, false)]
    [InlineData(KeepRule.Never, 1.0, false)]
    [InlineData(KeepRule.Never, 0.6, false)]
    public async Task The_VM_ends_as_the_rule_decides_on_the_verdict_whatever_the_design(KeepRule keep, double factor, bool isKept)
    {
        foreach (var (design, restart) in new[]
        {
            (ExperimentDesign.Pairs, false), (ExperimentDesign.Pairs, true), (ExperimentDesign.Blocks, false),
            (ExperimentDesign.Blocks, true), (ExperimentDesign.Sequential, false), (ExperimentDesign.Sequential, true),
        })
        {
            var vm = new ScriptedExperiment { NeedsRestart = restart, Factor = factor };

            var result = await vm.RunAsync(new ExperimentOptions { Design = design, Keep = keep, Restart = restart, Seed = 11 });

            if (result.Comparison.IsDirectionOnly)
            {
                Assert.Equal(Verdict.Inconclusive, result.Verdict);
                Assert.Equal(keep == KeepRule.Always, vm.IsCandidate);
                continue;
            }

            Assert.Equal(factor switch { > 1 => Verdict.Improved, < 1 => Verdict.Regressed, _ => Verdict.NoDifference }, result.Verdict);
            Assert.Equal(isKept ? ExperimentDecision.Kept : ExperimentDecision.Undone, result.Decision);
            Assert.Equal(isKept, vm.IsCandidate);
            Assert.StartsWith(isKept ? "Kept" : "Undone", result.Reason, StringComparison.Ordinal);
            Assert.Equal(isKept ? 0 : 1, vm.PreparationsTakenBack);
        }
    }

    [Fact]
    public async Task What_is_mixed_or_inconclusive_or_worse_in_another_metric_is_not_kept_unless_always()
    {
        static ScriptedExperiment Mixed() => new() { Tail = candidate => candidate ? 9e6 : 5e6 };
        static ScriptedExperiment Noisy() => new() { Factor = 1.03, Noise = 0.4 };
        static ScriptedExperiment WorseTail() => new() { Factor = 1, Tail = candidate => candidate ? 9e6 : 5e6 };

        foreach (var (make, verdict) in new (Func<ScriptedExperiment>, Verdict)[]
        {
            (Mixed, Verdict.Mixed), (Noisy, Verdict.Inconclusive), (WorseTail, Verdict.Mixed),
        })
        {
            foreach (var keep in Enum.GetValues<KeepRule>())
            {
                var vm = make();
                var result = await vm.RunAsync(new ExperimentOptions { Keep = keep, Seed = 4 });
                Assert.Equal(verdict, result.Verdict);
                Assert.Equal(keep == KeepRule.Always, vm.IsCandidate);
            }
        }
    }

    [Fact]
    public async Task A_pair_that_the_host_disturbed_is_made_again_whole_and_kept_as_screened()
    {
        var vm = new ScriptedExperiment { Busy = run => run is 9 or 10 ? 1 : 0.05 };

        var result = await vm.RunAsync();

        // Two consecutive runs: of one pair or of two.
        Assert.InRange(result.ScreenedPairCount, 1, 2);
        Assert.Equal(8, result.PairCount);
        Assert.Equal(result.ScreenedPairCount, result.Baseline.Runs.Count(run => run.IsScreened));
        Assert.Equal(result.ScreenedPairCount, result.Candidate.Runs.Count(run => run.IsScreened));
        Assert.Equal(8, result.Baseline.CountedRuns.Count);
        Assert.Contains(result.Notes, note => note.Contains("was repeated, since", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Screening_stops_where_its_counter_moves_with_the_change_and_sets_no_pair_aside_for_that()
    {
        var random = new Random(5);
        var vm = new ScriptedExperiment { Busy = _ => 0.1 * random.NextDouble(), BusyWithChange = 0.6 };

        var result = await vm.RunAsync(new ExperimentOptions { Runs = 10, Seed = 3 });

        Assert.Equal(0, result.ScreenedPairCount);
        Assert.DoesNotContain(result.Baseline.Runs.Concat(result.Candidate.Runs), run => run.IsScreened);
        Assert.Equal(result.PairCount, result.Comparison.PrimaryMetric.BaselineCount);
        Assert.InRange(result.PairCount, 10, 12);
        Assert.Contains(result.Notes, note => note.StartsWith("From then on no pair was repeated for how busy the host was outside the guest", StringComparison.Ordinal));
    }

    [Fact]
    public async Task At_most_half_as_many_pairs_again_are_made()
    {
        var vm = new ScriptedExperiment { Busy = run => run > 14 ? 1 : 0 };

        var result = await vm.RunAsync();

        Assert.Equal(8, result.PairCount);
        Assert.Equal(4, result.ScreenedPairCount);
    }

    [Fact]
    public async Task A_failed_run_is_kept_repeated_and_does_not_upset_the_pairs()
    {
        var vm = new ScriptedExperiment { Failure = run => run is 2 or 3 ? "bad luck" : null };

        var result = await vm.RunAsync();

        Assert.Equal(8, result.Comparison.PrimaryMetric.BaselineCount);
        Assert.Equal(8, result.Baseline.CountedRuns.Count);
        Assert.Equal(8, result.Candidate.CountedRuns.Count);
        Assert.Equal(2, result.Baseline.Runs.Concat(result.Candidate.Runs).Count(run => run.Failure == "bad luck"));
        Assert.Equal(result.Comparison.FailedRuns!.IsMoreOften ? Verdict.Mixed : Verdict.Improved, result.Verdict);
    }

    [Fact]
    public async Task More_failures_than_half_of_the_runs_end_it_undone_with_the_runs_kept()
    {
        var vm = new ScriptedExperiment { Failure = run => run > 6 ? "broken" : null };

        var error = await Assert.ThrowsAsync<ExperimentInterruptedException>(() => vm.RunAsync());

        Assert.Equal("TooManyFailedRuns", error.ErrorId);
        Assert.False(vm.IsCandidate);
        Assert.NotEmpty(error.Partial);
        Assert.Contains("broken", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_time_limit_ends_it_with_what_is_measured_and_says_so()
    {
        var vm = new ScriptedExperiment { Noise = 0.4, Factor = 1 };

        var result = await vm.RunAsync(new ExperimentOptions { TimeLimit = TimeSpan.FromSeconds(90), Seed = 1 });

        Assert.InRange(result.PairCount, 6, 9);
        Assert.True(result.Elapsed <= TimeSpan.FromSeconds(90), result.Elapsed.ToString());
        Assert.Contains(result.Notes, note => note.Contains("time limit", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_time_limit_that_one_turn_of_each_side_exceeds_is_refused_before_anything_is_measured()
    {
        var vm = new ScriptedExperiment();

        var error = await Assert.ThrowsAsync<KvmTuneException>(() => vm.RunAsync(new ExperimentOptions { TimeLimit = TimeSpan.FromSeconds(5) }));

        Assert.Equal("TimeLimitTooShort", error.ErrorId);
        Assert.Equal(["check"], vm.Calls);
    }

    [Fact]
    public async Task Every_step_is_told_with_its_time_and_a_time_left()
    {
        var vm = new ScriptedExperiment();
        var steps = new List<MeasurementProgress>();

        var result = await vm.RunAsync(progress: new Listing(steps));

        Assert.Contains(steps, step => step.Activity.StartsWith("pair 3 of 8", StringComparison.Ordinal) && step.Activity.EndsWith("run 1 of 1", StringComparison.Ordinal));
        Assert.All(steps, step => Assert.True(step.Remaining >= TimeSpan.Zero));
        var atPair2 = steps.First(step => step.Activity.StartsWith("pair 2", StringComparison.Ordinal));
        Assert.InRange(atPair2.Remaining!.Value.TotalSeconds, 42, 90);
        Assert.Equal(ExperimentStepKind.Check, result.Steps[0].Kind);
        Assert.Contains(result.Steps, step => step.Kind == ExperimentStepKind.Compare);
        Assert.Equal(result.Elapsed, TimeSpan.FromTicks(result.Steps.Sum(step => step.Elapsed.Ticks)));
        Assert.True(result.ElapsedOf(ExperimentStepKind.Measure) >= TimeSpan.FromSeconds(48));
    }

    private static ExperimentReach Reach(ExperimentOptions options, bool needsRestart = false) => new(
        ExperimentSchedule.Create(options, needsRestart, 1, (_, stages) => TimeSpan.FromSeconds(6 * stages)),
        new WorkloadRequest { Name = "Scripted" },
        [
            new("Speed", "1/s", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true),
            new("LatencyP99", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile),
            new("LatencyP999", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile),
            new("RateVariation", "%", MetricDirection.LowerIsBetter, MetricKind.Variation),
        ],
        options,
        pairs => TimeSpan.FromSeconds(6 * pairs));

    private sealed class Listing(List<MeasurementProgress> steps) : IProgress<MeasurementProgress>
    {
        public void Report(MeasurementProgress value) => steps.Add(value);
    }
}
