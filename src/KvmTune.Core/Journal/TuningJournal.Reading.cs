// The queries of the journal.
using System.Globalization;
using System.Text;
using System.Text.Json;
using KvmTune.Measurement;
using KvmTune.Statistics;
using KvmTune.Tuning;
using Microsoft.Data.Sqlite;

namespace KvmTune.Journal;

/// <content>Reading.</content>
public sealed partial class TuningJournal
{
    private const string ChangeColumns =
        """
        SELECT c.id, c.kind, c.vm_name, c.vm_id, c.host_uri, c.area, c.title, c.started_at, c.ended_at, c.outcome, c.step, c.by_user,
            c.by_process, c.process_id, c.process_start, c.boot_id, c.restarted, c.error, c.experiment_id, c.undoes, c.undone_at, c.undone_by, c.intent,
            v.verdict, v.sentence,
            b.id, b.started_at, b.workload, b.metric, b.unit, b.median, b.runs,
            a.id, a.started_at, a.workload, a.metric, a.unit, a.median, a.runs, v.design, v.document,
            CASE WHEN json_valid(c.result) THEN json_extract(c.result, '$.RestartedBy') END,
            CASE WHEN json_valid(c.result) THEN json_extract(c.result, '$.PauseSeconds') END
        FROM change c
        LEFT JOIN comparison v ON v.id = (SELECT max(id) FROM comparison WHERE change_id = c.id)
        LEFT JOIN measurement b ON b.id = coalesce(c.baseline_id, v.baseline_id)
        LEFT JOIN measurement a ON a.rowid = coalesce(
            (SELECT max(rowid) FROM measurement WHERE change_id = c.id), (SELECT rowid FROM measurement WHERE id = v.candidate_id))
        """;

    /// <summary>The entries that a filter selects, the oldest first. A journal that does not exist yet has none.</summary>
    /// <param name="filter">The filter.</param>
    /// <param name="unreadable">Takes an entry that cannot be read; null if that is an error (<c>JournalEntryUnreadable</c>).</param>
    /// <exception cref="KvmTuneException">The journal cannot be used (<c>JournalUnavailable</c>, <c>JournalUnsafe</c>, <c>JournalIsNewer</c>).</exception>
    public IReadOnlyList<JournalEntry> Entries(JournalFilter filter, Action<UnreadableEntry>? unreadable = null)
    {
        ArgumentNullException.ThrowIfNull(filter);
        if (!_database.Exists)
        {
            return [];
        }

        return filter.Kind switch
        {
            JournalKind.Measurement => Keep(Measurements(filter, unreadable), filter),
            JournalKind.Checkpoint => Keep(Checkpoints(filter, unreadable), filter),
            _ => Keep(Changes(filter, unreadable), filter),
        };
    }

    /// <summary>One change.</summary>
    /// <exception cref="KvmTuneException">There is no such entry (<c>JournalEntryNotFound</c>), or the journal cannot be used.</exception>
    public JournalEntry Find(long id) => Entries(new JournalFilter { Id = id }).SingleOrDefault()
        ?? throw new KvmTuneException(
            "JournalEntryNotFound", KvmTuneErrorCategory.ObjectNotFound,
            string.Create(CultureInfo.InvariantCulture, $"The journal in {Folder} has no change {id}. Get-VMTuningHistory shows what it has."));

    /// <summary>
    /// The change for Undo-VMTuning -Last: the last one of a VM that still stands. Undos do not count, so that repeated calls go back step by
    /// step; null if there is none.
    /// </summary>
    public JournalEntry? LastStanding(Guid vmId) => Last(
        vmId, entry => entry is { Undoes: null, UndoneAt: null, Outcome: not (JournalOutcome.TakenBack or JournalOutcome.Running) });

    /// <summary>The last change of a VM that meets a condition; null if there is none. Plans of other changes are not read.</summary>
    /// <exception cref="KvmTuneException">A later entry cannot be read (<c>JournalEntryUnreadable</c>), so the last one is unknown.</exception>
    internal JournalEntry? Last(Guid vmId, Func<JournalEntry, bool> isWanted)
    {
        UnreadableEntry? hidden = null;
        var last = Entries(new JournalFilter { VMId = vmId, IsBrief = true }, entry => hidden = entry).LastOrDefault(isWanted);
        return hidden is not null && !(hidden.Id < last?.Id) ? throw Unreadable(hidden) : last is null ? null : Find(last.Id);
    }

    /// <summary>The last change of a VM, if it did not get past one of these steps; null otherwise. Nothing else of it has to be readable.</summary>
    /// <exception cref="KvmTuneException">It is such a change and cannot be read (<c>JournalEntryUnreadable</c>).</exception>
    internal JournalEntry? LastStuckAt(Guid vmId, params ChangeStep[] steps) => _database.Read(
        $"""
        SELECT id FROM change
        WHERE id = (SELECT max(id) FROM change WHERE vm_id = $0)
        AND (outcome IS NULL OR outcome = '{JournalOutcome.Failed}') AND step IN ({string.Join(", ", steps.Select(step => $"'{step}'"))})
        """,
        row => row.GetInt64(0), unreadable: null, Text(vmId)) is [var id] ? Find(id) : null;

    /// <summary>The error of an entry that cannot be read.</summary>
    public KvmTuneException Unreadable(UnreadableEntry entry) => JournalError.Unreadable(_database.Path, entry);

    /// <summary>
    /// The last change of a VM, without its differences, if it was not measured since: a second change now could not be separated from it.
    /// Else null. Changes of experiments do not count: an experiment measures its own change.
    /// </summary>
    public JournalEntry? UnmeasuredChange(Guid vmId) => !_database.Exists ? null : _database.Read(
        $"""
        {ChangeColumns}
        WHERE c.id = (
            SELECT max(id) FROM change
            WHERE vm_id = $0 AND undoes IS NULL AND undone_at IS NULL AND experiment_id IS NULL AND (outcome IS NULL OR outcome <> 'TakenBack'))
        AND a.id IS NULL
        AND NOT EXISTS (SELECT 1 FROM measurement m WHERE m.vm_id = c.vm_id AND m.started_at >= coalesce(c.ended_at, c.started_at))
        """,
        row => ReadChange(row, isBrief: true),
        Ignore,
        Text(vmId)).FirstOrDefault();

    /// <summary>Whether a measurement is recorded.</summary>
    public bool HasMeasurement(Guid id) =>
        _database.Exists && _database.Read("SELECT 1 FROM measurement WHERE id = $0", row => row.GetInt32(0), unreadable: null, Text(id)).Count > 0;

    /// <summary>A measurement with all its runs.</summary>
    /// <returns>The measurement, without the change and the baseline that it had on the pipeline; null if it is not recorded.</returns>
    public VMPerformance? FindMeasurement(Guid id) => !_database.Exists ? null : _database.Read(
        "SELECT rowid, document FROM measurement WHERE id = $0", row => PerformanceDocument.Read(row.GetString(1)), unreadable: null, Text(id)).FirstOrDefault();

    private static void Ignore(UnreadableEntry entry)
    {
        // Get-VMTuningHistory reports it.
    }

    /// <summary>The last measurement of a VM under a workload with enough runs to estimate its noise.</summary>
    /// <param name="vmId">The VM's UUID.</param>
    /// <param name="workload">The workload; runs of another length have another noise.</param>
    /// <returns>The measurement; null if there is none.</returns>
    /// <exception cref="KvmTuneException">The journal cannot be used (<c>JournalUnavailable</c>, <c>JournalIsNewer</c>).</exception>
    public VMPerformance? LastMeasurement(Guid vmId, WorkloadRequest workload)
    {
        ArgumentNullException.ThrowIfNull(workload);
        return !_database.Exists ? null : _database.Read(
                "SELECT document FROM measurement WHERE vm_id = $0 AND workload = $1 COLLATE NOCASE AND runs >= $2 ORDER BY started_at DESC LIMIT 1",
                row => PerformanceDocument.Read(row.GetString(0)), Ignore, Text(vmId), workload.Name, VMCalibrator.FewestRuns)
            .FirstOrDefault(last => last.Workload.RunTime == workload.RunTime && last.Workload.Command == workload.Command);
    }

    private static List<JournalEntry> Keep(IEnumerable<JournalEntry> entries, JournalFilter filter) =>
        [.. entries.Where(entry => filter.Outcomes.Count == 0 || filter.Outcomes.Contains(entry.Outcome))];

    private static (string Where, object?[] Values) Condition(JournalFilter filter, string id, string time, bool isChange)
    {
        var where = new StringBuilder(" WHERE 1 = 1");
        var values = new List<object?>();
        Add(filter.Id, $"{id} = ");
        Add(filter.VMId is { } vm ? Text(vm) : null, "vm_id = ");
        Add(filter.Since is { } since ? Text(since) : null, $"{time} >= ");
        if (isChange)
        {
            Add(filter.Kind?.ToString(), "c.kind = ");
            Add(filter.Area?.ToString(), "c.area = ");
            Add(filter.ExperimentId is { } experiment ? Text(experiment) : null, "c.experiment_id = ");
        }

        return (where.ToString(), [.. values]);

        void Add(object? value, string condition)
        {
            if (value is not null)
            {
                where.Append(CultureInfo.InvariantCulture, $" AND {(isChange && !condition.StartsWith("c.", StringComparison.Ordinal) ? "c." : null)}{condition}${values.Count}");
                values.Add(value);
            }
        }
    }

    /// <summary>The changes of an experiment that are not taken back yet, the last first.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="vm">Its VM.</param>
    public IReadOnlyList<JournalEntry> StandingOf(Guid experiment, Guid? vm) =>
        [.. Entries(new JournalFilter { ExperimentId = experiment }).Where(entry => entry.VMId == vm && ExperimentRows.Stands(entry)).OrderByDescending(entry => entry.Id)];

    private List<JournalEntry> Changes(JournalFilter filter, Action<UnreadableEntry>? unreadable)
    {
        var (where, values) = Condition(filter, "id", "started_at", isChange: true);
        return _database.Read($"{ChangeColumns}{where} ORDER BY c.id", row => ReadChange(row, filter.IsBrief), unreadable, values);
    }

    private List<JournalEntry> Measurements(JournalFilter filter, Action<UnreadableEntry>? unreadable)
    {
        // The column id of a measurement is its UUID; its number is the row's.
        var (where, values) = Condition(filter, "rowid", "started_at", isChange: false);
        return _database.Read(
            $"SELECT rowid, vm_name, vm_id, host_uri, by_user, id, started_at, workload, metric, unit, median, runs FROM measurement{where} ORDER BY started_at",
            row => new JournalEntry
            {
                Id = row.GetInt64(0),
                Kind = JournalKind.Measurement,
                VMName = TerminalText.Line(row.GetString(1)),
                VMId = Guid.Parse(row.GetString(2)),
                ConnectionUri = row.GetString(3),
                Area = TuningArea.General,
                Title = ReadMeasurement(row, 5)!.ToString(),
                StartedAt = Time(row.GetString(6)),
                Outcome = JournalOutcome.Recorded,
                User = row.GetString(4),
                Process = string.Empty,
                Candidate = ReadMeasurement(row, 5),
            },
            unreadable,
            values);
    }

    private JournalEntry ReadChange(SqliteDataReader row, bool isBrief)
    {
        var kind = Enum.Parse<JournalKind>(row.GetString(1));
        var intent = !isBrief && kind == JournalKind.Change ? Deserialize<ChangeIntent>(row.GetString(22)) : null;
        return new JournalEntry
        {
            Id = row.GetInt64(0),
            Kind = kind,
            VMName = TerminalText.Line(row.GetString(kind == JournalKind.HostChange ? 4 : 2)),
            VMId = Optional(row, 3) is { } vm ? Guid.Parse(vm) : null,
            ConnectionUri = row.GetString(4),
            Area = Enum.Parse<TuningArea>(row.GetString(5)),
            Title = row.GetString(6),
            StartedAt = Time(row.GetString(7)),
            EndedAt = Optional(row, 8) is { } ended ? Time(ended) : null,
            Outcome = Optional(row, 9) is { } outcome ? Enum.Parse<JournalOutcome>(outcome) : OutcomeSoFar(row),
            Step = Optional(row, 10) is { } step ? Enum.Parse<ChangeStep>(step) : null,
            User = row.GetString(11),
            Process = string.Create(CultureInfo.InvariantCulture, $"{row.GetString(12)} ({row.GetInt64(13)})"),
            Restarted = row.GetBoolean(16),
            RestartedBy = Optional(row, 41) is { } by ? Enum.Parse<RestartBy>(by) : null,
            PauseSeconds = row.IsDBNull(42) ? null : row.GetDouble(42),
            Error = Optional(row, 17),
            ExperimentId = Optional(row, 18) is { } experiment ? Guid.Parse(experiment) : null,
            Undoes = row.IsDBNull(19) ? null : row.GetInt64(19),
            UndoneAt = Optional(row, 20) is { } undone ? Time(undone) : null,
            UndoneBy = row.IsDBNull(21) ? null : row.GetInt64(21),
            Differences = intent?.Plan.Differences ?? [],
            Verdict = Optional(row, 23) is { } verdict ? Enum.Parse<Verdict>(verdict) : null,
            VerdictSentence = Optional(row, 24),
            Baseline = ReadMeasurement(row, 25),
            Candidate = ReadMeasurement(row, 32),
            Design = Optional(row, 39) is { } design ? Enum.Parse<ComparisonDesign>(design) : null,
            ComparisonDocument = isBrief ? null : Optional(row, 40),
            Intent = intent,
            HostIntent = !isBrief && kind == JournalKind.HostChange ? Deserialize<HostChangeIntent>(row.GetString(22)) : null,
        };
    }

    // Without an outcome, its process is working on it, or ended before it recorded one.
    private JournalOutcome OutcomeSoFar(SqliteDataReader row)
    {
        var owner = new JournalOwner(row.GetInt32(13), row.GetInt64(14), row.GetString(15));
        return owner == JournalOwner.Current
            ? _underWay.ContainsKey(row.GetInt64(0)) ? JournalOutcome.Running : JournalOutcome.Interrupted
            : owner.IsAlive ? JournalOutcome.Running : JournalOutcome.Interrupted;
    }

    private static T Deserialize<T>(string json) =>
        JsonSerializer.Deserialize<T>(json, TuningJson.Options) ?? throw new JsonException("there is nothing in it");

    private static MeasurementSummary? ReadMeasurement(SqliteDataReader row, int first) => row.IsDBNull(first) ? null : new MeasurementSummary(
        Guid.Parse(row.GetString(first)),
        Time(row.GetString(first + 1)),
        row.GetString(first + 2),
        row.GetString(first + 3),
        row.GetString(first + 4),
        row.IsDBNull(first + 5) ? null : row.GetDouble(first + 5),
        row.GetInt32(first + 6));

    private static string? Optional(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind);
}
