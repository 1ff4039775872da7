// Every early end of an experiment: after a cancellation or failure in each phase, the VM is as it was before.
using KvmTune.Experiments;
using KvmTune.Guest;
using Xunit;

namespace KvmTune.Tests.Experiments;

public sealed class ExperimentEndTests
{
    public static TheoryData<string, int, ExperimentDesign, bool> Phases()
    {
        var data = new TheoryData<string, int, ExperimentDesign, bool>();
        foreach (var (design, restart) in new[] { (ExperimentDesign.Pairs, false), (ExperimentDesign.Blocks, true), (ExperimentDesign.Sequential, false) })
        {
            foreach (var (call, number) in new[] { ("prepare", 1), ("run A", 1), ("run A", 3), ("apply", 1), ("run B", 1), ("run B", 3), ("clean", 1) })
            {
                data.Add(call, number, design, restart);
            }

            if (restart)
            {
                data.Add("boot", 1, design, restart);
                data.Add("boot", 2, design, restart);
                data.Add("undo", 1, design, restart);
                data.Add("apply", 2, design, restart);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Phases))]
    public async Task Cancelling_in_any_phase_takes_the_change_back(string phase, int number, ExperimentDesign design, bool restart)
    {
        using var cancellation = new CancellationTokenSource();
        var vm = new ScriptedExperiment { NeedsRestart = restart };
        var seen = 0;
        vm.OnCall = call =>
        {
            if (call == phase && ++seen == number)
            {
                cancellation.Cancel();
            }
        };

        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => vm.RunAsync(new ExperimentOptions { Design = design, Restart = restart, Seed = 1, Keep = KeepRule.Always }, null, cancellation.Token));

        Assert.False(vm.IsCandidate);
        Assert.Equal("clean", vm.Calls.Last(call => call is "clean" or "prepare"));
        Assert.IsType<ExperimentCanceledException>(error);
    }

    [Theory]
    [MemberData(nameof(Phases))]
    public async Task A_failure_in_any_phase_takes_the_change_back_and_keeps_its_id(string phase, int number, ExperimentDesign design, bool restart)
    {
        if (phase == "clean")
        {
            // A failed clean-up in the guest is a note of the result and does not end the experiment.
            return;
        }

        var vm = new ScriptedExperiment { NeedsRestart = restart };
        var seen = 0;
        vm.OnCall = call =>
        {
            if (call == phase && ++seen == number)
            {
                throw new GuestChannelException(GuestChannelReason.GuestLost, "It is gone.");
            }
        };

        var error = await Assert.ThrowsAsync<ExperimentInterruptedException>(
            () => vm.RunAsync(new ExperimentOptions { Design = design, Restart = restart, Seed = 1, Keep = KeepRule.Always }));

        Assert.Equal("GuestLost", error.ErrorId);
        Assert.Contains("It is gone.", error.Message, StringComparison.Ordinal);
        Assert.True(error.IsUndone);
        Assert.False(vm.IsCandidate);
    }

    [Fact]
    public async Task A_change_that_cannot_be_taken_back_is_said_with_both_causes()
    {
        var vm = new ScriptedExperiment();
        vm.OnCall = call =>
        {
            if (call == "run B")
            {
                throw new KvmTuneException("Broken", KvmTuneErrorCategory.InvalidOperation, "The run broke.");
            }

            if (call == "undo")
            {
                throw new KvmTuneException("DaemonGone", KvmTuneErrorCategory.ConnectionError, "The daemon is gone.");
            }
        };

        var error = await Assert.ThrowsAsync<ExperimentInterruptedException>(() => vm.RunAsync());

        Assert.Equal(ExperimentInterruptedException.UndoFailed, error.ErrorId);
        Assert.False(error.IsUndone);
        Assert.Contains("The run broke.", error.Message, StringComparison.Ordinal);
        Assert.Contains("The daemon is gone.", error.Message, StringComparison.Ordinal);
        Assert.Contains("Undo-VMTuning", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_refused_by_the_check_is_refused_as_it_is_and_nothing_is_measured()
    {
        var vm = new ScriptedExperiment
        {
            OnCall = call => throw new KvmTuneException("RestartRequired", KvmTuneErrorCategory.InvalidOperation, $"not without: {call}"),
        };

        var error = await Assert.ThrowsAsync<KvmTuneException>(() => vm.RunAsync());

        Assert.Equal("RestartRequired", error.ErrorId);
        Assert.Equal(["check"], vm.Calls);
    }

    [Fact]
    public async Task A_defect_is_let_through_and_still_leaves_nothing_behind()
    {
        var vm = new ScriptedExperiment();
        vm.OnCall = call =>
        {
            if (call == "apply")
            {
                throw new InvalidOperationException("a defect");
            }
        };

        await Assert.ThrowsAsync<InvalidOperationException>(() => vm.RunAsync());

        Assert.False(vm.IsCandidate);
        Assert.Contains("undo", vm.Calls);
    }
}
