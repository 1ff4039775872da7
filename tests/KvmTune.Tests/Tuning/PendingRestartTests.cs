// What waits for a restart of a running VM: a device that only its configuration has, a CPU that libvirt chooses at the start, and what is left of a
// restored checkpoint.
using KvmTune.Libvirt;
using KvmTune.Tests.Journal;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class PendingRestartTests() : JournalledVM("vdb")
{
    private const string HostModel = "<cpu mode='host-model' check='partial'/>";
    private const string Nic = "<interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/><model type='virtio'/></interface>";

    private static readonly CpuSet HostCpus = new("0-15");

    [Fact]
    public async Task A_limit_of_a_disk_that_only_the_configuration_has_waits_for_a_restart_and_so_does_its_undo()
    {
        StartWithout("vdc");
        var before = Persistent();

        var change = await ApplyAsync(Throttle("vdc"));

        Assert.Equal(TuningOutcome.RestartPending, change.Outcome);
        Assert.False(change.Plan.ChangesRunning);
        Assert.Contains("<total_iops_sec>100</total_iops_sec>", Persistent(), StringComparison.Ordinal);
        Assert.Equal(TuningOutcome.RestartPending, (await UndoAsync(change.JournalId!.Value)).Outcome);
        Assert.Equal(before, Persistent());

        // After a restart the disk is there, so undo removes the limit from the running VM too.
        Assert.Equal(ChangeScope.Auto, Assert.Single(change.Inverse).Scope);
    }

    [Fact]
    public async Task A_cache_mode_of_a_disk_that_only_the_configuration_has_waits_also_if_it_is_configured_already()
    {
        StartWithout("vdc", " cache='none'");
        var before = Persistent();

        Assert.Equal(TuningOutcome.RestartPending, (await ApplyAsync(Cache("none"))).Outcome);
        var change = await ApplyAsync(Cache("directsync"));
        Assert.Equal(TuningOutcome.RestartPending, change.Outcome);
        Assert.Equal(TuningOutcome.RestartPending, (await UndoAsync(change.JournalId!.Value)).Outcome);
        Assert.Equal(before, Persistent());
        var again = await ApplyAsync(Cache("directsync"));
        await ApplyAsync(Cache("writethrough"));
        Assert.Equal(TuningOutcome.RestartPending, (await UndoAsync(again.JournalId!.Value, force: true)).Outcome);
        Assert.Equal(before, Persistent());
    }

    [Fact]
    public async Task The_guest_sees_a_new_disk_so_a_reboot_brings_it()
    {
        StartWithout("vdc");
        var tuner = Tuner();
        var plan = tuner.Planner.Plan(Cache("directsync"));

        Assert.Equal(["disk vdc cache"], SavedState.SeenOf(plan.Change, plan.Snapshot));
        var result = await tuner.ApplyAsync(plan, new ApplyOptions { Restart = true, RestartOptions = new RestartOptions { By = RestartBy.Auto } }, CancellationToken.None);

        Assert.Equal((TuningOutcome.Applied, true), (result.Outcome, result.Restarted));
        Assert.Contains("cache='directsync'", _vm.GetXml(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_nic_that_only_the_configuration_has_waits_and_one_that_is_gone_does_not()
    {
        var (with, without) = (Document(HostModel, Nic), Document(HostModel));
        var change = new NicQueuesChange
        {
            Nics = new Dictionary<string, IReadOnlyDictionary<string, string?>> { ["52:54:00:00:00:01"] = new Dictionary<string, string?> { ["queues"] = "2" } },
        };

        Assert.True(Plan(change, without, with).RequiresRestart);
        Assert.Equal(["NIC 52:54:00:00:00:01 queues"], SavedState.SeenOf(change, new VMSnapshot(without, with)));
        Assert.False(VMPlanner.IsPending(new VMSnapshot(without, without), change, HostCpus));
        Assert.Equal("NicNotFound", Assert.Throws<KvmTuneException>(() => Plan(change, without, without)).ErrorId);
    }

    [Fact]
    public void The_undo_of_a_cpu_model_waits_if_the_running_vm_has_the_model()
    {
        var before = Document(HostModel);
        var change = new CpuModelChange { Values = CpuModelChange.OfModel("EPYC") };
        var after = Edited(before, change);

        // As libvirt displays what it started.
        var runningBefore = Document(Running("EPYC-Rome", "<feature policy='require' name='topoext'/>"));
        var runningAfter = Document(Running("EPYC", "<feature policy='disable' name='monitor'/>"));
        var undo = change.Inverse(before);

        Assert.True(Plan(undo, runningAfter, after).RequiresRestart);
        Assert.False(Plan(undo, runningBefore, after).RequiresRestart);
        Assert.True(Plan(undo, Document("<cpu mode='host-passthrough' check='none'/>"), Document("<cpu mode='host-passthrough' check='none'/>")).RequiresRestart);
    }

    [Theory]
    [InlineData("require")]
    [InlineData("disable")]
    public void The_undo_of_a_cpu_feature_waits_if_the_running_vm_has_the_feature_so(string policy)
    {
        var before = Document(HostModel);
        var change = new CpuModelChange { Values = [CpuModelChange.OfFeature("topoext", policy)] };
        var after = Edited(before, change);
        var undo = change.Inverse(before);

        Assert.True(Plan(undo, Document(Running("EPYC-Rome", $"<feature policy='{policy}' name='topoext'/>")), after).RequiresRestart);
        Assert.False(Plan(undo, Document(Running("EPYC-Rome", "<feature policy='require' name='x2apic'/>")), after).RequiresRestart);
    }

    [Fact]
    public async Task A_restored_checkpoint_waits_until_a_restart_has_put_it_in_force()
    {
        var state = TuningState.Of(DomainDocument.Parse(_before));
        await ApplyAsync("none");
        _vm.Start();

        Assert.Equal(TuningOutcome.RestartPending, (await ApplyAsync(Restore(state))).Outcome);
        Assert.Equal(TuningOutcome.RestartPending, (await ApplyAsync(Restore(state))).Outcome);
        var tuner = Tuner();
        var result = await tuner.ApplyAsync(tuner.Planner.Plan(Restore(state)), new ApplyOptions { Restart = true }, CancellationToken.None);

        Assert.Equal((TuningOutcome.Applied, true), (result.Outcome, result.Restarted));
        Assert.DoesNotContain("cache=", _vm.GetXml(), StringComparison.Ordinal);
        Assert.Equal(TuningOutcome.NoChange, (await ApplyAsync(Restore(state))).Outcome);
    }

    [Fact]
    public void A_restored_checkpoint_takes_back_what_only_the_running_vm_has()
    {
        var configured = Document(HostModel);
        var running = Document("<cputune><vcpupin vcpu='0' cpuset='1'/></cputune>" + Running("EPYC", string.Empty));

        var restore = TuningStateChange.To(TuningState.Of(configured), "a test", configured, running, HostCpus);
        var plan = Plan(restore, running, configured);

        Assert.Equal("vCPU 0 pin: 1 -> (not set)", Assert.Single(plan.Differences).ToString());
        Assert.True(plan is { ChangesRunning: true, RequiresRestart: false });
    }

    // How libvirt displays a running VM is no difference, and neither is what came after the checkpoint.
    [Fact]
    public void A_restored_checkpoint_has_nothing_to_do_where_the_running_vm_only_looks_different()
    {
        var state = TuningState.Of(Document(HostModel));
        var configured = Document(HostModel, Disk("vdc", " cache='none'"));
        var running = Document(
            "<cputune><vcpupin vcpu='0' cpuset='0-15'/><emulatorpin cpuset='0-15'/></cputune>" + Running("EPYC", "<feature policy='require' name='x2apic'/>"), Disk("vdd", " io='native'"));

        Assert.Empty(TuningStateChange.To(state, "a test", configured, running, HostCpus).Values);
    }

    protected override void Dispose(bool disposing)
    {
        if (_vm.IsActive)
        {
            _vm.Destroy();
        }

        base.Dispose(disposing);
    }

    private static DiskDriverChange Cache(string mode) => DiskDriverChange.Of("vdc", "cache", mode);

    private static DiskThrottleChange Throttle(string disk) => new()
    {
        Disk = disk,
        Limits = DiskThrottleChange.WholeCategories(new Dictionary<string, ulong?> { ["total_iops_sec"] = 100 }),
    };

    private static string Disk(string name, string driver) =>
        $"<disk type='file' device='disk'><driver name='qemu' type='raw'{driver}/><source file='/{name}'/><target dev='{name}' bus='virtio'/></disk>";

    private static string Running(string model, string features) =>
        $"<cpu mode='custom' match='exact' check='full'><model fallback='forbid'>{model}</model><vendor>AMD</vendor>{features}</cpu>";

    private static DomainDocument Document(string settings, string devices = "") => DomainDocument.Parse(
        $"<domain type='kvm'><name>db01</name><memory unit='MiB'>64</memory><vcpu>2</vcpu>{settings}<devices>{Disk("vdb", string.Empty)}{devices}</devices></domain>");

    private static DomainDocument Edited(DomainDocument before, VMChange change)
    {
        var after = before.Copy();
        change.Edit(after);
        return after;
    }

    private VMTuningPlan Plan(VMChange change, DomainDocument running, DomainDocument configured)
    {
        using var planner = Tuner().Planner;
        return planner.Plan(change, new VMSnapshot(running, configured));
    }

    private TuningStateChange Restore(TuningState state) =>
        TuningStateChange.To(state, "a test", DomainDocument.Parse(Persistent()), DomainDocument.Parse(_vm.GetXml()), HostCpus);

    // As 'virsh attach-disk --config' does it.
    private void StartWithout(string disk, string driver = "")
    {
        _vm.Start();
        _host.Write().DefineXml(Persistent().Replace("</disk>", $"</disk>{Disk(disk, driver)}", StringComparison.Ordinal), validate: false).Dispose();
    }
}
