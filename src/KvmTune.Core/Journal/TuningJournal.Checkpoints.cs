// Checkpoints in the journal.
using System.Globalization;
using System.Text.Json;
using KvmTune.Tuning;

namespace KvmTune.Journal;

/// <content>Checkpoints, and the removal of old entries.</content>
public sealed partial class TuningJournal
{
    /// <summary>Records a checkpoint, durably.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="replace">Whether a checkpoint of the same name is replaced.</param>
    /// <exception cref="KvmTuneException">The name is in use (<c>CheckpointExists</c>), or the journal cannot be used.</exception>
    public void Record(TuningCheckpoint checkpoint, bool replace)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        var written = _database.Write(
            isDurable: true,
            $"""
            INSERT INTO checkpoint (vm_id, vm_name, host_uri, name, made_at, by_user, state) VALUES ($0, $1, $2, $3, $4, $5, $6)
            ON CONFLICT (vm_id, host_uri, name) DO {(replace
                ? "UPDATE SET vm_name = excluded.vm_name, made_at = excluded.made_at, by_user = excluded.by_user, state = excluded.state"
                : "NOTHING")}
            RETURNING id
            """,
            Text(checkpoint.VMId),
            checkpoint.VMName,
            checkpoint.ConnectionUri,
            checkpoint.Name,
            Text(checkpoint.MadeAt),
            checkpoint.User,
            JsonSerializer.Serialize(checkpoint.State, TuningJson.Options));
        if (written is null)
        {
            throw new KvmTuneException(
                "CheckpointExists", KvmTuneErrorCategory.InvalidArgument,
                $"'{checkpoint.VMName}' has a checkpoint '{checkpoint.Name}' already. Choose another name, or replace it with -Force.");
        }
    }

    /// <summary>A checkpoint of a VM; null if it has none of that name.</summary>
    /// <exception cref="KvmTuneException">The journal or this checkpoint cannot be read.</exception>
    public TuningCheckpoint? FindCheckpoint(Guid vmId, string connectionUri, string name) => !_database.Exists ? null : _database.Read(
        "SELECT id, vm_name, made_at, by_user, state FROM checkpoint WHERE vm_id = $0 AND host_uri = $1 AND name = $2",
        row => new TuningCheckpoint
        {
            VMName = row.GetString(1),
            VMId = vmId,
            ConnectionUri = connectionUri,
            Name = name,
            MadeAt = Time(row.GetString(2)),
            User = row.GetString(3),
            State = Deserialize<TuningState>(row.GetString(4)),
        },
        unreadable: null,
        Text(vmId),
        connectionUri,
        name).FirstOrDefault();

    /// <summary>The names of a VM's checkpoints, the oldest first.</summary>
    /// <exception cref="KvmTuneException">The journal cannot be used.</exception>
    public IReadOnlyList<string> CheckpointNames(Guid vmId, string connectionUri) => !_database.Exists ? [] : _database.Read(
        "SELECT id, name FROM checkpoint WHERE vm_id = $0 AND host_uri = $1 ORDER BY id", row => row.GetString(1), Ignore, Text(vmId), connectionUri);

    /// <summary>The UUIDs of other VMs that had a name: a VM that was removed and made again is another VM.</summary>
    /// <exception cref="KvmTuneException">The journal cannot be used.</exception>
    public IReadOnlyList<Guid> Namesakes(string vmName, Guid vmId) =>
        [.. KnownVMs().Where(vm => string.Equals(vm.Name, vmName, StringComparison.Ordinal) && vm.Id != vmId).Select(vm => vm.Id).Distinct()];

    /// <summary>The VMs that the journal knows, by the names that they had.</summary>
    /// <exception cref="KvmTuneException">The journal cannot be used.</exception>
    public IReadOnlyList<(string Name, Guid Id)> KnownVMs() => !_database.Exists ? [] : _database.Read(
        "SELECT vm_name, vm_id FROM change WHERE vm_id IS NOT NULL UNION SELECT vm_name, vm_id FROM measurement UNION SELECT vm_name, vm_id FROM checkpoint",
        row => (row.GetString(0), Guid.Parse(row.GetString(1))),
        Ignore);

    /// <summary>Counts the entries that <see cref="Remove"/> would remove.</summary>
    /// <param name="before">The age limit.</param>
    /// <param name="vmId">Only of this VM; null for all.</param>
    /// <exception cref="KvmTuneException">The journal cannot be used.</exception>
    public RemovedHistory CountOlder(DateTimeOffset before, Guid? vmId = null) =>
        !_database.Exists ? new RemovedHistory(0, 0, 0) : _database.Use(JournalDatabase.Reading, connection => new RemovedHistory(
            Count(connection, "change", OldChanges, before, vmId),
            Count(connection, "measurement", OldMeasurements, before, vmId),
            Count(connection, "comparison", OldComparisons, before, vmId)));

    /// <summary>
    /// Removes entries that are older than a moment. Changes that run, were interrupted, or failed with a part left stay until they are taken
    /// back. Measurements and comparisons of changes that stay, and all checkpoints, stay too.
    /// </summary>
    /// <param name="before">The age limit.</param>
    /// <param name="vmId">Only of this VM; null for all.</param>
    /// <exception cref="KvmTuneException">The journal cannot be used.</exception>
    public RemovedHistory Remove(DateTimeOffset before, Guid? vmId = null)
    {
        if (!_database.Exists)
        {
            return new RemovedHistory(0, 0, 0);
        }

        var removed = _database.Use(JournalDatabase.Writing, connection =>
        {
            JournalDatabase.Run(connection, "BEGIN IMMEDIATE");
            try
            {
                var counts = new RemovedHistory(
                    Measurements: Delete(connection, "measurement", OldMeasurements, before, vmId),
                    Comparisons: Delete(connection, "comparison", OldComparisons, before, vmId),
                    Changes: Delete(connection, "change", OldChanges, before, vmId));
                JournalDatabase.Run(connection, "COMMIT");
                return counts;
            }
            catch
            {
                JournalDatabase.Run(connection, "ROLLBACK");
                throw;
            }
        });

        // Returns the space to the file system.
        _database.Use(JournalDatabase.Writing, connection => JournalDatabase.Run(connection, "VACUUM"));
        return removed;
    }

    private const string OldChanges =
        "change.started_at < $0 AND ($1 IS NULL OR change.vm_id = $1) AND (change.undone_at IS NOT NULL OR coalesce(change.outcome, '') IN ('Applied', 'RestartPending', 'TakenBack'))";

    private const string OldMeasurements =
        $"""
        started_at < $0 AND ($1 IS NULL OR vm_id = $1)
        AND NOT EXISTS (SELECT 1 FROM change WHERE (change.id = measurement.change_id OR change.baseline_id = measurement.id) AND NOT ({OldChanges}))
        """;

    private const string OldComparisons =
        $"compared_at < $0 AND ($1 IS NULL OR vm_id = $1) AND NOT EXISTS (SELECT 1 FROM change WHERE change.id = comparison.change_id AND NOT ({OldChanges}))";

    private static long Count(Microsoft.Data.Sqlite.SqliteConnection connection, string table, string condition, DateTimeOffset before, Guid? vmId) =>
        (long)JournalDatabase.Run(connection, $"SELECT count(*) FROM {table} WHERE {condition}", Text(before), vmId is { } vm ? Text(vm) : null)!;

    private static long Delete(Microsoft.Data.Sqlite.SqliteConnection connection, string table, string condition, DateTimeOffset before, Guid? vmId)
    {
        JournalDatabase.Run(connection, $"DELETE FROM {table} WHERE {condition}", Text(before), vmId is { } vm ? Text(vm) : null);
        return (long)JournalDatabase.Run(connection, "SELECT changes()")!;
    }

    private List<JournalEntry> Checkpoints(JournalFilter filter, Action<UnreadableEntry>? unreadable)
    {
        var (where, values) = Condition(filter, "id", "made_at", isChange: false);
        return _database.Read(
            string.Create(CultureInfo.InvariantCulture, $"SELECT id, vm_name, vm_id, host_uri, name, made_at, by_user FROM checkpoint{where} ORDER BY id"),
            row => new JournalEntry
            {
                Id = row.GetInt64(0),
                Kind = JournalKind.Checkpoint,
                VMName = row.GetString(1),
                VMId = Guid.Parse(row.GetString(2)),
                ConnectionUri = row.GetString(3),
                Area = TuningArea.General,
                Title = row.GetString(4),
                StartedAt = Time(row.GetString(5)),
                Outcome = JournalOutcome.Recorded,
                User = row.GetString(6),
                Process = string.Empty,
            },
            unreadable,
            values);
    }
}

/// <summary>How much history was removed.</summary>
/// <param name="Changes">Changes.</param>
/// <param name="Measurements">Measurements.</param>
/// <param name="Comparisons">Comparisons.</param>
public sealed record RemovedHistory(long Changes, long Measurements, long Comparisons)
{
    /// <summary>Whether there is nothing.</summary>
    public bool IsNone => Changes + Measurements + Comparisons == 0;

    /// <summary>For example <c>3 changes, 8 measurements, 2 comparisons</c>.</summary>
    public override string ToString() => System.FormattableString.Invariant($"{Changes} changes, {Measurements} measurements, {Comparisons} comparisons");
}
