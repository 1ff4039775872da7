// The journal itself: its place and permissions, its versions, a full disk, the holder of a VM, and removed entries.
using System.Diagnostics;
using KvmTune.Journal;
using KvmTune.Statistics;
using KvmTune.Tests.Corpus;
using KvmTune.Tests.Statistics;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Microsoft.Data.Sqlite;
using Xunit;

namespace KvmTune.Tests.Journal;

public sealed class TuningJournalTests() : JournalledVM("vdb")
{
    private string File => Path.Combine(_folder.Path, "journal.db");

    [Fact]
    public async Task Only_its_owner_can_read_it_and_nothing_is_made_before_it_is_needed()
    {
        Assert.Empty(_folder.Journal.Entries(new JournalFilter()));
        Assert.False(Directory.Exists(_folder.Path));

        await ApplyAsync("none");

        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException();
        }

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, System.IO.File.GetUnixFileMode(_folder.Path));
        foreach (var file in Directory.EnumerateFiles(_folder.Path, "*", SearchOption.AllDirectories))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(file));
        }
    }

    [Fact]
    public async Task A_journal_that_a_later_version_wrote_is_refused_and_nothing_is_touched()
    {
        await ApplyAsync("none");
        _folder.Journal.Dispose();
        Execute("PRAGMA user_version=99");
        var before = Persistent();

        var error = await Assert.ThrowsAsync<KvmTuneException>(() => ApplyAsync("directsync"));

        Assert.Equal("JournalIsNewer", error.ErrorId);
        Assert.Contains("format 99", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Persistent());
    }

    [Fact]
    public async Task An_older_journal_is_migrated_and_keeps_what_it_has()
    {
        using (var first = new TuningJournal(_folder.Path, TimeProvider.System, [.. JournalSchema.Migrations.Take(1)]))
        {
            await ApplyAsync("none", first);
        }

        using var later = new TuningJournal(_folder.Path, TimeProvider.System, [.. JournalSchema.Migrations, "CREATE TABLE later (id INTEGER); ALTER TABLE change ADD COLUMN later TEXT;"]);
        Assert.Equal("disk vdb: cache=none", Assert.Single(later.Entries(new JournalFilter())).Title);
        later.Record(Checkpoint("a"), replace: false);
        Assert.Equal(4L, Execute("PRAGMA user_version"));
    }

    [Fact]
    public async Task A_brief_entry_is_the_same_without_what_was_changed()
    {
        await ApplyAsync("none");

        var whole = Assert.Single(_folder.Journal.Entries(new JournalFilter()));
        var brief = Assert.Single(_folder.Journal.Entries(new JournalFilter { IsBrief = true }));

        Assert.NotEmpty(whole.Differences);
        Assert.Empty(brief.Differences);
        Assert.Null(brief.ToResult());
        Assert.Equal(whole with { Intent = null, Differences = [] }, brief with { Differences = [] });
    }

    [Fact]
    public async Task A_change_whose_intent_cannot_be_recorded_touches_nothing()
    {
        System.IO.File.WriteAllText(_folder.Path, "a file where the folder should be");
        var before = Persistent();

        var error = await Assert.ThrowsAsync<KvmTuneException>(() => ApplyAsync("none"));

        Assert.Equal("JournalUnavailable", error.ErrorId);
        Assert.Contains("KVMTUNE_HOME", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, Persistent());
        System.IO.File.Delete(_folder.Path);
        Directory.CreateDirectory(_folder.Path);
        System.IO.File.WriteAllText(File, new string('x', 8192));
        Assert.Equal("JournalUnavailable", (await Assert.ThrowsAsync<KvmTuneException>(() => ApplyAsync("none"))).ErrorId);
        Assert.Equal(before, Persistent());
    }

    [SkippableFact]
    public async Task A_full_disk_stops_a_change_before_and_is_reported_after_it()
    {
        var mount = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"kvmtune-full-{Guid.NewGuid():N}")).FullName;
        Skip.IfNot(Run("mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs", mount), "A small file system cannot be mounted here.");
        try
        {
            using var journal = new TuningJournal(mount, TimeProvider.System);
            var change = await ApplyAsync("none", journal);
            // SQLite frees space when it removes its log, so the disk is filled before each write.
            var full = new StepJournal(new StepJournal(journal, ChangeStep.Intended, () => Fill(mount)), ChangeStep.Verified, () => Fill(mount));

            var made = await ApplyAsync("directsync", full);
            Assert.Equal(TuningOutcome.Applied, made.Outcome);
            Assert.Contains("could not record", Assert.Single(made.Notes), StringComparison.Ordinal);
            Assert.Contains("directsync", Persistent(), StringComparison.Ordinal);

            Fill(mount);
            var before = Persistent();
            var error = await Assert.ThrowsAsync<KvmTuneException>(() => ApplyAsync("none", journal));
            Assert.Equal("JournalUnavailable", error.ErrorId);
            Assert.Contains("no space left", error.Message, StringComparison.Ordinal);
            Assert.Equal(before, Persistent());

            System.IO.File.Delete(Path.Combine(mount, "filler"));
            Assert.Equal(JournalOutcome.Interrupted, journal.Find(made.JournalId!.Value).Outcome);
            await new TuningUndo(journal, _host, TimeProvider.System).UndoAsync(made.JournalId.Value, new UndoOptions(), CancellationToken.None);
            await new TuningUndo(journal, _host, TimeProvider.System).UndoAsync(change.JournalId!.Value, new UndoOptions(), CancellationToken.None);
            Assert.DoesNotContain("cache=", Persistent(), StringComparison.Ordinal);
        }
        finally
        {
            Run("umount", mount);
            Directory.Delete(mount);
        }
    }

    [Fact]
    public async Task Who_comes_second_waits_a_while_and_is_then_told_who_is_at_it()
    {
        using var impatient = _folder.Open(wait: TimeSpan.FromMilliseconds(50));
        KvmTuneException? told = null;
        var first = new StepJournal(_folder.Journal, ChangeStep.Intended, () =>
            told = Assert.Throws<KvmTuneException>(() => ApplyAsync("directsync", impatient).GetAwaiter().GetResult()));

        await ApplyAsync("none", first);

        Assert.Equal("VMIsBeingTuned", told!.ErrorId);
        Assert.Equal(KvmTuneErrorCategory.ResourceBusy, told.Category);
        Assert.Contains("cache='none'", Persistent(), StringComparison.Ordinal);
        await ApplyAsync("directsync", impatient);
    }

    [Fact]
    public async Task A_measurement_and_a_verdict_stand_on_both_sides_of_their_change()
    {
        var baseline = Measured(100, 101, 102) with { Id = Guid.NewGuid() };
        _folder.Journal.Record(baseline);
        var tuner = Tuner();
        var change = await tuner.ApplyAsync(tuner.Planner.Plan(TuningChild.Cache("none")), new ApplyOptions { Baseline = baseline, ExperimentId = Guid.NewGuid() }, CancellationToken.None);
        var candidate = Measured(200, 201, 202) with { Id = Guid.NewGuid(), Change = change, Baseline = baseline };
        _folder.Journal.Record(candidate);
        _folder.Journal.Record(VMComparer.Compare(baseline, candidate, new ComparisonOptions { Force = true }));

        var entry = Assert.Single(_folder.Journal.Entries(new JournalFilter()));
        Assert.Equal(101, entry.Baseline!.Median);
        Assert.Equal(201, entry.Candidate!.Median);
        Assert.NotNull(entry.Verdict);
        Assert.NotEmpty(entry.VerdictSentence!);
        Assert.Equal(entry.VerdictSentence, ComparisonDocument.Read(entry.ComparisonDocument!, baseline, candidate).Sentence);
        Assert.Equal(2, _folder.Journal.Entries(new JournalFilter { Kind = JournalKind.Measurement }).Count);
        Assert.Equal(3, _folder.Journal.FindMeasurement(candidate.Id!.Value)!.CountedRuns.Count);

        Assert.Equal(new RemovedHistory(0, 0, 0), _folder.Journal.Remove(DateTimeOffset.UtcNow - TimeSpan.FromDays(36500)));
        Assert.Equal(new RemovedHistory(1, 2, 1), _folder.Journal.CountOlder(DateTimeOffset.UtcNow.AddMinutes(1)));
        Assert.Equal(new RemovedHistory(1, 2, 1), _folder.Journal.Remove(DateTimeOffset.UtcNow.AddMinutes(1)));
        Assert.Empty(_folder.Journal.Entries(new JournalFilter()));
    }

    [Fact]
    public async Task A_checkpoint_brings_every_setting_back_and_keeps_what_came_since()
    {
        await ApplyAsync("none");
        var before = Persistent();
        _folder.Journal.Record(Checkpoint("a"), replace: false);
        Assert.Equal("CheckpointExists", Assert.Throws<KvmTuneException>(() => _folder.Journal.Record(Checkpoint("a"), replace: false)).ErrorId);
        await ApplyAsync("directsync");
        await ApplyAsync(new VcpuPinChange { Pins = new Dictionary<int, CpuSet?> { [0] = new CpuSet(0) } });

        var state = _folder.Journal.FindCheckpoint(_vm.Id, _host.Uri, Assert.Single(_folder.Journal.CheckpointNames(_vm.Id, _host.Uri)))!.State;
        var restored = await ApplyAsync(TuningStateChange.To(state, "checkpoint 'a'", DomainDocument.Parse(Persistent())));

        Assert.Equal(before, Persistent());
        await new TuningUndo(_folder.Journal, _host, TimeProvider.System).UndoAsync(restored.JournalId!.Value, new UndoOptions(), CancellationToken.None);
        Assert.Contains("directsync", Persistent(), StringComparison.Ordinal);
        Assert.Contains("vcpupin", Persistent(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_measurement_and_a_checkpoint_are_found_by_their_numbers()
    {
        _folder.Journal.Record(Measured(1) with { Id = Guid.NewGuid() });
        _folder.Journal.Record(Measured(2) with { Id = Guid.NewGuid() });
        _folder.Journal.Record(Checkpoint("a"), replace: false);
        _folder.Journal.Record(Checkpoint("b"), replace: false);
        foreach (var kind in (JournalKind[])[JournalKind.Measurement, JournalKind.Checkpoint])
        {
            var all = _folder.Journal.Entries(new JournalFilter { Kind = kind });
            Assert.Equal(2, all.Count);
            Assert.All(all, entry => Assert.Equal(entry.Title, Assert.Single(_folder.Journal.Entries(new JournalFilter { Kind = kind, Id = entry.Id })).Title));
            Assert.Empty(_folder.Journal.Entries(new JournalFilter { Kind = kind, Id = 99 }));
        }
    }

    [Fact]
    public void A_checkpoint_names_the_devices_that_are_gone_as_their_settings_are_named()
    {
        var rich = TuningState.Of(DomainDocument.Parse(KvmTune.Tests.Tuning.RichVM.Full));

        Assert.Equal(
            ["NIC 52:54:00:00:00:01", "SCSI controller 0", "disk sda", "disk vda"],
            rich.MissingDevices(DomainDocument.Parse(Persistent())).Order(StringComparer.Ordinal));
        Assert.Empty(rich.MissingDevices(DomainDocument.Parse(KvmTune.Tests.Tuning.RichVM.Full)));
    }

    [SkippableFact]
    public void Every_change_of_the_corpus_goes_through_the_journal_and_back_and_every_state_can_be_restored()
    {
        var undone = 0;
        foreach (var document in LibvirtCorpus.Domains())
        {
            var before = DomainDocument.Parse(document.Xml);
            var state = TuningState.Of(before);
            var expected = XmlSameness.Unordered(document.Xml);
            var number = 0;
            foreach (var change in SampleChanges.For(DomainXmlReader.Read(document.Xml), before))
            {
                var edited = before.Copy();
                change.Edit(edited);
                Written(change.Inverse(before)).Edit(edited);
                Assert.True(XmlSameness.Normalised(edited.ToXml()) == XmlSameness.Normalised(document.Xml), $"{document.Name}: {change.Title} and back:\n{edited.ToXml()}");
                undone++;
                if (number++ % 4 == 0)
                {
                    var other = before.Copy();
                    Written(change).Edit(other);
                    TuningStateChange.To(state, "test", other).Edit(other);
                    Assert.True(expected == XmlSameness.Unordered(other.ToXml()), $"{document.Name}: {change.Title} and restored:\n{other.ToXml()}");
                }
            }
        }

        Assert.True(undone > LibvirtCorpus.Share(5000), $"Only {undone} changes were undone.");
    }

    // As in an intent that was written to the journal and read again.
    private static VMChange Written(VMChange change) =>
        System.Text.Json.JsonSerializer.Deserialize<VMChange>(System.Text.Json.JsonSerializer.Serialize(change, TuningJson.Options), TuningJson.Options)!;

    private static void Fill(string folder)
    {
        using var filler = System.IO.File.Create(Path.Combine(folder, "filler"), bufferSize: 0);
        try
        {
            while (true)
            {
                filler.Write(new byte[512]);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    private static bool Run(params string[] command)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true, UseShellExecute = false })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private KvmTune.Measurement.VMPerformance Measured(params double[] iops) => Performances.Of(iops) with
    {
        VMId = _vm.Id,
        VMName = _vm.Name,
        ConnectionUri = _host.Uri,
        StartedAt = DateTimeOffset.UtcNow,
    };

    private TuningCheckpoint Checkpoint(string name) => new()
    {
        VMName = _vm.Name,
        VMId = _vm.Id,
        ConnectionUri = _host.Uri,
        Name = name,
        MadeAt = DateTimeOffset.UtcNow,
        User = TuningJournal.User,
        State = TuningState.Of(DomainDocument.Parse(Persistent())),
    };

    private object? Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
