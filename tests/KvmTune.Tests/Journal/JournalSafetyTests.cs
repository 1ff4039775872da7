// The journal with damaged or foreign files, and with disk errors: each error names its cause and a remedy, and changes no other file.
using System.Diagnostics;
using KvmTune.Journal;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Microsoft.Data.Sqlite;
using Xunit;

namespace KvmTune.Tests.Journal;

public sealed class JournalSafetyTests() : JournalledVM("vdb")
{
    private string FilePath => Path.Combine(_folder.Path, "journal.db");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_link_is_refused_and_what_it_leads_to_is_not_touched(bool isFolder)
    {
        var target = Path.Combine(Path.GetDirectoryName(_folder.Path)!, "target");
        if (isFolder)
        {
            Directory.CreateDirectory(target);
            Directory.CreateSymbolicLink(_folder.Path, target);
        }
        else
        {
            await File.WriteAllTextAsync(target, "not yours");
            SetMode(target, Octal(0x1A4)); // 0644
            MakeFolder();
            File.CreateSymbolicLink(FilePath, target);
        }

        var mode = Mode(target);
        await IsRefusedAsync("JournalUnsafe", "is a link");

        Assert.Equal(mode, Mode(target));
        if (isFolder)
        {
            Assert.Empty(Directory.GetFileSystemEntries(target));
        }
        else
        {
            Assert.Equal("not yours", await File.ReadAllTextAsync(target));
        }
    }

    [Fact]
    public async Task A_hard_link_is_refused()
    {
        await ApplyAsync("none");
        _folder.Journal.Dispose();
        Assert.True(Run("ln", FilePath, Path.Combine(Path.GetDirectoryName(_folder.Path)!, "other name")));

        await IsRefusedAsync("JournalUnsafe", "hard link");
    }

    [Theory]
    [InlineData(true, UnixFileMode.OtherWrite)]
    [InlineData(true, UnixFileMode.GroupWrite)]
    [InlineData(false, UnixFileMode.OtherWrite)]
    [InlineData(false, UnixFileMode.GroupWrite)]
    public async Task What_others_may_write_is_refused_and_stays_as_it_is(bool isFolder, UnixFileMode others)
    {
        await ApplyAsync("none");
        _folder.Journal.Dispose();
        var path = isFolder ? _folder.Path : FilePath;
        SetMode(path, Mode(path) | others);
        var mode = Mode(path);

        await IsRefusedAsync("JournalUnsafe", "chmod go-w");

        Assert.Equal(mode, Mode(path));
    }

    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_belongs_to_somebody_else_is_refused(bool isFolder)
    {
        await ApplyAsync("none");
        _folder.Journal.Dispose();
        Skip.IfNot(Run("chown", "65534", isFolder ? _folder.Path : FilePath), "Only root can give files away.");

        await IsRefusedAsync("JournalUnsafe", "belongs to nobody");
    }

    [Theory]
    [InlineData("", "0 bytes")]
    [InlineData("garbage", "not a journal, or its beginning is damaged")]
    [InlineData("another program's", "another program's")]
    [InlineData("damaged in the middle", "malformed")]
    public async Task A_file_that_is_no_journal_any_more_is_an_error_with_the_way_out(string content, string cause)
    {
        switch (content)
        {
            case "":
                MakeFolder();
                await File.WriteAllTextAsync(FilePath, content);
                break;
            case "garbage":
                MakeFolder();
                await File.WriteAllTextAsync(FilePath, string.Concat(Enumerable.Repeat(content, 2000)));
                break;
            case "another program's":
                MakeFolder();
                Execute("CREATE TABLE mine (x)", SqliteOpenMode.ReadWriteCreate);
                break;
            default:
                await ApplyAsync("none");
                _folder.Journal.Dispose();
                var bytes = await File.ReadAllBytesAsync(FilePath);
                Array.Fill(bytes, (byte)0xff, 4096, bytes.Length - 4096);
                await File.WriteAllBytesAsync(FilePath, bytes);
                break;
        }

        var before = await File.ReadAllBytesAsync(FilePath);
        await IsRefusedAsync("JournalUnavailable", cause, "Move it away");
        Assert.Equal(before, await File.ReadAllBytesAsync(FilePath));

        // The remedy from the message.
        File.Move(FilePath, FilePath + ".old");
        foreach (var beside in new[] { "-wal", "-shm" })
        {
            File.Delete(FilePath + beside);
        }

        await ApplyAsync("directsync");
        Assert.Single(_folder.Journal.Entries(new JournalFilter()));
    }

    [SkippableFact]
    public async Task A_full_disk_under_a_new_journal_says_so_and_leaves_nothing_that_is_taken_for_one()
    {
        Directory.CreateDirectory(_folder.Path);
        Skip.IfNot(Run("mount", "-t", "tmpfs", "-o", "size=32k,mode=0700", "tmpfs", _folder.Path), "A small file system cannot be mounted here.");
        try
        {
            await File.WriteAllBytesAsync(Path.Combine(_folder.Path, "filler"), new byte[20 * 1024]);
            var error = await Assert.ThrowsAsync<KvmTuneException>(() => ApplyAsync("none"));
            Assert.Equal("JournalUnavailable", error.ErrorId);
            Assert.Contains("no space left", error.Message, StringComparison.Ordinal);
            Assert.Equal(["filler"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName));
            Assert.DoesNotContain("cache=", Persistent(), StringComparison.Ordinal);

            Assert.True(Run("mount", "-o", "remount,size=4m", _folder.Path));
            await ApplyAsync("none");
        }
        finally
        {
            _folder.Journal.Dispose();
            Run("umount", _folder.Path);
        }
    }

    [SkippableFact]
    public async Task A_journal_that_can_only_be_read_still_shows_its_history()
    {
        await ApplyAsync("none");
        _folder.Journal.Dispose();
        Skip.IfNot(Run("mount", "--bind", _folder.Path, _folder.Path) && Run("mount", "-o", "remount,ro,bind", _folder.Path), "A folder cannot be made read-only here.");
        try
        {
            Assert.Single(_folder.Journal.Entries(new JournalFilter()));
            var error = await Assert.ThrowsAsync<KvmTuneException>(() => ApplyAsync("directsync"));
            Assert.Equal("JournalUnavailable", error.ErrorId);
            Assert.Contains("read-only", error.Message, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("cache='none'", Persistent(), StringComparison.Ordinal);
            Assert.Single(_folder.Journal.Entries(new JournalFilter()));
        }
        finally
        {
            _folder.Journal.Dispose();
            Run("umount", _folder.Path);
        }
    }

    [Fact]
    public async Task Reading_a_journal_that_is_at_rest_makes_no_file_and_moves_no_time_stamp()
    {
        await ApplyAsync("none");
        _folder.Journal.Dispose();
        var longAgo = new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(FilePath, longAgo);
        Directory.SetLastWriteTimeUtc(_folder.Path, longAgo);

        using var journal = _folder.Open();
        Assert.Single(journal.Entries(new JournalFilter()));
        Assert.NotNull(journal.UnmeasuredChange(_vm.Id));

        Assert.Equal([FilePath], Directory.GetFileSystemEntries(_folder.Path));
        Assert.Equal((longAgo, longAgo), (File.GetLastWriteTimeUtc(FilePath), Directory.GetLastWriteTimeUtc(_folder.Path)));
    }

    [Fact]
    public void A_journal_that_may_not_be_looked_at_is_an_error_and_no_empty_history()
    {
        // Nobody can access a path through a file, not even root.
        File.WriteAllText(_folder.Path, "a file");
        using var journal = new TuningJournal(Path.Combine(_folder.Path, "below"), TimeProvider.System);

        Assert.Equal("JournalUnavailable", Assert.Throws<KvmTuneException>(() => journal.Entries(new JournalFilter())).ErrorId);
        Assert.Equal("JournalUnavailable", Assert.Throws<KvmTuneException>(() => journal.KnownVMs()).ErrorId);
    }

    [Theory]
    [InlineData("intent = '{'")]
    [InlineData("intent = 'null'")]
    [InlineData("area = 'Astrology'")]
    [InlineData("started_at = 'yesterday'")]
    [InlineData("kind = 'Prophecy'")]
    public async Task One_unreadable_row_hides_only_itself(string damage)
    {
        var first = await ApplyAsync("none");
        var second = await ApplyAsync("directsync");
        _folder.Journal.Dispose();
        Execute($"UPDATE change SET {damage} WHERE id = {first.JournalId}");

        var hidden = new List<UnreadableEntry>();
        Assert.Equal(second.JournalId, Assert.Single(_folder.Journal.Entries(new JournalFilter(), hidden.Add)).Id);
        Assert.Equal((first.JournalId, _vm.Name), Assert.Single(hidden.Select(entry => ((long?)entry.Id, entry.VMName)).Distinct()));
        Assert.Equal(second.JournalId, _folder.Journal.LastStanding(_vm.Id)!.Id);
        Assert.Equal("JournalEntryUnreadable", Assert.Throws<KvmTuneException>(() => _folder.Journal.Find(first.JournalId!.Value)).ErrorId);
        await ApplyAsync("writethrough");
    }

    [Theory]
    [InlineData("intent = '{'")]
    [InlineData("area = 'Astrology'")]
    public async Task An_unreadable_newest_row_keeps_no_earlier_change_from_being_undone(string damage)
    {
        var first = await ApplyAsync("none");
        var second = await ApplyAsync(new VcpuPinChange { Pins = new Dictionary<int, CpuSet?> { [0] = new CpuSet(0) } });
        _folder.Journal.Dispose();
        Execute($"UPDATE change SET {damage} WHERE id = {second.JournalId}");

        Assert.Equal(TuningOutcome.Applied, (await UndoAsync(first.JournalId!.Value)).Outcome);
        Assert.DoesNotContain("cache=", Persistent(), StringComparison.Ordinal);
        Assert.Contains("vcpupin", Persistent(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reading_neither_migrates_an_older_journal_nor_merges_a_log_that_was_left(bool isOlder)
    {
        if (isOlder)
        {
            using var older = new TuningJournal(_folder.Path, TimeProvider.System, [.. JournalSchema.Migrations.Take(1)]);
            await ApplyAsync("none", older);
        }
        else
        {
            // As a killed process leaves it.
            using var killed = new TuningJournal(_folder.Path + " killed", TimeProvider.System);
            await ApplyAsync("none", killed);
            MakeFolder();
            foreach (var file in Directory.GetFiles(killed.Folder))
            {
                File.Copy(file, Path.Combine(_folder.Path, Path.GetFileName(file)));
            }

            Assert.NotEqual(0, new FileInfo(FilePath + "-wal").Length);
        }

        var before = Contents();
        using (var journal = _folder.Open())
        {
            Assert.Equal("disk vdb: cache=none", Assert.Single(journal.Entries(new JournalFilter())).Title);
            Assert.NotNull(journal.LastStanding(_vm.Id));
            Assert.Empty(journal.CheckpointNames(_vm.Id, _host.Uri));
        }

        Assert.Equal(before, Contents());
        await ApplyAsync("directsync");
        Assert.Equal(2, _folder.Journal.Entries(new JournalFilter()).Count);

        IReadOnlyList<string> Contents() =>
            [.. Directory.GetFiles(_folder.Path).Order(StringComparer.Ordinal).Select(file => $"{file} {File.GetLastWriteTimeUtc(file):O} {Convert.ToHexString(File.ReadAllBytes(file))}")];
    }

    [Fact]
    public async Task The_last_change_is_not_guessed_where_a_later_row_cannot_be_read()
    {
        await ApplyAsync("none");
        var second = await ApplyAsync("directsync");
        _folder.Journal.Dispose();
        Execute($"UPDATE change SET area = 'Astrology' WHERE id = {second.JournalId}");

        Assert.Equal("JournalEntryUnreadable", Assert.Throws<KvmTuneException>(() => _folder.Journal.LastStanding(_vm.Id)).ErrorId);
    }

    [Fact]
    public async Task A_vm_of_the_same_name_with_another_uuid_is_called_that()
    {
        var change = await ApplyAsync("none");
        var (name, former) = (_vm.Name, _vm.Id);
        _vm.Undefine();
        using var other = _host.Write().DefineXml(
            $"<domain type='test'><name>{name}</name><memory>1024</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>", validate: false);
        try
        {
            var error = await Assert.ThrowsAsync<KvmTuneException>(() =>
                new TuningUndo(_folder.Journal, _host, TimeProvider.System).UndoAsync(change.JournalId!.Value, new UndoOptions(), CancellationToken.None));
            Assert.Equal("VMNotFound", error.ErrorId);
            Assert.Contains(former.ToString(), error.Message, StringComparison.Ordinal);
            Assert.Contains(other.Id.ToString(), error.Message, StringComparison.Ordinal);
            Assert.Contains("Another VM has the name", error.Message, StringComparison.Ordinal);
            Assert.Equal([former], _folder.Journal.Namesakes(name, other.Id));
        }
        finally
        {
            other.Undefine();
        }
    }

    [Fact]
    public void A_relative_home_starts_from_the_folder_that_the_session_is_in()
    {
        var before = Environment.GetEnvironmentVariable(JournalPlace.Variable);
        try
        {
            Environment.SetEnvironmentVariable(JournalPlace.Variable, "here/journal");
            Assert.Equal("/some/where/here/journal", JournalPlace.From(() => "/some/where"));
            Environment.SetEnvironmentVariable(JournalPlace.Variable, "/absolute");
            Assert.Equal("/absolute", JournalPlace.From(() => throw new InvalidOperationException()));
        }
        finally
        {
            Environment.SetEnvironmentVariable(JournalPlace.Variable, before);
        }
    }

    private static UnixFileMode Octal(int mode) => (UnixFileMode)mode;

    private static UnixFileMode Mode(string path) => OperatingSystem.IsWindows() ? throw new PlatformNotSupportedException() : File.GetUnixFileMode(path);

    private static void SetMode(string path, UnixFileMode mode)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException();
        }

        File.SetUnixFileMode(path, mode);
    }

    private static bool Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private void MakeFolder()
    {
        Directory.CreateDirectory(_folder.Path);
        SetMode(_folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    // Writing and reading are both refused, and nothing is changed.
    private async Task IsRefusedAsync(string id, params string[] words)
    {
        var before = Persistent();
        var writing = await Assert.ThrowsAsync<KvmTuneException>(() => ApplyAsync("writethrough"));
        var reading = Assert.Throws<KvmTuneException>(() => _folder.Journal.Entries(new JournalFilter()));
        foreach (var error in new[] { writing, reading })
        {
            Assert.Equal(id, error.ErrorId);
            Assert.All(words, word => Assert.Contains(word, error.Message, StringComparison.Ordinal));
        }

        Assert.Equal(before, Persistent());
    }

    private void Execute(string sql, SqliteOpenMode mode = SqliteOpenMode.ReadWrite)
    {
        using (var connection = new SqliteConnection($"Data Source={FilePath};Pooling=False;Mode={mode}"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }

        // SQLite creates files according to the umask.
        SetMode(FilePath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }
}
