// One change in the journal, with the measurements before and after it, and the verdict on them.
using KvmTune.Measurement;
using KvmTune.Statistics;
using KvmTune.Tuning;

namespace KvmTune.Journal;

/// <summary>The subject of an entry.</summary>
[JsonText(typeof(EnumName))]
public enum JournalKind
{
    /// <summary>A change of a VM.</summary>
    Change,

    /// <summary>A change of a host, for example of its pools of huge pages.</summary>
    HostChange,

    /// <summary>A measurement.</summary>
    Measurement,

    /// <summary>A checkpoint: the named tuning state of a VM.</summary>
    Checkpoint,
}

/// <summary>How a change ended.</summary>
[JsonText(typeof(EnumName))]
public enum JournalOutcome
{
    /// <summary>The change was made and is in force.</summary>
    Applied,

    /// <summary>The change was made, and comes into force with the VM's next start.</summary>
    RestartPending,

    /// <summary>It failed or was cancelled, and what it had done was taken back.</summary>
    TakenBack,

    /// <summary>It failed or was cancelled, and a part of it may be left. Undo finds out which.</summary>
    Failed,

    /// <summary>Its process ended before the change did, or could not record the outcome. Undo finds out which part is left.</summary>
    Interrupted,

    /// <summary>A process is working on it now.</summary>
    Running,

    /// <summary>A measurement or a checkpoint: nothing was changed.</summary>
    Recorded,
}

/// <summary>A measurement in short.</summary>
/// <param name="Id">Its id.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="Workload">The workload.</param>
/// <param name="Metric">The metric that decides.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Median">The median of its runs that count; null where none did.</param>
/// <param name="Runs">How many runs count.</param>
public sealed record MeasurementSummary(
    Guid Id, DateTimeOffset StartedAt, string Workload, string Metric, string Unit, double? Median, int Runs)
{
    /// <summary>When it began.</summary>
    public DateTimeOffset StartedAt { get; init => field = value.ToLocalTime(); } = StartedAt.ToLocalTime();

    /// <summary>For example <c>RandomWrite: 11.2 k IOPS</c>.</summary>
    public override string ToString() => Median is { } median ? $"{Workload}: {MetricText.Value(median, Unit)}" : $"{Workload}: no run counts";
}

/// <summary>One entry of the journal.</summary>
public sealed record JournalEntry
{
    /// <summary>The entry's id; ids only grow.</summary>
    public required long Id { get; init; }

    /// <summary>Its kind.</summary>
    public required JournalKind Kind { get; init; }

    /// <summary>The VM's name at that time; the host's URI for a change of a host.</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID; null for a change of a host.</summary>
    public required Guid? VMId { get; init; }

    /// <summary>The libvirt connection that the VM or host was reached by.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The area of the change.</summary>
    public required TuningArea Area { get; init; }

    /// <summary>The change in words.</summary>
    public required string Title { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset StartedAt { get; init => field = value.ToLocalTime(); }

    /// <summary>When it ended; null where that is not known.</summary>
    public DateTimeOffset? EndedAt { get; init => field = value?.ToLocalTime(); }

    /// <summary>How it ended.</summary>
    public required JournalOutcome Outcome { get; init; }

    /// <summary>The last step that was reached; null before the first.</summary>
    public ChangeStep? Step { get; init; }

    /// <summary>The user who made it.</summary>
    public required string User { get; init; }

    /// <summary>The program that made it, with its process id, for example <c>pwsh (4711)</c>.</summary>
    public required string Process { get; init; }

    /// <summary>Whether the VM was restarted for it.</summary>
    public bool Restarted { get; init; }

    /// <summary>How it was restarted; null if it was not, and in entries of versions without a choice.</summary>
    public RestartBy? RestartedBy { get; init; }

    /// <summary>How long the guest stood still for a suspend, in seconds; null for anything else.</summary>
    public double? PauseSeconds { get; init; }

    /// <summary>The settings that changed.</summary>
    public IReadOnlyList<SettingDifference> Differences { get; init => field = Items.Of(value); } = Items<SettingDifference>.None;

    /// <summary>Why it failed, or that it was cancelled; null for a change that was made.</summary>
    public string? Error { get; init; }

    /// <summary>The experiment that it is part of.</summary>
    public Guid? ExperimentId { get; init; }

    /// <summary>If this is the row of an experiment: the entries that it stands for, itself among them; else empty.</summary>
    public IReadOnlyList<long> EntryIds { get; init => field = Items.Of(value); } = Items<long>.None;

    /// <summary>The entry that it took back; null for a change that is not an undo.</summary>
    public long? Undoes { get; init; }

    /// <summary>When it was taken back; null while it stands.</summary>
    public DateTimeOffset? UndoneAt { get; init => field = value?.ToLocalTime(); }

    /// <summary>The entry that took it back; null if there is none, or if there was nothing left to take back.</summary>
    public long? UndoneBy { get; init; }

    /// <summary>The measurement before it.</summary>
    public MeasurementSummary? Baseline { get; init; }

    /// <summary>The last measurement after it.</summary>
    public MeasurementSummary? Candidate { get; init; }

    /// <summary>The verdict of the last comparison of the two.</summary>
    public Verdict? Verdict { get; init; }

    /// <summary>The same in words.</summary>
    public string? VerdictSentence { get; init; }

    /// <summary>The order of the runs of the last comparison.</summary>
    public ComparisonDesign? Design { get; init; }

    /// <summary>The last comparison as it was recorded; null if there is none, and in entries of versions that did not keep it.</summary>
    internal string? ComparisonDocument { get; init; }

    /// <summary>The intended change of a VM, with the data for its undo; null for other entries and brief ones.</summary>
    internal ChangeIntent? Intent { get; init; }

    /// <summary>The intended change of a host; null for other entries and brief ones.</summary>
    internal HostChangeIntent? HostIntent { get; init; }

    /// <summary>The change in words: the same as <see cref="Title"/>.</summary>
    public string What => Title;

    /// <summary>Its state: the outcome, or <c>undone by 7</c>, or <c>nothing left</c> if nothing of it was left to take back.</summary>
    public string State => (UndoneAt, UndoneBy) switch
    {
        (null, _) => Outcome.ToString(),
        (_, { } by) => FormattableString.Invariant($"undone by {by}"),
        _ => "nothing left",
    };

    /// <summary>The state of the entry in a sentence, and what can be done about it.</summary>
    public string Explanation => Outcome switch
    {
        JournalOutcome.Recorded => "Recorded.",
        _ when UndoneAt is not null && UndoneBy == Id => "Tried in the running VM, and taken back at the end of that.",
        _ when UndoneAt is not null => UndoneBy is { } by
            ? System.FormattableString.Invariant($"Taken back by entry {by}.")
            : "Nothing of it was left to take back.",
        JournalOutcome.Applied => "In force.",
        JournalOutcome.RestartPending => "In force from the VM's next start on.",
        JournalOutcome.TakenBack => $"The VM is as it was before. {Error}",
        JournalOutcome.Failed => $"A part of it may be left: Undo-VMTuning finds that part and takes it back. {Error}",
        JournalOutcome.Running => $"{Process} is working on it{Reached}.",
        _ => $"{Process} ended before it was done{Reached}. Undo-VMTuning -Id {System.FormattableString.Invariant($"{Id}")} finds out what is left of it and takes that back.",
    };

    /// <summary>Whether it was made on the host of a URI, also where that is another URI of the same host.</summary>
    public bool IsOn(string uri) => VMLock.IsOneHost(ConnectionUri, uri);

    /// <summary>The result of the change; null if the entry is not a change of a VM.</summary>
    public VMTuningResult? ToResult() => Intent is null ? null : new VMTuningResult
    {
        Outcome = Outcome == JournalOutcome.RestartPending ? TuningOutcome.RestartPending : TuningOutcome.Applied,
        Plan = Intent.Plan,
        AppliedAt = StartedAt,
        Elapsed = (EndedAt ?? StartedAt) - StartedAt,
        Restarted = Restarted,
        RestartedBy = RestartedBy,
        PauseSeconds = PauseSeconds,
        JournalId = Id,
        Inverse = new[] { Intent.Inverse },
    };

    private string Reached => Step switch
    {
        null or ChangeStep.Intended => ", before anything is known to have been done",
        ChangeStep.Prepared => ", after the host was prepared",
        ChangeStep.Defined => ", after the persistent configuration was changed",
        ChangeStep.MadeLive => ", after the running VM was changed",
        ChangeStep.ShuttingDown => ", while the guest was being shut down",
        ChangeStep.ShutDown => ", when the VM was off for its restart",
        ChangeStep.Saving => ", while the guest's state was being saved; it runs on, or goes on from there at its next start",
        ChangeStep.Saved => ", when the guest's state was saved; its next start goes on from there, as it was before",
        ChangeStep.SavedStateEdited => ", when the guest's state was saved and its definition edited; its next start goes on from there, with the change",
        ChangeStep.Started => ", after the VM was started again",
        _ => ", after all was done",
    };

    /// <summary>For example <c>12: db01: pin vCPU 0 to host CPU 2 (Applied)</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Id}: {VMName}: {Title} ({Outcome})");
}

/// <summary>Selects entries.</summary>
public sealed record JournalFilter
{
    /// <summary>Only this entry.</summary>
    public long? Id { get; init; }

    /// <summary>Only entries of this kind; null for changes of VMs and hosts.</summary>
    public JournalKind? Kind { get; init; }

    /// <summary>Only those of this VM.</summary>
    public Guid? VMId { get; init; }

    /// <summary>Only those of this area.</summary>
    public TuningArea? Area { get; init; }

    /// <summary>Only those that began then or later.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Only those with one of these outcomes; empty for all.</summary>
    public IReadOnlyCollection<JournalOutcome> Outcomes { get; init; } = [];

    /// <summary>Only those of this experiment.</summary>
    public Guid? ExperimentId { get; init; }

    /// <summary>
    /// Whether the entries come without their differences and plans: a long journal is then read in a fraction of the time, which suffices to
    /// choose or find one entry.
    /// </summary>
    public bool IsBrief { get; init; }
}
