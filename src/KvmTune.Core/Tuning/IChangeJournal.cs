// The journal for changes: it holds the VM, records each change before it is made, and records the result.
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>Records changes. The tuning code knows the journal only by this interface.</summary>
public interface IChangeJournal
{
    /// <summary>Holds a VM for one change, so that no other process changes it at the same time; waits a limited time for another process.</summary>
    /// <param name="plan">The planned change and its VM.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The record of the change; disposing it releases the VM.</returns>
    /// <exception cref="KvmTuneException">
    /// Another process is changing the VM (<c>VMIsBeingTuned</c>), or the journal cannot be used (<c>JournalUnavailable</c>).
    /// </exception>
    Task<IChangeRecord> HoldAsync(VMTuningPlan plan, CancellationToken cancellationToken);
}

/// <summary>The record of one change in progress. The VM is held until the record is disposed or the process ends.</summary>
public interface IChangeRecord : IDisposable
{
    /// <summary>Records the intended change with the data for its undo. The record is durable on return.</summary>
    /// <returns>The entry's id.</returns>
    /// <exception cref="KvmTuneException">It could not be recorded (<c>JournalUnavailable</c>); then nothing may be changed.</exception>
    long Begin(ChangeIntent intent);

    /// <summary>Records that a step is done, so that an interrupted change shows its last step.</summary>
    void Reach(ChangeStep step);

    /// <summary>Records that the change was made. If that fails, the notes of the result say so instead of an error.</summary>
    /// <returns>The result, possibly with one more note.</returns>
    VMTuningResult Complete(VMTuningResult result);

    /// <summary>Records that the change was made and taken back by the same caller: one entry for a whole experiment.</summary>
    /// <returns>The result, possibly with one more note.</returns>
    VMTuningResult CompleteTakenBack(VMTuningResult result);

    /// <summary>Records that the change failed. If that cannot be recorded, the entry stays without an outcome, which undo can handle.</summary>
    /// <param name="exception">The error.</param>
    /// <param name="isTakenBack">Whether the VM is as before; false also if that is unknown.</param>
    void Fail(Exception exception, bool isTakenBack);

    /// <summary>Removes the entry, because nothing was changed. If that fails, it stays without an outcome, which undo can handle.</summary>
    void Withdraw();
}

/// <summary>The steps of a change after its intent is recorded, in their order.</summary>
[JsonText(typeof(EnumName))]
public enum ChangeStep
{
    /// <summary>The intent is recorded, nothing is changed.</summary>
    Intended,

    /// <summary>The host is prepared (huge pages are reserved).</summary>
    Prepared,

    /// <summary>The persistent configuration is changed.</summary>
    Defined,

    /// <summary>The running VM is changed.</summary>
    MadeLive,

    /// <summary>The guest is being asked to shut down.</summary>
    ShuttingDown,

    /// <summary>The VM is off.</summary>
    ShutDown,

    /// <summary>The guest's state is being saved.</summary>
    Saving,

    /// <summary>The guest's state is saved, and the VM is off.</summary>
    Saved,

    /// <summary>The definition that is saved with the state is edited.</summary>
    SavedStateEdited,

    /// <summary>The VM is started, or goes on from its saved state.</summary>
    Started,

    /// <summary>All steps are done and the settings were read back.</summary>
    Verified,
}

/// <summary>An intended change of a VM, with the data for its undo.</summary>
public sealed record ChangeIntent
{
    /// <summary>The plan, checked against the VM as it is now.</summary>
    public required VMTuningPlan Plan { get; init; }

    /// <summary>The change that takes the plan back.</summary>
    public required VMChange Inverse { get; init; }

    /// <summary>The host's pools that grow for the change, with their former sizes; empty for none.</summary>
    public IReadOnlyList<ReservedPool> Reserved { get; init; } = [];

    /// <summary>Whether the VM runs.</summary>
    public required bool WasRunning { get; init; }

    /// <summary>Whether the VM will be restarted for the change.</summary>
    public required bool Restarts { get; init; }

    /// <summary>The planned way of the restart; null for no restart, and in records from before there were two ways.</summary>
    public RestartBy? RestartBy { get; init; }

    /// <summary>When the change began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The measurement that the change follows.</summary>
    public Guid? BaselineId { get; init; }

    /// <summary>The experiment that the change is part of.</summary>
    public Guid? ExperimentId { get; init; }

    /// <summary>The journal entry that the change takes back.</summary>
    public long? Undoes { get; init; }

    /// <summary>The host's CPUs and caches if threads are pinned or unpinned, so that a map can be drawn without the host; otherwise null.</summary>
    public VMHostTopology? HostCpus { get; init; }
}
