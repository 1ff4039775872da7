// Two users change one VM at the same time, each with a separate journal: the lock on the VM does not depend on the journal.
using KvmTune.Hosts;
using KvmTune.Journal;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Journal;

public sealed class TwoJournalsTests : IDisposable
{
    private static readonly string[] Modes = ["none", "directsync", "writethrough"];

    private readonly HostConnection _host = new("test:///default");
    private readonly JournalFolder _first = JournalFolder.InMemory();
    private readonly JournalFolder _second = JournalFolder.InMemory();
    private readonly LibvirtDomain _vm;

    public TwoJournalsTests()
    {
        _vm = _host.Write().DefineXml(
            $"""
            <domain type='test'><name>two {Guid.NewGuid():N}</name><memory>1024</memory><vcpu>2</vcpu><os><type>hvm</type></os><devices>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/a'/><target dev='vda' bus='virtio'/></disk>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/b'/><target dev='vdb' bus='virtio'/></disk>
            </devices></domain>
            """,
            validate: false);
    }

    [Fact]
    public async Task Two_hundred_rounds_of_both_at_once_lose_nothing_silently()
    {
        using var otherHost = new HostConnection(_host.Uri);
        using var first = _first.Open(wait: TimeSpan.FromMinutes(10));
        using var second = _second.Open(wait: TimeSpan.FromMinutes(10));
        for (var round = 0; round < 200; round++)
        {
            var (ofFirst, ofSecond) = (Modes[round % 3], Modes[(round + 1 + (round / 3 % 2)) % 3]);
            using var start = new Barrier(2);
            await Task.WhenAll(
                Task.Run(() => ApplyAsync(start, _host, first, "vda", ofFirst)),
                Task.Run(() => ApplyAsync(start, otherHost, second, "vdb", ofSecond)));

            var disks = DomainXmlReader.Read(_vm.GetXml(DomainXmlFlags.Inactive)).Disks;
            Assert.Equal((round, ofFirst, ofSecond), (round, disks[0].Cache, disks[1].Cache));
        }
    }

    [Fact]
    public async Task An_edit_by_another_program_after_the_check_is_named_and_stays()
    {
        var journal = new StepJournal(_first.Journal, ChangeStep.Intended, () =>
        {
            var edited = DomainDocument.Parse(_vm.GetXml(DomainXmlFlags.Inactive));
            Cache("vda", "directsync").Edit(edited);
            _host.Write().DefineXml(edited.ToXml(), validate: false).Dispose();
        });

        var error = await Assert.ThrowsAsync<KvmTuneException>(() =>
            Tuner(_host, journal).ApplyAsync(Tuner(_host, journal).Planner.Plan(Cache("vdb", "none")), new ApplyOptions(), CancellationToken.None));

        Assert.Equal("ConcurrentEdit", error.ErrorId);
        Assert.Contains("(disk vda cache: (not set) -> directsync)", error.Message, StringComparison.Ordinal);
        Assert.Equal(["directsync", null], DomainXmlReader.Read(_vm.GetXml(DomainXmlFlags.Inactive)).Disks.Select(disk => disk.Cache));
    }

    [Fact]
    public async Task Two_that_want_the_same_setting_otherwise_are_told_so_and_each_that_was_applied_began_where_the_one_before_ended()
    {
        using var otherHost = new HostConnection(_host.Uri);
        using var first = _first.Open(wait: TimeSpan.FromMinutes(10));
        using var second = _second.Open(wait: TimeSpan.FromMinutes(10));
        string? now = null;
        for (var round = 0; round < 60; round++)
        {
            var others = Modes.Where(mode => mode != now).ToArray();
            using var start = new Barrier(2);
            var results = await Task.WhenAll(
                Task.Run(() => TryAsync(start, _host, first, others[0])),
                Task.Run(() => TryAsync(start, otherHost, second, others[1])));

            var applied = results.OfType<VMTuningResult>().Where(result => result.Outcome == TuningOutcome.Applied).Select(result => Assert.Single(result.Plan.Differences)).ToList();
            Assert.NotEmpty(applied);
            var began = Assert.Single(applied, difference => difference.Before == now);
            var after = began.After;
            if (applied.Count == 2)
            {
                after = Assert.Single(applied, difference => difference.Before == began.After).After;
            }

            now = DomainXmlReader.Read(_vm.GetXml(DomainXmlFlags.Inactive)).Disks[0].Cache;
            Assert.Equal((round, after), (round, now));
        }
    }

    [Fact]
    public async Task A_change_that_one_takes_back_while_another_is_made_takes_nothing_of_that_along()
    {
        using var otherHost = new HostConnection(_host.Uri);
        using var first = _first.Open(wait: TimeSpan.FromMinutes(10));
        using var second = _second.Open(wait: TimeSpan.FromMinutes(10));
        for (var round = 0; round < 60; round++)
        {
            var change = await Tuner(_host, first).ApplyAsync(Tuner(_host, first).Planner.Plan(Cache("vda", "none")), new ApplyOptions(), CancellationToken.None);
            var mode = Modes[round % 3];
            using var start = new Barrier(2);
            await Task.WhenAll(
                Task.Run(async () =>
                {
                    start.SignalAndWait();
                    await new TuningUndo(first, _host, TimeProvider.System).UndoAsync(change.JournalId!.Value, new UndoOptions(), CancellationToken.None);
                }),
                Task.Run(() => ApplyAsync(start, otherHost, second, "vdb", mode)));

            var disks = DomainXmlReader.Read(_vm.GetXml(DomainXmlFlags.Inactive)).Disks;
            Assert.Equal((round, (string?)null, mode), (round, disks[0].Cache, disks[1].Cache));
        }
    }

    [Fact]
    public async Task Who_comes_second_learns_which_process_holds_the_vm()
    {
        using var impatient = _second.Open(wait: TimeSpan.FromMilliseconds(50));
        KvmTuneException? told = null;
        var first = new StepJournal(_first.Journal, ChangeStep.Intended, () =>
            told = Assert.Throws<KvmTuneException>(() => Tuner(_host, impatient).ApplyAsync(Tuner(_host, impatient).Planner.Plan(Cache("vda", "directsync")), new ApplyOptions(), CancellationToken.None).GetAwaiter().GetResult()));

        await Tuner(_host, first).ApplyAsync(Tuner(_host, first).Planner.Plan(Cache("vda", "none")), new ApplyOptions(), CancellationToken.None);

        Assert.Equal("VMIsBeingTuned", told!.ErrorId);
        Assert.Contains($"({Environment.ProcessId}) of {Environment.UserName}", told.Message, StringComparison.Ordinal);
        Assert.Equal("none", DomainXmlReader.Read(_vm.GetXml(DomainXmlFlags.Inactive)).Disks[0].Cache);
    }

    [Fact]
    public async Task A_host_is_held_across_journals_too()
    {
        using var impatient = _second.Open(wait: TimeSpan.FromMilliseconds(50));
        KvmTuneException? told = null;
        var intent = new HostChangeIntent { ConnectionUri = _host.Uri, Title = "pages", Request = new(2048, 1, null), FormerPools = [], FormerFiles = [] };

        await _first.Journal.RecordHostChangeAsync(
            intent,
            () => told = Assert.Throws<KvmTuneException>(() => impatient.RecordHostChangeAsync(intent, () => 0, _ => { }, CancellationToken.None).GetAwaiter().GetResult()),
            _ => { },
            CancellationToken.None);

        Assert.Equal("HostIsBeingTuned", told!.ErrorId);

        // The entry of a host is found by what its row shows.
        Assert.Equal(_host.Uri, Assert.Single(_first.Journal.Entries(new JournalFilter { Kind = JournalKind.HostChange })).VMName);
    }

    [Theory]
    [InlineData("qemu:///system", "qemu+unix:///system?socket=/run/libvirt/libvirt-sock", true)]
    [InlineData("qemu+ssh://root@db.example/system", "qemu+tls://DB.example/system", true)]
    [InlineData("qemu+ssh://one/system", "qemu+ssh://two/system", false)]
    [InlineData("qemu:///system", "qemu+ssh://two/system", false)]
    public void A_host_is_one_by_whatever_way_it_is_reached(string one, string other, bool isSame)
    {
        Assert.Equal(isSame, VMLock.NameOf(one) == VMLock.NameOf(other));
        Assert.Equal(isSame, VMLock.IsOneHost(one, other));
    }

    [Theory]
    [InlineData("qemu:///system", "qemu:///session")]
    [InlineData("test:///default", "test:///tmp/node.xml")]
    public void One_machine_can_have_several_worlds_of_VMs(string one, string other) => Assert.False(VMLock.IsOneHost(one, other));

    public void Dispose()
    {
        _vm.Undefine();
        _vm.Dispose();
        _host.Dispose();
        _first.Dispose();
        _second.Dispose();
    }

    private VMTuner Tuner(HostConnection host, IChangeJournal journal) => new(new VMPlanner(host, _vm), TimeProvider.System, journal);

    private async Task ApplyAsync(Barrier start, HostConnection host, IChangeJournal journal, string disk, string mode)
    {
        var tuner = Tuner(host, journal);
        start.SignalAndWait();
        await tuner.ApplyAsync(tuner.Planner.Plan(Cache(disk, mode)), new ApplyOptions(), CancellationToken.None);
    }

    private async Task<VMTuningResult?> TryAsync(Barrier start, HostConnection host, IChangeJournal journal, string mode)
    {
        var tuner = Tuner(host, journal);
        start.SignalAndWait();
        try
        {
            return await tuner.ApplyAsync(tuner.Planner.Plan(Cache("vda", mode)), new ApplyOptions(), CancellationToken.None);
        }
        catch (KvmTuneException exception) when (exception.ErrorId == "ConcurrentEdit")
        {
            return null;
        }
    }

    private static DiskDriverChange Cache(string disk, string mode) => TuningChild.Cache(mode) with { Disk = disk };
}
