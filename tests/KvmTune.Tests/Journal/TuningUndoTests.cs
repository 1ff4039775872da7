// The recorded data of a change, and its undo, on libvirt's own test driver.
using KvmTune.Journal;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Journal;

public sealed class TuningUndoTests() : JournalledVM("vdb")
{
    private TuningJournal Journal => _folder.Journal;

    private TuningUndo Undo => new(Journal, _host, TimeProvider.System);

    [Fact]
    public async Task A_change_is_recorded_with_who_what_and_the_way_back()
    {
        var result = await ApplyAsync(Cache("none"));

        var entry = Journal.Find(result.JournalId!.Value);
        Assert.Equal(JournalKind.Change, entry.Kind);
        Assert.Equal(JournalOutcome.Applied, entry.Outcome);
        Assert.Equal(_vm.Name, entry.VMName);
        Assert.Equal(_vm.Id, entry.VMId);
        Assert.Equal(TuningArea.Disk, entry.Area);
        Assert.Contains("cache=none", entry.Title, StringComparison.Ordinal);
        Assert.Equal("disk vdb cache: (not set) -> none", Assert.Single(entry.Differences).ToString());
        Assert.StartsWith(Environment.UserName, entry.User, StringComparison.Ordinal);
        Assert.Contains($"({Environment.ProcessId})", entry.Process, StringComparison.Ordinal);
        Assert.InRange(entry.EndedAt!.Value - entry.StartedAt, TimeSpan.Zero, TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Undoing_gives_the_very_document_back_and_undoing_that_gives_the_change_back()
    {
        var change = await ApplyAsync(Cache("none"));
        var changed = Persistent();

        var undone = await Undo.UndoAsync(change.JournalId!.Value, new UndoOptions(), CancellationToken.None);

        Assert.Equal(_before, Persistent());
        Assert.Equal(TuningOutcome.Applied, undone.Outcome);
        Assert.Equal(undone.JournalId, Journal.Find(change.JournalId.Value).UndoneBy);
        Assert.Equal(change.JournalId, Journal.Find(undone.JournalId!.Value).Undoes);

        var again = await Undo.UndoAsync(undone.JournalId.Value, new UndoOptions(), CancellationToken.None);

        Assert.Equal(changed, Persistent());
        Assert.Null(Journal.Find(change.JournalId.Value).UndoneAt);
        Assert.Equal(again.JournalId, Journal.Find(undone.JournalId.Value).UndoneBy);

        await Undo.UndoAsync(change.JournalId.Value, new UndoOptions(), CancellationToken.None);
        Assert.Equal(_before, Persistent());
    }

    [Theory]
    [InlineData(3)]
    [InlineData(1)]
    public async Task A_change_that_came_back_and_is_undone_again_stands_nowhere(int entry)
    {
        long[] ids = [0, (await ApplyAsync(Cache("none"))).JournalId!.Value, 0, 0];
        ids[2] = (await UndoAsync(ids[1])).JournalId!.Value;
        ids[3] = (await UndoAsync(ids[2])).JournalId!.Value;
        Assert.Equal(ids[1], Journal.LastStanding(_vm.Id)!.Id);

        var last = (await UndoAsync(ids[entry])).JournalId!.Value;

        Assert.Equal(_before, Persistent());
        Assert.Null(Journal.LastStanding(_vm.Id));
        Assert.Equal([last, last], new[] { ids[1], ids[3] }.Select(id => Journal.Find(id).UndoneBy));

        await UndoAsync(last);
        Assert.Equal([null, null], new[] { ids[1], ids[3] }.Select(id => Journal.Find(id).UndoneBy));
        Assert.NotNull(Journal.Find(ids[2]).UndoneBy);
    }

    [Fact]
    public async Task Edits_made_since_by_others_survive()
    {
        var change = await ApplyAsync(Cache("none"));
        await ApplyAsync(Pin("0"));
        var pinned = Persistent();

        await Undo.UndoAsync(change.JournalId!.Value, new UndoOptions(), CancellationToken.None);

        Assert.Equal(pinned.Replace(" cache='none'", string.Empty, StringComparison.Ordinal), Persistent());
    }

    [Fact]
    public async Task A_setting_that_was_changed_again_stops_the_undo_unless_forced()
    {
        var change = await ApplyAsync(Cache("none"));
        await ApplyAsync(Cache("directsync"));
        var theirs = Persistent();

        var error = await Assert.ThrowsAsync<KvmTuneException>(() => Undo.UndoAsync(change.JournalId!.Value, new UndoOptions(), CancellationToken.None));

        Assert.Equal("UndoCollides", error.ErrorId);
        Assert.Contains("'directsync' now", error.Message, StringComparison.Ordinal);
        Assert.Contains("'none'", error.Message, StringComparison.Ordinal);
        Assert.Equal(theirs, Persistent());
        Assert.Null(Journal.Find(change.JournalId!.Value).UndoneAt);

        await Undo.UndoAsync(change.JournalId.Value, new UndoOptions { Force = true }, CancellationToken.None);
        Assert.Equal(_before, Persistent());
    }

    [Fact]
    public async Task Last_goes_back_step_by_step()
    {
        var first = await ApplyAsync(Cache("none"));
        var second = await ApplyAsync(Pin("0"));

        Assert.Equal(second.JournalId, Journal.LastStanding(_vm.Id)!.Id);
        await Undo.UndoAsync(second.JournalId!.Value, new UndoOptions(), CancellationToken.None);
        Assert.Equal(first.JournalId, Journal.LastStanding(_vm.Id)!.Id);
        await Undo.UndoAsync(first.JournalId!.Value, new UndoOptions(), CancellationToken.None);
        Assert.Null(Journal.LastStanding(_vm.Id));
        Assert.Equal(_before, Persistent());
    }

    [Fact]
    public async Task What_somebody_took_back_by_hand_leaves_nothing_to_undo()
    {
        var change = await ApplyAsync(Cache("none"));
        using (_host.Write().DefineXml(_before, validate: false))
        {
        }

        var result = await Undo.UndoAsync(change.JournalId!.Value, new UndoOptions(), CancellationToken.None);

        Assert.Equal(TuningOutcome.NoChange, result.Outcome);
        Assert.Null(result.JournalId);
        Assert.NotNull(Journal.Find(change.JournalId.Value).UndoneAt);
        Assert.Equal(_before, Persistent());
    }

    [Fact]
    public async Task A_running_vm_that_was_unlike_its_configuration_gets_both_back_by_one_undo()
    {
        await ApplyAsync(Limit(100));
        _vm.Start();
        await ApplyAsync(Limit(200) with { Scope = ChangeScope.Config });
        var change = await ApplyAsync(Limit(300));
        var inverse = Assert.Single(change.Inverse);
        Assert.Contains(inverse.Settings, setting => setting.Value == "200");
        Assert.Contains(inverse.ForRunning.Settings, setting => setting.Value == "100");

        await Undo.UndoAsync(change.JournalId!.Value, new UndoOptions(), CancellationToken.None);

        Assert.Equal(200UL, DomainXmlReader.Read(Persistent()).Disks[0].Throttle["total_iops_sec"]);
        Assert.Equal(100UL, DomainXmlReader.Read(_vm.GetXml()).Disks[0].Throttle["total_iops_sec"]);
        _vm.Destroy();
    }

    [Fact]
    public async Task A_change_that_never_came_into_force_needs_no_restart_to_be_gone()
    {
        _vm.Start();
        var change = await ApplyAsync(Cache("none"));
        Assert.Equal(TuningOutcome.RestartPending, change.Outcome);
        Assert.Equal(JournalOutcome.RestartPending, Journal.Find(change.JournalId!.Value).Outcome);

        var undone = await Undo.UndoAsync(change.JournalId.Value, new UndoOptions(), CancellationToken.None);

        Assert.Equal(TuningOutcome.Applied, undone.Outcome);
        Assert.Equal(_before, Persistent());
        _vm.Destroy();
    }

    [Fact]
    public async Task A_change_that_failed_and_was_taken_back_is_none_that_somebody_should_measure()
    {
        _vm.Start();
        // The test driver makes no live pin, so the configured change before it is taken back.
        await Assert.ThrowsAnyAsync<KvmTuneException>(() => ApplyAsync(Pin("0")));

        Assert.Equal(JournalOutcome.TakenBack, Journal.Entries(new JournalFilter())[^1].Outcome);
        Assert.Equal(_before, Persistent());
        Assert.Null(Journal.UnmeasuredChange(_vm.Id));
        Assert.Null(Journal.LastStanding(_vm.Id));
        _vm.Destroy();
    }

    [Fact]
    public async Task What_alters_nothing_is_not_recorded()
    {
        await ApplyAsync(Cache("none"));
        var result = await ApplyAsync(Cache("none"));

        Assert.Null(result.JournalId);
        Assert.Single(Journal.Entries(new JournalFilter()));
    }

    [Fact]
    public async Task A_second_change_names_the_first_until_somebody_measured()
    {
        Assert.Null(Journal.UnmeasuredChange(_vm.Id));
        var change = await ApplyAsync(Cache("none"));

        Assert.Equal(change.JournalId, Journal.UnmeasuredChange(_vm.Id)!.Id);
        await Undo.UndoAsync(change.JournalId!.Value, new UndoOptions(), CancellationToken.None);
        Assert.Null(Journal.UnmeasuredChange(_vm.Id));

        await ApplyAsync(Cache("none"));
        var measured = KvmTune.Tests.Statistics.Performances.Of([1, 2, 3]) with { Id = Guid.NewGuid(), VMId = _vm.Id, VMName = _vm.Name, StartedAt = DateTimeOffset.UtcNow };
        Journal.Record(measured);
        Assert.Null(Journal.UnmeasuredChange(_vm.Id));
        Assert.Equal(measured.Id, Journal.FindMeasurement(measured.Id!.Value)!.Id);
    }

    private static DiskDriverChange Cache(string? cache) => new()
    {
        Disk = "vdb",
        Options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["cache"] = cache },
    };

    private static DiskThrottleChange Limit(ulong operations) => new()
    {
        Disk = "vdb",
        Limits = DiskThrottleChange.WholeCategories(new Dictionary<string, ulong?>(StringComparer.Ordinal) { ["total_iops_sec"] = operations, ["total_iops_sec_max"] = 1000 }),
    };

    private static VcpuPinChange Pin(string hostCpus) => new()
    {
        Pins = new Dictionary<int, CpuSet?> { [0] = new CpuSet(hostCpus) },
    };
}
