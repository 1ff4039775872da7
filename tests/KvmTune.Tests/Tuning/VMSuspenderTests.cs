// A guest that was saved runs again whatever fails after that, on libvirt's test driver, which saves states and does not let them be edited.
using KvmTune.Tests.Journal;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class VMSuspenderTests() : JournalledVM("vdb")
{
    [Theory]
    [InlineData(ChangeStep.Saved, typeof(InvalidOperationException))]
    [InlineData(ChangeStep.Saving, typeof(InvalidOperationException))]
    [InlineData(null, typeof(SuspendRefusedException))]
    public async Task A_failure_at_any_step_leaves_a_running_guest(ChangeStep? failing, Type error)
    {
        _vm.Start();
        var steps = new List<ChangeStep>();
        var suspender = new VMSuspender(_vm, TimeProvider.System, new RestartOptions(), step =>
        {
            steps.Add(step);
            if (step == failing)
            {
                throw new InvalidOperationException($"{step} failed");
            }
        });

        await Assert.ThrowsAsync(error, () => suspender.RunAsync(static _ => { }, CancellationToken.None));

        Assert.Equal(failing ?? ChangeStep.Saved, steps[^1]);
        Assert.True(_vm.IsActive);
        Assert.False(_vm.HasManagedSave);
    }

    [Fact]
    public async Task A_cancelled_suspend_leaves_a_running_guest()
    {
        _vm.Start();
        using var cancel = new CancellationTokenSource();
        var suspender = new VMSuspender(_vm, TimeProvider.System, new RestartOptions(), step =>
        {
            if (step == ChangeStep.Saved)
            {
                cancel.Cancel();
            }
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => suspender.RunAsync(static _ => { }, cancel.Token));

        Assert.True(_vm.IsActive);
    }

    protected override void Dispose(bool disposing)
    {
        if (_vm.HasManagedSave)
        {
            _vm.RemoveManagedSave();
        }

        if (_vm.IsActive)
        {
            _vm.Destroy();
        }

        base.Dispose(disposing);
    }
}
