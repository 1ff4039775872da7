// A VM with a saved state cannot be changed in any way: each error says that the next start would restore the saved configuration, and what to do.
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Journal;

public sealed class ManagedSaveTests() : JournalledVM("vdb")
{
    [Fact]
    public async Task A_change_an_older_plan_an_undo_and_a_restore_are_refused_with_the_ways_out_and_work_without_the_state()
    {
        var checkpoint = TuningState.Of(DomainDocument.Parse(_before));
        var change = await ApplyAsync("none");
        var older = Tuner().Planner.Plan(TuningChild.Cache("directsync"));
        _vm.Start();
        var ofRunning = Tuner().Planner.Plan(Pin);
        _vm.ManagedSave();
        Assert.True(_vm.HasManagedSave);
        var (configuration, entries) = (Persistent(), _folder.Journal.Last(_vm.Id, _ => true)!.Id);
        var restore = TuningStateChange.To(checkpoint, "checkpoint 'before'", DomainDocument.Parse(Persistent()));

        await RefusedAsync(() => ApplyAsync("writethrough"));
        await RefusedAsync(() => ApplyAsync(Pin with { Scope = ChangeScope.Config }));
        await RefusedAsync(() => ApplyPlanAsync(older));
        await RefusedAsync(() => ApplyPlanAsync(ofRunning));
        await RefusedAsync(() => ApplyAsync(restore));
        await RefusedAsync(() => UndoAsync(change.JournalId!.Value));
        await RefusedAsync(() => UndoAsync(change.JournalId!.Value, force: true));
        foreach (var plan in new[] { Tuner().Planner.Plan(TuningChild.Cache("writethrough")), Tuner().Planner.Plan(restore), Tuner().Planner.CheckAnew(older) })
        {
            Assert.Contains(plan.Errors, error => error.RuleId == nameof(ScopeRules.SavedStateHidesChange));
        }

        Assert.Equal((configuration, entries), (Persistent(), _folder.Journal.Last(_vm.Id, _ => true)!.Id));
        _vm.RemoveManagedSave();
        Assert.Equal(TuningOutcome.Applied, (await ApplyPlanAsync(older)).Outcome);
        Assert.Equal(TuningOutcome.Applied, (await ApplyAsync(restore)).Outcome);
        Assert.Equal(_before, Persistent());
    }

    private static VcpuPinChange Pin => VcpuPinChange.Of(new Dictionary<int, CpuSet?> { [0] = new("0") });

    private Task<VMTuningResult> ApplyPlanAsync(VMTuningPlan plan) => Tuner().ApplyAsync(plan, new ApplyOptions(), CancellationToken.None);

    private async Task RefusedAsync(Func<Task<VMTuningResult>> change)
    {
        var error = await Assert.ThrowsAsync<KvmTuneException>(change);
        Assert.Equal(nameof(ScopeRules.SavedStateHidesChange), error.ErrorId);
        Assert.Contains($"virsh managedsave-remove '{_vm.Name}'", error.Message, StringComparison.Ordinal);
        Assert.Contains($"virsh shutdown '{_vm.Name}'", error.Message, StringComparison.Ordinal);
    }

    protected override void Dispose(bool disposing)
    {
        // libvirt undefines no VM that has a saved state.
        using (var left = _host.Write().TryLookupByUuid(_vm.Id))
        {
            if (left is { HasManagedSave: true })
            {
                left.RemoveManagedSave();
            }
        }

        base.Dispose(disposing);
    }
}
