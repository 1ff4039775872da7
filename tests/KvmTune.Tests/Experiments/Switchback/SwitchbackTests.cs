// Experiments that switch inside one load, on loads with a known truth: their results, and every kind of end.
using KvmTune.Experiments;
using KvmTune.Measurement;
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Experiments.Switchback;

public sealed class SwitchbackTests
{
    [Fact]
    public async Task A_live_change_is_tried_inside_one_load_in_slots_of_a_second()
    {
        var vm = new ScriptedLoad { Factor = 1.2 };

        var result = await vm.RunAsync();

        Assert.Equal(ExperimentDesign.Switchback, result.Design);
        Assert.Equal(Verdict.Improved, result.Verdict);
        Assert.InRange(result.Comparison.PrimaryMetric.ShiftPercent!.Value, 18, 22);
        Assert.Equal(1, result.Switching!.SlotSeconds);
        Assert.False(result.Comparison.IsProvisional);
        Assert.Equal(ExperimentDecision.Kept, result.Decision);
        Assert.True(vm.IsKept);
        Assert.False(vm.IsHeld);
        Assert.Equal(1, vm.Calls.Count(call => call == "load"));
        Assert.Equal(3, result.Seed);
        Assert.Equal(("A", "B"), (result.Baseline.Conditions.ConfigurationHash, result.Candidate.Conditions.ConfigurationHash));
    }

    [Fact]
    public async Task What_makes_no_difference_is_said_so_and_taken_back()
    {
        var vm = new ScriptedLoad();

        var result = await vm.RunAsync();

        Assert.Equal(Verdict.NoDifference, result.Verdict);
        Assert.Equal(ExperimentDecision.Undone, result.Decision);
        Assert.Equal("take back", vm.Calls.Last(call => call is "take back" or "keep"));
        Assert.False(vm.IsCandidate);
    }

    [Fact]
    public async Task The_guard_is_the_shortest_that_leaves_no_carry_over()
    {
        var vm = new ScriptedLoad { Factor = 0.5, CarryOver = since => since < 0.25 ? 1 : 0, Noise = 0.01 };

        var result = await vm.RunAsync();

        Assert.InRange(result.Switching!.GuardSeconds, 0.2, 0.35);
        Assert.InRange(result.Comparison.PrimaryMetric.ShiftPercent!.Value, -51.5, -48.5);
        Assert.Equal(Verdict.Regressed, result.Verdict);
    }

    [Fact]
    public async Task Slots_grow_where_half_of_one_is_not_enough_and_the_pairs_made_so_far_do_not_count()
    {
        var vm = new ScriptedLoad { Factor = 0.5, CarryOver = since => since < 1.3 ? 1 - (since / 1.3) : 0, Noise = 0.01 };

        var result = await vm.RunAsync(new ExperimentOptions { Design = ExperimentDesign.Switchback, Seed = 3, TimeLimit = TimeSpan.FromMinutes(5) });

        Assert.Equal(4, result.Switching!.SlotSeconds);
        Assert.InRange(result.Comparison.PrimaryMetric.ShiftPercent!.Value, -51.5, -48.5);
        Assert.Contains(result.Notes, note => note.Contains("too short", StringComparison.Ordinal));
        Assert.Contains(result.Baseline.Runs, run => run.IsScreened);
        Assert.DoesNotContain(result.Baseline.CountedRuns, run => run.Duration < TimeSpan.FromSeconds(3.9));
    }

    [Fact]
    public async Task A_switch_that_the_load_never_gets_over_is_said_and_nothing_is_claimed()
    {
        var vm = new ScriptedLoad { Factor = 0.3, CarryOver = since => Math.Exp(-since / 4), Noise = 0.01 };

        var result = await vm.RunAsync(new ExperimentOptions { Design = ExperimentDesign.Switchback, Seed = 3, TimeLimit = TimeSpan.FromMinutes(10) });

        Assert.False(result.Switching!.IsSettled);
        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Contains("had not settled", result.Comparison.Sentence, StringComparison.Ordinal);
        Assert.Equal(ExperimentDecision.Undone, result.Decision);
    }

    [Fact]
    public async Task A_load_that_reports_too_seldom_for_any_slots_is_told_so_and_not_that_it_never_settles()
    {
        // The load reports during a fifth of a second in every twenty seconds.
        var vm = new ScriptedLoad { Factor = 1.4, IsLost = number => number % 200 >= 2 };

        var result = await vm.RunAsync(new ExperimentOptions { Design = ExperimentDesign.Switchback, Seed = 3, TimeLimit = TimeSpan.FromMinutes(10) });

        Assert.False(result.Switching!.IsSettled);
        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Matches("reports too seldom: only [0-9]+ of [0-9]+ pairs of slots of 8 s have a whole report of it in both, so", result.Comparison.Sentence);
        Assert.DoesNotContain("settled", result.Comparison.Sentence, StringComparison.Ordinal);
        Assert.All(result.Notes.Where(note => note.Contains("too short:", StringComparison.Ordinal)), note => Assert.Contains("no whole report", note, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_guests_clock_may_lie_elsewhere_and_drift_and_no_used_sample_has_a_switch_in_it()
    {
        var vm = new ScriptedLoad { Factor = 1.3, ClockOffset = host => 1e6 + (host * 2e-4) };

        var result = await vm.RunAsync();

        Assert.InRange(result.Switching!.ClockErrorSeconds, 0.01, 0.03);
        Assert.InRange(result.Comparison.PrimaryMetric.ShiftPercent!.Value, 28, 32);
        var zero = result.Baseline.Runs.Concat(result.Candidate.Runs).Select(run => run.StartedAt - TimeSpan.FromSeconds(run.Slot!.StartsAfterSeconds)).First();
        var began = (zero - new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero)).TotalSeconds;
        foreach (var run in result.Baseline.Runs.Concat(result.Candidate.Runs))
        {
            var start = began + run.Slot!.StartsAfterSeconds;
            Assert.All(run.Slot.Samples.Where(sample => sample.IsUsed), sample => Assert.DoesNotContain(
                vm.Switches, made => start + sample.StartSeconds < made.To && start + sample.EndSeconds > made.From));
        }
    }

    [Fact]
    public async Task A_clock_that_is_set_in_the_middle_makes_the_load_a_failed_one_and_twice_is_an_error()
    {
        var vm = new ScriptedLoad { ClockOffset = host => host * 0.1 };

        var error = await Assert.ThrowsAsync<ExperimentInterruptedException>(() => vm.RunAsync());

        Assert.Equal("TooManyFailedRuns", error.ErrorId);
        Assert.Contains("clock was set", error.Message, StringComparison.Ordinal);
        Assert.False(vm.IsCandidate);
    }

    [Fact]
    public async Task Missing_samples_cost_their_pairs_and_nothing_else()
    {
        var vm = new ScriptedLoad { Factor = 1.2, IsLost = number => number % 100 is >= 20 and < 35 };

        var result = await vm.RunAsync();

        Assert.Equal(Verdict.Improved, result.Verdict);
        Assert.InRange(result.Comparison.PrimaryMetric.ShiftPercent!.Value, 18, 22);
        var left = result.Baseline.Runs.Concat(result.Candidate.Runs).Where(run => run.IsScreened).ToList();
        Assert.NotEmpty(left);
        Assert.All(left.GroupBy(run => run.Slot!.Pair), pair => Assert.Equal(2, pair.Count()));
        Assert.Contains(result.Notes, note => note.Contains("kept and not counted", StringComparison.Ordinal));
        Assert.Contains("Of slots.", result.Notes);
        Assert.DoesNotContain("Of runs.", result.Notes);
    }

    [Fact]
    public async Task One_load_goes_on_through_all_looks_and_nothing_is_claimed_by_what_guards_say_meanwhile()
    {
        var vm = new ScriptedLoad { Factor = 1.02, Noise = 0.5, SteadyFactor = 0.5 };

        var result = await vm.RunAsync();

        Assert.Equal(1, vm.Calls.Count(call => call == "load"));
        Assert.True(vm.Calls.Count(call => call == "look") >= 3);
        Assert.Equal(Verdict.Mixed, result.Verdict);
        Assert.Equal(3, result.Steps.Count(step => step.Name.StartsWith("look after", StringComparison.Ordinal) || step.Name.StartsWith("compare", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_load_that_reports_more_seldom_than_it_says_is_found_out_after_a_few_pairs_and_gets_longer_slots_and_time()
    {
        // The load reports during a fifth of a second in every two and a half seconds: few pairs of one-second slots have reports in both slots, most
        // pairs of two-second slots have.
        var vm = new ScriptedLoad { Factor = 1.4, IsLost = number => number % 25 >= 2 };

        var result = await vm.RunAsync();

        Assert.Equal(2, result.Switching!.SlotSeconds);
        Assert.Equal(6, result.Baseline.Runs.Concat(result.Candidate.Runs).Count(run => run.Duration < TimeSpan.FromSeconds(1.5)));
        Assert.True(result.PairCount >= 6);
        Assert.Equal(Verdict.Improved, result.Verdict);
    }

    [Fact]
    public async Task What_is_known_at_the_end_alone_is_looked_at_once()
    {
        var vm = new ScriptedLoad { Factor = 1.2, SteadyFactor = 2, KnownAtTheEnd = ["Steadiness"] };

        var result = await vm.RunAsync(new ExperimentOptions { Design = ExperimentDesign.Switchback, Seed = 3, Metric = "Steadiness" });

        Assert.Equal(Verdict.Improved, result.Verdict);
        Assert.InRange(result.PairCount, 25, 30);
        Assert.DoesNotContain(result.Steps, step => step.Name.StartsWith("look after", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_load_that_fails_later_keeps_what_was_seen_of_it_before()
    {
        var vm = new ScriptedLoad { Factor = 1.05, Noise = 0.3, FailsAfterLooks = 2 };

        var result = await vm.RunAsync();

        Assert.True(vm.Calls.Count(call => call == "load") >= 2);
        Assert.Contains(result.Notes, note => note.Contains("A load failed", StringComparison.Ordinal));
        Assert.Contains(result.Baseline.CountedRuns, run => run.Slot!.Load == 1);
        Assert.Contains(result.Baseline.CountedRuns, run => run.Slot!.Load == 2);
    }

    [Fact]
    public async Task A_load_that_ends_early_keeps_the_pairs_that_it_had_and_another_one_goes_on()
    {
        var vm = new ScriptedLoad { Factor = 1.2, LongestLoad = number => number == 1 ? 9 : double.PositiveInfinity };

        var result = await vm.RunAsync();

        Assert.Equal(Verdict.Improved, result.Verdict);
        Assert.True(vm.Calls.Count(call => call == "load") >= 2);
        Assert.Contains(result.Baseline.CountedRuns, run => run.Slot!.Load == 1);
        Assert.Contains(result.Baseline.CountedRuns, run => run.Slot!.Load == 2);
    }

    [Fact]
    public async Task Loads_that_fail_are_an_error_with_what_they_said()
    {
        var vm = new ScriptedLoad { LoadFailure = _ => "fio failed. exit code 1" };

        var error = await Assert.ThrowsAsync<ExperimentInterruptedException>(() => vm.RunAsync());

        Assert.Equal("TooManyFailedRuns", error.ErrorId);
        Assert.Contains("exit code 1", error.Message, StringComparison.Ordinal);
        Assert.Contains("was taken back", error.Message, StringComparison.Ordinal);
        Assert.False(vm.IsCandidate);
    }

    [Theory]
    [InlineData("check")]
    [InlineData("prepare")]
    [InlineData("open")]
    [InlineData("to B")]
    [InlineData("to A")]
    [InlineData("load")]
    [InlineData("look")]
    [InlineData("end")]
    public async Task Cancelled_at_any_phase_it_ends_the_load_and_takes_the_change_back(string phase)
    {
        using var cancel = new CancellationTokenSource();
        var vm = new ScriptedLoad { OnCall = call => CancelAt(call, phase, cancel) };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => vm.RunAsync(cancellationToken: cancel.Token));

        Assert.False(vm.IsCandidate);
        Assert.False(vm.IsLoadRunning);
        Assert.False(vm.IsHeld);
        Assert.False(vm.IsKept);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(9)]
    [InlineData(10)]
    public async Task A_switch_that_fails_half_way_is_taken_back(int number)
    {
        var vm = new ScriptedLoad { SwitchFails = made => made == number };

        var error = await Assert.ThrowsAsync<ExperimentInterruptedException>(() => vm.RunAsync());

        Assert.Equal("ChangeNotEffective", error.ErrorId);
        Assert.True(error.IsUndone);
        Assert.False(vm.IsCandidate);
        Assert.False(vm.IsLoadRunning);
        Assert.Equal("clean", vm.Calls[^1]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_load_that_cannot_be_ended_keeps_nothing_else_from_being_taken_back_and_is_told(bool isCanceled)
    {
        using var cancel = new CancellationTokenSource();
        var vm = new ScriptedLoad
        {
            CannotBeEnded = true,
            SwitchFails = made => !isCanceled && made == 9,
            OnCall = call => CancelAt(call, isCanceled ? "look" : "none", cancel),
        };

        var error = await Assert.ThrowsAnyAsync<Exception>(() => vm.RunAsync(cancellationToken: cancel.Token));

        Assert.Equal(isCanceled ? typeof(ExperimentCanceledException) : typeof(ExperimentInterruptedException), error.GetType());
        Assert.Contains("was taken back; 'db01' is as it was before. sh (process 7) may still run in db01.", error.Message, StringComparison.Ordinal);
        Assert.False(vm.IsCandidate);
        Assert.Equal(["take back", "clean"], vm.Calls.Where(call => call is "take back" or "clean"));
    }

    [Fact]
    public async Task What_is_left_in_the_guest_is_told_with_the_result_and_with_an_error()
    {
        var whole = await new ScriptedLoad { Factor = 1.2, LeftInGuest = "/data/.kvmtune-x" }.RunAsync();
        var failed = await Assert.ThrowsAsync<ExperimentInterruptedException>(
            () => new ScriptedLoad { SwitchFails = made => made == 9, LeftInGuest = "/data/.kvmtune-x" }.RunAsync());

        const string said = "/data/.kvmtune-x could not be removed from the guest db01: The agent does not answer. The guest removes it by itself within 5 minutes while it runs.";
        Assert.Single(whole.Notes, said);
        Assert.EndsWith(said, failed.Message, StringComparison.Ordinal);
        Assert.True(failed.IsUndone);
    }

    [Fact]
    public async Task What_cannot_be_taken_back_is_said_with_the_way_to_do_it()
    {
        var vm = new ScriptedLoad { SwitchFails = made => made == 8, TakingBackFails = true };

        var error = await Assert.ThrowsAsync<ExperimentInterruptedException>(() => vm.RunAsync());

        Assert.Equal(ExperimentInterruptedException.UndoFailed, error.ErrorId);
        Assert.False(error.IsUndone);
        Assert.Contains("Undo-VMTuning", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guest_that_is_too_idle_is_told_so_with_what_it_takes_and_nothing_is_claimed()
    {
        var vm = new ScriptedLoad { Factor = 3, Rate = 2, IdleBelow = 5 };

        var result = await vm.RunAsync();

        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Contains("too idle", result.Comparison.Sentence, StringComparison.Ordinal);
        Assert.Contains("-Workload", result.Comparison.Sentence, StringComparison.Ordinal);
        Assert.Equal(ExperimentDecision.Undone, result.Decision);
    }

    [Fact]
    public async Task A_load_that_varies_too_much_gets_the_time_that_it_needs()
    {
        var vm = new ScriptedLoad { Factor = 1.05, Noise = 1.2 };

        var result = await vm.RunAsync();

        Assert.Equal(Verdict.Inconclusive, result.Verdict);
        Assert.Contains(result.Notes, note => note.Contains("-TimeLimit", StringComparison.Ordinal) && note.Contains("pairs of slots", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_time_limit_bounds_it_and_sixty_seconds_of_load_are_the_default()
    {
        var vm = new ScriptedLoad { Factor = 1.02, Noise = 0.5 };
        var limited = new ScriptedLoad { Factor = 1.02, Noise = 0.5 };

        await vm.RunAsync();
        var result = await limited.RunAsync(new ExperimentOptions { Design = ExperimentDesign.Switchback, Seed = 3, TimeLimit = TimeSpan.FromSeconds(30) });

        Assert.InRange(vm.Time.Seconds, 45, 70);
        Assert.InRange(limited.Time.Seconds, 20, 31);
        Assert.True(result.PairCount >= 6);
    }

    [Fact]
    public async Task A_limit_that_is_too_short_to_say_anything_is_refused_before_anything_is_touched()
    {
        var vm = new ScriptedLoad();

        var error = await Assert.ThrowsAsync<KvmTuneException>(() => vm.RunAsync(new ExperimentOptions { Design = ExperimentDesign.Switchback, TimeLimit = TimeSpan.FromSeconds(5) }));

        Assert.Equal("TimeLimitTooShort", error.ErrorId);
        Assert.DoesNotContain("open", vm.Calls);
    }

    [Fact]
    public async Task The_seed_repeats_the_order_inside_the_pairs()
    {
        async Task<string> OrderAsync(int seed)
        {
            var result = await new ScriptedLoad { Factor = 1.2 }.RunAsync(new ExperimentOptions { Design = ExperimentDesign.Switchback, Seed = seed });
            return string.Concat(result.Baseline.Runs.Select(run => (run.Slot!.StartsAfterSeconds, 'A'))
                .Concat(result.Candidate.Runs.Select(run => (run.Slot!.StartsAfterSeconds, 'B'))).OrderBy(slot => slot.StartsAfterSeconds).Select(slot => slot.Item2));
        }

        var (first, same, other) = (await OrderAsync(1), await OrderAsync(1), await OrderAsync(2));

        Assert.Equal(first, same);
        Assert.NotEqual(first, other);
        Assert.All(first.Chunk(2), pair => Assert.NotEqual(pair[0], pair[1]));
        Assert.Contains(first.Chunk(2), pair => pair[0] == 'B');
    }

    [Fact]
    public async Task A_workload_that_reports_at_its_end_alone_says_that_and_gets_pairs_of_runs()
    {
        var vm = new ScriptedLoad { Factor = 1.2, Streams = false };

        var result = await vm.RunAsync(new ExperimentOptions { Design = ExperimentDesign.Switchback, Seed = 3 });

        Assert.Equal(ExperimentDesign.Pairs, result.Design);
        Assert.Contains(result.Notes, note => note.Contains("does not report while it runs", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_program_that_turns_out_not_to_report_gets_pairs_of_runs_too()
    {
        var vm = new ScriptedLoad { Factor = 1.2, NeedsTrial = true, IsLost = number => number > 0 };

        var result = await vm.RunAsync();

        Assert.Equal(ExperimentDesign.Pairs, result.Design);
        Assert.Contains(result.Notes, note => note.Contains("does not report while it runs", StringComparison.Ordinal));
        Assert.DoesNotContain("open", vm.Calls);
    }

    [Fact]
    public async Task Auto_switches_inside_a_load_where_it_can_and_says_why_it_does_not()
    {
        var auto = await new ScriptedLoad { Factor = 1.2 }.RunAsync(new ExperimentOptions { Seed = 3 });
        var atRisk = await new ScriptedLoad { Factor = 1.2, WhyNotSwitched = "it puts data at risk" }.RunAsync(new ExperimentOptions { Seed = 3 });
        var atEnd = await new ScriptedLoad { Factor = 1.2, Streams = false }.RunAsync(new ExperimentOptions { Seed = 3 });
        var inRuns = await new ScriptedLoad { Factor = 1.2 }.RunAsync(new ExperimentOptions { Seed = 3, InRuns = true });

        Assert.Equal(ExperimentDesign.Switchback, auto.Design);
        Assert.All([atRisk, atEnd, inRuns], experiment => Assert.Equal(ExperimentDesign.Pairs, experiment.Design));
        Assert.Contains("It puts data at risk, so it is tried with pairs of runs.", atRisk.Notes);
        Assert.Contains("Scripted does not report while it runs, so it is tried with pairs of runs.", atEnd.Notes);
        Assert.Contains(inRuns.Notes, note => note.Contains("-RunTime was given", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_cannot_be_switched_is_refused_where_that_is_asked_for()
    {
        var error = await Assert.ThrowsAsync<KvmTuneException>(() =>
            new ScriptedLoad { WhyNotSwitched = "it puts data at risk" }.RunAsync(new ExperimentOptions { Design = ExperimentDesign.Switchback }));

        Assert.Equal("CannotSwitchLive", error.ErrorId);
        Assert.Contains("data at risk", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_load_that_reports_once_a_second_gets_slots_of_two()
    {
        var result = await new ScriptedLoad { Factor = 1.2, Interval = 1 }.RunAsync();

        Assert.Equal(2.1, result.Switching!.SlotSeconds, 3);
        Assert.Equal(Verdict.Improved, result.Verdict);
        Assert.InRange(result.Comparison.PrimaryMetric.ShiftPercent!.Value, 18, 22);
    }

    [Fact]
    public async Task The_picture_shows_the_slots_of_both_sides_and_the_pairs_differences()
    {
        var result = await new ScriptedLoad { Factor = 1.2, CarryOver = since => since < 0.15 ? 1 : 0 }.RunAsync();

        var plot = ComparisonPlot.Of(result.Comparison);
        var text = plot.ToString();

        Assert.Equal(2 * result.PairCount, plot.Timeline!.Slots.Count(slot => slot.IsCounted));
        Assert.Contains("slots of 1 s in the order of time", text, StringComparison.Ordinal);
        Assert.Contains("left out", text, StringComparison.Ordinal);
        Assert.Contains($"{result.PairCount} pairs, B against A", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n'), line => Assert.True(line.TrimEnd().Length <= 80, line));
        Assert.DoesNotContain((plot with { IsAscii = true }).ToString(), character => character > 127);
    }

    private static void CancelAt(string call, string phase, CancellationTokenSource cancel)
    {
        if (call == phase)
        {
            cancel.Cancel();
        }
    }
}
