// The switch of an experiment on libvirt's test driver: its refusals, and that a switch there and back leaves no trace.
using KvmTune.Experiments;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Experiments;

public sealed class ChangeSwitchTests : IDisposable
{
    private readonly HostConnection _host = new("test:///default");
    private readonly LibvirtDomain _vm;

    public ChangeSwitchTests()
    {
        _vm = _host.Write().DefineXml(
            $"""
            <domain type='test'><name>switch {Guid.NewGuid():N}</name><metadata><x:a xmlns:x='urn:x'>keep</x:a></metadata><memory>1024</memory><vcpu>2</vcpu>
            <os><type>hvm</type></os><devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/d'/><target dev='vdb' bus='virtio'/></disk></devices></domain>
            """,
            validate: false);
    }

    private VMTuner Tuner => new(new VMPlanner(_host, _vm), TimeProvider.System, new NoJournal());

    [Fact]
    public async Task There_and_back_again_any_number_of_times_leaves_the_configuration_as_it_was()
    {
        var before = Persistent();
        var change = Switch(Tuner.Planner.Plan(Cache("none", "native")));
        change.Check();

        for (var i = 0; i < 3; i++)
        {
            var results = await change.ApplyAsync(CancellationToken.None);
            Assert.Equal(TuningOutcome.Applied, results.Single().Outcome);
            Assert.Contains("cache='none'", Persistent(), StringComparison.Ordinal);
            await change.UndoAsync(CancellationToken.None);
            Assert.Equal(before, Persistent());
        }

        await change.UndoAsync(CancellationToken.None);
        Assert.Equal(before, Persistent());
    }

    [Fact]
    public void Several_may_each_be_planned_on_what_the_earlier_ones_leave()
    {
        var first = new DiskIOThreadRequest("vdb").ToChange(DomainDocument.Parse(Persistent()));
        var second = first with { Options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["iothread"] = "2" }, Threads = new Dictionary<int, bool> { [2] = true } };

        var change = Switch(Tuner.Planner.Plan(first), Tuner.Planner.Plan(second, [first], CancellationToken.None));
        change.Check();

        var theirs = Switch(Tuner.Planner.Plan(first), Tuner.Planner.Plan(second, [first, Cache("none", null)], CancellationToken.None) with { Differences = [new("disk vdb iothread", "5", "2", ChangeScope.Config)] });
        Assert.Equal("ConcurrentEdit", Assert.Throws<KvmTuneException>(theirs.Check).ErrorId);
    }

    [Fact]
    public async Task Several_that_are_meant_as_one_are_judged_one_after_the_other_and_taken_back_in_reverse()
    {
        var before = Persistent();
        var change = Switch(Tuner.Planner.Plan(Cache("none", null)), Tuner.Planner.Plan(Cache(null, "native", onlyIO: true)), Tuner.Planner.Plan(Pin("0")));
        change.Check();

        var results = await change.ApplyAsync(CancellationToken.None);

        Assert.Equal(3, results.Count);
        Assert.Contains("cache='none' io='native'", Persistent(), StringComparison.Ordinal);
        Assert.Contains("vcpupin", Persistent(), StringComparison.Ordinal);
        await change.UndoAsync(CancellationToken.None);
        Assert.Equal(before, Persistent());
    }

    [Fact]
    public async Task Somebody_elses_edit_elsewhere_survives_the_way_there_and_back()
    {
        var change = Switch(Tuner.Planner.Plan(Cache("none", null)));
        change.Check();
        await change.ApplyAsync(CancellationToken.None);
        await Tuner.ApplyAsync(Tuner.Planner.Plan(Pin("0")), new ApplyOptions(), CancellationToken.None);

        await change.UndoAsync(CancellationToken.None);

        Assert.DoesNotContain("cache=", Persistent(), StringComparison.Ordinal);
        Assert.Contains("vcpupin", Persistent(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_tried_is_refused_by_its_id_before_anything_is_touched()
    {
        var (stale, broken) = (Tuner.Planner.Plan(Cache("none", null)), Tuner.Planner.Plan(Cache("writeback", "native")));
        await Tuner.ApplyAsync(Tuner.Planner.Plan(Cache("directsync", null)), new ApplyOptions(), CancellationToken.None);
        var before = Persistent();

        Assert.Equal("ConcurrentEdit", Refusal(stale).ErrorId);
        Assert.Equal("NothingToTry", Refusal(Tuner.Planner.Plan(Cache("directsync", null))).ErrorId);
        Assert.Contains("directsync", Refusal(Tuner.Planner.Plan(Cache("directsync", null))).Message, StringComparison.Ordinal);
        Assert.Equal(before, Persistent());
        await Tuner.ApplyAsync(Tuner.Planner.Plan(Cache(null, null)), new ApplyOptions(), CancellationToken.None);
        Assert.Equal("NativeNeedsDirectCache", Refusal(broken).ErrorId);
    }

    [Fact]
    public async Task A_running_VM_needs_leave_to_restart_and_no_other_change_that_waits_for_one()
    {
        _vm.Start();
        try
        {
            var plan = Tuner.Planner.Plan(Cache("none", null));
            Assert.True(plan.RequiresRestart);

            Assert.Equal("RestartRequired", Refusal(plan).ErrorId);

            await Tuner.ApplyAsync(plan, new ApplyOptions(), CancellationToken.None);
            Assert.Equal("NothingToTry", Refusal(Tuner.Planner.Plan(Cache("none", null))).ErrorId);
            var other = Refusal(Tuner.Planner.Plan(Cache(null, "threads", onlyIO: true)), restart: true);
            Assert.Equal("OtherChangesPending", other.ErrorId);
            Assert.Contains("cache", other.Message, StringComparison.Ordinal);
        }
        finally
        {
            _vm.Destroy();
        }
    }

    [Fact]
    public async Task A_running_VM_is_restarted_on_the_way_there_and_on_the_way_back()
    {
        _vm.Start();
        try
        {
            var (before, running) = (Persistent(), _vm.GetXml());
            var change = Switch(restart: true, Tuner.Planner.Plan(Cache("none", null)));
            change.Check();

            var there = await change.ApplyAsync(CancellationToken.None);
            Assert.True(there.Single().Restarted);
            Assert.Contains("cache='none'", _vm.GetXml(), StringComparison.Ordinal);
            await change.RestartAsync(CancellationToken.None);
            Assert.Contains("cache='none'", _vm.GetXml(), StringComparison.Ordinal);
            await change.UndoAsync(CancellationToken.None);

            Assert.Equal(before, Persistent());
            Assert.DoesNotContain("cache=", _vm.GetXml(), StringComparison.Ordinal);
            Assert.Equal(DomainXmlReader.Read(running).Disks, DomainXmlReader.Read(_vm.GetXml()).Disks);
        }
        finally
        {
            _vm.Destroy();
        }
    }

    [Fact]
    public async Task One_restart_takes_back_a_live_change_and_one_that_needs_a_restart()
    {
        using var folder = new Journal.JournalFolder();
        var tuner = new VMTuner(new VMPlanner(_host, _vm), TimeProvider.System, folder.Journal);
        _vm.Start();
        try
        {
            var before = Persistent();
            var throttle = new DiskThrottleChange
            {
                Disk = "vdb",
                Limits = DiskThrottleChange.WholeCategories(new Dictionary<string, ulong?> { ["total_iops_sec"] = 100, ["total_iops_sec_max"] = 200 }),
            };
            var change = new ChangeSwitch(
                _host, tuner, [tuner.Planner.Plan(throttle), tuner.Planner.Plan(Cache("none", null))],
                new ApplyOptions { Restart = true, RestartOptions = new RestartOptions { TimeLimit = TimeSpan.FromSeconds(2) } });
            change.Check();
            await change.ApplyAsync(CancellationToken.None);

            await change.UndoAsync(CancellationToken.None);

            Assert.Equal(4, change.JournalIds.Count);
            Assert.Equal(before, Persistent());
            Assert.DoesNotContain("cache=", _vm.GetXml(), StringComparison.Ordinal);
            Assert.DoesNotContain("total_iops_sec", _vm.GetXml(), StringComparison.Ordinal);
        }
        finally
        {
            _vm.Destroy();
        }
    }

    [Fact]
    public async Task What_a_script_block_did_beside_the_plans_is_named_and_taken_back()
    {
        var before = Persistent();
        var guard = new VMStateGuard(_host, _vm);
        Assert.Empty(await guard.TakeBackAsync(CancellationToken.None));
        await Tuner.ApplyAsync(Tuner.Planner.Plan(Cache("none", null)), new ApplyOptions(), CancellationToken.None);

        var done = await guard.TakeBackAsync(CancellationToken.None);

        Assert.Contains("cache", Assert.Single(done), StringComparison.Ordinal);
        Assert.Equal(before, Persistent());
    }

    public void Dispose()
    {
        _vm.Undefine();
        _vm.Dispose();
        _host.Dispose();
    }

    private string Persistent() => _vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);

    private ChangeSwitch Switch(params VMTuningPlan[] plans) => Switch(restart: false, plans);

    private ChangeSwitch Switch(bool restart, params VMTuningPlan[] plans) =>
        new(_host, Tuner, plans, new ApplyOptions { Restart = restart, RestartOptions = new RestartOptions { TimeLimit = TimeSpan.FromSeconds(2) } });

    private KvmTuneException Refusal(VMTuningPlan plan, bool restart = false) => Assert.Throws<KvmTuneException>(() => Switch(restart, plan).Check());

    private static DiskDriverChange Cache(string? cache, string? io, bool onlyIO = false)
    {
        var options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["io"] = io };
        if (!onlyIO)
        {
            options["cache"] = cache;
        }

        return new DiskDriverChange { Disk = "vdb", Options = options };
    }

    private static VcpuPinChange Pin(string hostCpus) => new()
    {
        Pins = new Dictionary<int, CpuSet?> { [0] = new CpuSet(hostCpus) },
    };
}
