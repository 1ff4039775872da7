// A change that is switched back and forth in a running VM: one journal entry in every case, and one undo after a process that ended in the
// middle. On libvirt's test driver.
using KvmTune.Hosts;
using KvmTune.Journal;
using KvmTune.Libvirt;
using KvmTune.Tests.Journal;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class LiveSwitchTests : IDisposable
{
    private readonly JournalFolder _folder = new();
    private readonly HostConnection _host = new("test:///default");
    private readonly LibvirtDomain _vm;
    private readonly string _configured;

    public LiveSwitchTests()
    {
        _vm = _host.Write().DefineXml(
            $"""
            <domain type='test'><name>live {Guid.NewGuid():N}</name><memory>1024</memory><vcpu>2</vcpu><os><type>hvm</type></os>
            <devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/d'/><target dev='vdb' bus='virtio'/>
            <iotune><total_iops_sec>100</total_iops_sec><total_iops_sec_max>1000</total_iops_sec_max></iotune></disk></devices></domain>
            """,
            validate: false);
        _configured = Configured();
        _vm.Start();
    }

    private TuningJournal Journal => _folder.Journal;

    private VMTuner Tuner => new(new VMPlanner(_host, _vm), TimeProvider.System, Journal);

    [Fact]
    public async Task To_and_fro_is_one_entry_that_says_it_was_tried_and_taken_back()
    {
        using (var live = await OpenAsync())
        {
            for (var i = 0; i < 5; i++)
            {
                live.To(isCandidate: true);
                Assert.Equal(300UL, Limit());
                live.To(isCandidate: true);
                live.To(isCandidate: false);
                Assert.Equal(100UL, Limit());
            }

            live.To(isCandidate: true);
            live.TakeBack(null);
            live.TakeBack(null);
        }

        Assert.Equal(100UL, Limit());
        Assert.Equal(_configured, Configured());
        var entry = Assert.Single(Journal.Entries(new JournalFilter()));
        Assert.Equal(JournalOutcome.Applied, entry.Outcome);
        Assert.NotNull(entry.UndoneAt);
        Assert.Contains("taken back at the end", entry.Explanation, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_kept_is_in_force_and_configured_and_one_undo_takes_it_back(bool wasInForce)
    {
        VMTuningResult result;
        using (var live = await OpenAsync())
        {
            live.To(isCandidate: true);
            live.To(wasInForce);
            result = live.Keep();
            live.TakeBack(null);
        }

        Assert.Equal(300UL, Limit());
        Assert.Equal(300UL, DomainXmlReader.Read(Configured()).Disks[0].Throttle["total_iops_sec"]);
        Assert.Equal(JournalOutcome.Applied, Journal.Find(result.JournalId!.Value).Outcome);

        await new TuningUndo(Journal, _host, TimeProvider.System).UndoAsync(result.JournalId.Value, new UndoOptions(), CancellationToken.None);

        Assert.Equal(100UL, Limit());
        Assert.Equal(100UL, DomainXmlReader.Read(Configured()).Disks[0].Throttle["total_iops_sec"]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public async Task A_process_that_ends_after_any_switch_leaves_what_one_undo_needs(int switches)
    {
        var live = await OpenAsync();
        for (var i = 1; i <= switches; i++)
        {
            live.To(i % 2 == 1);
        }

        // Like the kernel after a killed process: the lock is released, and no outcome is written.
        live.Dispose();
        var entry = Assert.Single(Journal.Entries(new JournalFilter()));
        Assert.Equal(JournalOutcome.Interrupted, entry.Outcome);

        await new TuningUndo(Journal, _host, TimeProvider.System).UndoAsync(entry.Id, new UndoOptions(), CancellationToken.None);

        Assert.Equal(100UL, Limit());
        Assert.Equal(_configured, Configured());
        Assert.NotNull(Journal.Find(entry.Id).UndoneAt);
    }

    [Fact]
    public async Task The_intent_is_recorded_before_the_first_switch_and_the_vm_is_held_to_the_end()
    {
        using var live = await OpenAsync();

        Assert.Equal(JournalOutcome.Running, Assert.Single(Journal.Entries(new JournalFilter())).Outcome);
        Assert.Equal(100UL, Limit());
        using var other = _folder.Open(wait: TimeSpan.Zero);
        var tuner = new VMTuner(new VMPlanner(_host, _vm), TimeProvider.System, other);
        var busy = await Assert.ThrowsAsync<KvmTuneException>(() => tuner.ApplyAsync(tuner.Planner.Plan(Change(200)), new ApplyOptions(), CancellationToken.None));

        Assert.Equal("VMIsBeingTuned", busy.ErrorId);
        live.TakeBack(null);
    }

    [Fact]
    public async Task What_somebody_else_sets_meanwhile_is_an_error_and_stays()
    {
        using var live = await OpenAsync();
        live.To(isCandidate: true);
        _vm.SetBlockIoTune("vdb", new Dictionary<string, ulong> { ["total_iops_sec"] = 777, ["total_iops_sec_max"] = 1000 }, AffectTarget.Live);

        var error = Assert.Throws<KvmTuneException>(() => live.To(isCandidate: false));
        var left = Assert.Throws<KvmTuneException>(() => live.TakeBack(error));

        Assert.Equal("ConcurrentEdit", error.ErrorId);
        Assert.Equal("UndoCollides", left.ErrorId);
        Assert.Equal(777UL, Limit());
        Assert.Equal(JournalOutcome.Failed, Assert.Single(Journal.Entries(new JournalFilter())).Outcome);
    }

    [Fact]
    public async Task An_edit_elsewhere_meanwhile_is_kept()
    {
        using (var live = await OpenAsync())
        {
            live.To(isCandidate: true);
            var tuned = Configured().Replace("<vcpu placement='static'>2</vcpu>", "<description>by hand</description><vcpu placement='static'>2</vcpu>", StringComparison.Ordinal);
            using (_host.Write().DefineXml(tuned, validate: false))
            {
                live.To(isCandidate: false);
                live.Keep();
            }
        }

        Assert.Contains("by hand", Configured(), StringComparison.Ordinal);
        Assert.Equal(300UL, DomainXmlReader.Read(Configured()).Disks[0].Throttle["total_iops_sec"]);
    }

    [Fact]
    public async Task A_failure_is_recorded_as_taken_back_with_its_reason()
    {
        using (var live = await OpenAsync())
        {
            live.To(isCandidate: true);
            live.TakeBack(new InvalidOperationException("the load ended"));
        }

        var entry = Assert.Single(Journal.Entries(new JournalFilter()));
        Assert.Equal(JournalOutcome.TakenBack, entry.Outcome);
        Assert.Contains("the load ended", entry.Error, StringComparison.Ordinal);
        Assert.Equal(100UL, Limit());
    }

    [Fact]
    public async Task What_is_no_live_change_is_refused_and_not_recorded()
    {
        var plan = Tuner.Planner.Plan(Change(300) with { Scope = ChangeScope.Config });

        var error = await Assert.ThrowsAsync<KvmTuneException>(() => Tuner.OpenSwitchAsync(plan, new ApplyOptions(), CancellationToken.None));

        Assert.Equal("CannotSwitchLive", error.ErrorId);
        Assert.Empty(Journal.Entries(new JournalFilter()));
    }

    public void Dispose()
    {
        if (_vm.IsActive)
        {
            _vm.Destroy();
        }

        _vm.Undefine();
        _vm.Dispose();
        _host.Dispose();
        _folder.Dispose();
    }

    private Task<ILiveSwitch> OpenAsync() => Tuner.OpenSwitchAsync(Tuner.Planner.Plan(Change(300)), new ApplyOptions(), CancellationToken.None);

    private ulong? Limit() => DomainXmlReader.Read(_vm.GetXml()).Disks[0].Throttle["total_iops_sec"];

    private string Configured() => _vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);

    private static DiskThrottleChange Change(ulong operations) => new()
    {
        Disk = "vdb",
        Limits = DiskThrottleChange.WholeCategories(new Dictionary<string, ulong?>(StringComparer.Ordinal) { ["total_iops_sec"] = operations, ["total_iops_sec_max"] = 1000 }),
    };
}
