// The journal: every change with its intent before and its outcome after, every measurement, every verdict; the only source for undo.
using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using KvmTune.Hosts;
using KvmTune.Measurement;
using KvmTune.Statistics;
using KvmTune.Tuning;

namespace KvmTune.Journal;

/// <summary>
/// The durable record in SQLite. Nothing is opened before the first use. Several processes may use one journal, and several threads
/// one object.
/// </summary>
public sealed partial class TuningJournal : IChangeJournal, IDisposable
{
    /// <summary>How long a change waits for another change of the same VM, by default.</summary>
    public static readonly TimeSpan DefaultWait = TimeSpan.FromSeconds(20);

    private readonly TimeProvider _time;
    private readonly JournalDatabase _database;
    private readonly ConcurrentDictionary<long, bool> _underWay = [];

    /// <summary>A journal in a folder.</summary>
    /// <param name="folder">The folder; made at the first use, for its owner only.</param>
    /// <param name="time">The clock.</param>
    public TuningJournal(string folder, TimeProvider time)
        : this(folder, time, JournalSchema.Migrations)
    {
    }

    internal TuningJournal(string folder, TimeProvider time, IReadOnlyList<string> migrations)
    {
        Folder = folder;
        _time = time;
        _database = new JournalDatabase(folder, migrations);
    }

    /// <summary>The user of this process, as entries name them.</summary>
    public static string User => JournalOwner.User;

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>How long a change waits for another process's change of the same VM.</summary>
    public TimeSpan Wait { get; init; } = DefaultWait;

    /// <inheritdoc/>
    public async Task<IChangeRecord> HoldAsync(VMTuningPlan plan, CancellationToken cancellationToken)
    {
        var name = VMLock.NameOf(plan.VMId, plan.ConnectionUri);
        var held = await LockAsync(name, cancellationToken);
        return held is null ? throw BusyError(plan, name) : new ChangeRecord(this, held);
    }

    /// <summary>Records a measurement. A measurement that is recorded already stays as it is.</summary>
    /// <exception cref="KvmTuneException">The journal cannot be used (<c>JournalUnavailable</c>).</exception>
    public void Record(VMPerformance performance)
    {
        ArgumentNullException.ThrowIfNull(performance);
        if (performance.Id is not { } id)
        {
            return;
        }

        var values = performance.ValuesOf(performance.PrimaryMetric.Name);
        _database.Write(
            isDurable: false,
            """
            INSERT OR IGNORE INTO measurement (id, vm_id, vm_name, host_uri, started_at, workload, metric, unit, median, runs, by_user, change_id, document)
            VALUES ($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            """,
            Text(id),
            Text(performance.VMId),
            performance.VMName,
            performance.ConnectionUri,
            Text(performance.StartedAt),
            performance.Workload.Name,
            performance.PrimaryMetric.Name,
            performance.PrimaryMetric.Unit,
            values.Count == 0 ? null : Estimators.Median(values),
            values.Count,
            JournalOwner.User,
            performance.Change?.JournalId,
            PerformanceDocument.Write(performance));
    }

    /// <summary>Records a comparison, and its measurements if they are not recorded yet.</summary>
    /// <param name="comparison">The comparison.</param>
    /// <param name="changeId">The change between the two measurements; null for the candidate's own change.</param>
    /// <exception cref="KvmTuneException">The journal cannot be used (<c>JournalUnavailable</c>).</exception>
    public void Record(VMComparison comparison, long? changeId = null)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        Record(comparison.Baseline);
        Record(comparison.Candidate);
        _database.Write(
            isDurable: false,
            """
            INSERT INTO comparison (vm_id, change_id, baseline_id, candidate_id, compared_at, design, verdict, sentence, document)
            VALUES ($0, $1, $2, $3, $4, $5, $6, $7, $8)
            """,
            Text(comparison.VMId),
            changeId ?? comparison.Change?.JournalId,
            comparison.Baseline.Id is { } baseline ? Text(baseline) : null,
            comparison.Candidate.Id is { } candidate ? Text(candidate) : null,
            Text(_time.GetUtcNow()),
            comparison.Design.ToString(),
            comparison.Verdict.ToString(),
            comparison.Sentence,
            ComparisonDocument.Write(comparison));
    }

    /// <inheritdoc/>
    public void Dispose() => _database.Dispose();

    /// <summary>Marks an entry as taken back, or as one of which nothing was left.</summary>
    internal void MarkUndone(long id, long? by) => _database.Write(
        isDurable: false, "UPDATE change SET undone_at = $1, undone_by = $2 WHERE id = $0", id, Text(_time.GetUtcNow()), by);

    private static string Text(Guid id) => id.ToString("D");

    private static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("O", CultureInfo.InvariantCulture);

    private async Task<VMLock?> LockAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await VMLock.TakeAsync(name, Wait, _time, cancellationToken);
        }
        catch (SocketException exception)
        {
            throw JournalError.Unavailable($"the lock '{name}' could not be taken ({exception.Message})", exception);
        }
    }

    // The holder may use another journal; then the kernel names its process.
    private KvmTuneException BusyError(VMTuningPlan plan, string name)
    {
        var who = Entries(new JournalFilter { VMId = plan.VMId, Outcomes = [JournalOutcome.Running], IsBrief = true }, Ignore) is not [.., var busy]
            ? $"{VMLock.Holder(name) ?? "Another process"} is working on it"
            : $"{busy.Process} of {busy.User} has been working on '{busy.Title}' since {busy.StartedAt.ToLocalTime().ToString("HH:mm:ss", CultureInfo.InvariantCulture)}";
        return new KvmTuneException(
            "VMIsBeingTuned", KvmTuneErrorCategory.ResourceBusy,
            $"'{plan.VMName}' is being changed right now. {who}. '{plan.Title}' waited {Wait.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s for it and did nothing; try again when it is done.");
    }

    private long Insert(
        JournalKind kind, string intent, Guid? vmId, string vmName, string uri, TuningArea area, string title, DateTimeOffset startedAt,
        Guid? experimentId, Guid? baselineId, long? undoes)
    {
        var owner = JournalOwner.Current;
        return (long)_database.Write(
            isDurable: true,
            """
            INSERT INTO change (kind, vm_id, vm_name, host_uri, area, title, started_at, by_user, by_process, process_id, process_start, boot_id, experiment_id, baseline_id, undoes, intent)
            VALUES ($0, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING id
            """,
            kind.ToString(),
            vmId is { } vm ? Text(vm) : null,
            vmName,
            uri,
            area.ToString(),
            title,
            Text(startedAt),
            JournalOwner.User,
            JournalOwner.Program,
            owner.ProcessId,
            owner.ProcessStart,
            owner.BootId,
            experimentId is { } experiment ? Text(experiment) : null,
            baselineId is { } baseline ? Text(baseline) : null,
            undoes,
            intent)!;
    }

    // The outcome need not outlive a loss of power: then the entry is Interrupted, and undo reads the VM's present settings.
    private void End(long id, JournalOutcome outcome, bool restarted, string? error, string? result)
    {
        _database.Write(
            isDurable: false,
            "UPDATE change SET outcome = $1, ended_at = $2, restarted = $3, error = $4, result = $5 WHERE id = $0",
            id,
            outcome.ToString(),
            Text(_time.GetUtcNow()),
            restarted,
            error,
            result);
    }

    // A change, its undos, their undos and so on are a chain with two sides: entries with the change in force, and entries without it. The last
    // entry decides: those of its side stand (again), those of the other side are undone.
    private void LinkUndone(long id, long undone)
    {
        MarkUndone(undone, id);
        _database.Write(
            isDurable: false,
            """
            WITH RECURSIVE
                up(id) AS (SELECT $0 UNION SELECT c.undoes FROM change c JOIN up ON c.id = up.id WHERE c.undoes IS NOT NULL),
                chain(id, side) AS (SELECT min(id), 0 FROM up UNION SELECT c.id, 1 - chain.side FROM change c JOIN chain ON c.undoes = chain.id),
                latest(side) AS (SELECT side FROM chain WHERE id = $0)
            UPDATE change SET
                undone_at = CASE chain.side WHEN latest.side THEN NULL ELSE $1 END,
                undone_by = CASE chain.side WHEN latest.side THEN NULL ELSE $0 END
            FROM chain, latest
            WHERE change.id = chain.id AND change.id <> $0 AND CASE chain.side
                WHEN latest.side THEN change.undone_by IS NOT change.id
                ELSE change.undone_at IS NULL AND change.outcome IN ('Applied', 'RestartPending') END
            """,
            id,
            Text(_time.GetUtcNow()));
    }

    /// <summary>One change under way, in this journal.</summary>
    private sealed class ChangeRecord(TuningJournal journal, VMLock held) : IChangeRecord
    {
        private long? _id;
        private ChangeIntent? _intent;

        public long Begin(ChangeIntent intent)
        {
            // Only broken rules are recorded; kept ones can be judged again at any time.
            var plan = intent.Plan with { Findings = [.. intent.Plan.Findings.Where(finding => !finding.IsKept)] };
            var id = journal.Insert(
                JournalKind.Change,
                JsonSerializer.Serialize(intent with { Plan = plan }, TuningJson.Options),
                plan.VMId,
                plan.VMName,
                plan.ConnectionUri,
                plan.Area,
                plan.Title,
                intent.StartedAt,
                intent.ExperimentId,
                intent.BaselineId,
                intent.Undoes);
            journal._underWay[id] = true;
            _intent = intent;
            _id = id;
            return id;
        }

        public void Reach(ChangeStep step)
        {
            // The VM itself shows most of the progress, so these steps are not worth a write: a change without a restart is over in milliseconds.
            if (step is ChangeStep.Intended or ChangeStep.MadeLive or ChangeStep.Verified)
            {
                return;
            }

            try
            {
                journal._database.Write(isDurable: false, "UPDATE change SET step = $1 WHERE id = $0", _id, step.ToString());
            }
            catch (KvmTuneException)
            {
                // Complete and Fail report it when they fail too.
            }
        }

        public VMTuningResult Complete(VMTuningResult result)
        {
            try
            {
                var outcome = result.Outcome == TuningOutcome.RestartPending ? JournalOutcome.RestartPending : JournalOutcome.Applied;
                journal.End(_id!.Value, outcome, result.Restarted, error: null, JsonSerializer.Serialize(new RecordedResult(result.Verifications, result.Notes, result.RestartedBy, result.PauseSeconds), TuningJson.Options));
                if (_intent!.Undoes is { } undone)
                {
                    journal.LinkUndone(_id.Value, undone);
                }

                return result;
            }
            catch (KvmTuneException exception)
            {
                return result with { Notes = result.Notes.Append($"The change was made, but the journal could not record that: {exception.Message} Its entry {_id} shows as interrupted, and can be undone.").ToList() };
            }
        }

        public VMTuningResult CompleteTakenBack(VMTuningResult result)
        {
            var completed = Complete(result);
            try
            {
                journal.MarkUndone(_id!.Value, _id);
            }
            catch (KvmTuneException)
            {
                // It then stands as made, and undo finds that nothing is left of it.
            }

            return completed;
        }

        public void Fail(Exception exception, bool isTakenBack) =>
            journal.TryEnd(_id!.Value, isTakenBack ? JournalOutcome.TakenBack : JournalOutcome.Failed, ReasonOf(exception));

        public void Withdraw()
        {
            try
            {
                journal._database.Write(isDurable: false, "DELETE FROM change WHERE id = $0", _id);
            }
            catch (KvmTuneException)
            {
                // It then shows as interrupted, and undo finds that nothing is left of it.
            }
        }

        public void Dispose()
        {
            if (_id is { } id)
            {
                journal._underWay.TryRemove(id, out _);
            }

            held.Dispose();
        }
    }

    private sealed record RecordedResult(
        IReadOnlyList<Verification> Verifications, IReadOnlyList<string> Notes, RestartBy? RestartedBy, double? PauseSeconds);
}
