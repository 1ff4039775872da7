// What the path of changes needs of a journal: to hold the VM, to record what will be done before it is done, and the result.
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>Records changes. The path of changes knows no more of the journal than this.</summary>
public interface IChangeJournal
{
    /// <summary>Takes a VM for one change, so that no other process changes it meanwhile; waits a bounded time for one that does.</summary>
    /// <param name="plan">What is to be done, and to which VM.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The record of the change; disposing it lets the VM go.</returns>
    /// <exception cref="KvmTuneException">
    /// Another process is changing the VM (<c>VMIsBeingTuned</c>), or the journal cannot be used (<c>JournalUnavailable</c>).
    /// </exception>
    Task<IChangeRecord> HoldAsync(VMTuningPlan plan, CancellationToken cancellationToken);
}

/// <summary>The record of one change under way. The VM is held until it is disposed, or the process ends.</summary>
public interface IChangeRecord : IDisposable
{
    /// <summary>Records what is going to be done, with what is needed to undo it. It is durable when this returns.</summary>
    /// <returns>The entry's id.</returns>
    /// <exception cref="KvmTuneException">It could not be recorded (<c>JournalUnavailable</c>); nothing must be touched then.</exception>
    long Begin(ChangeIntent intent);

    /// <summary>Says that a step is done, so that an interrupted change shows how far it came.</summary>
    void Reach(ChangeStep step);

    /// <summary>Records that the change was made. Where that cannot be recorded, the notes of the result say so, since the change was made.</summary>
    /// <returns>The result, perhaps with a note more.</returns>
    VMTuningResult Complete(VMTuningResult result);

    /// <summary>Records that the change was made, and is taken back by the same that made it: one entry for the whole of an experiment.</summary>
    /// <returns>The result, perhaps with a note more.</returns>
    VMTuningResult CompleteTakenBack(VMTuningResult result);

    /// <summary>Records that the change failed. Where that cannot be recorded, the entry stays without an outcome, which undo understands.</summary>
    /// <param name="exception">Why.</param>
    /// <param name="isTakenBack">Whether the VM is as before; false also where that cannot be known.</param>
    void Fail(Exception exception, bool isTakenBack);

    /// <summary>Takes the entry out again: nothing was changed. Where that cannot be done it stays without an outcome, which undo understands.</summary>
    void Withdraw();
}

/// <summary>The steps of the path of changes that are passed once the intent is recorded, in their order.</summary>
[JsonText(typeof(EnumName))]
public enum ChangeStep
{
    /// <summary>The intent is recorded, nothing is touched.</summary>
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

    /// <summary>All is done and was read back.</summary>
    Verified,
}

/// <summary>What is going to be done to a VM, and what is needed to undo it.</summary>
public sealed record ChangeIntent
{
    /// <summary>The plan, checked against the VM as it is now.</summary>
    public required VMTuningPlan Plan { get; init; }

    /// <summary>The change that takes it back.</summary>
    public required VMChange Inverse { get; init; }

    /// <summary>The host's pools that are grown for it, as they were; empty where none is.</summary>
    public IReadOnlyList<ReservedPool> Reserved { get; init; } = [];

    /// <summary>Whether the VM runs.</summary>
    public required bool WasRunning { get; init; }

    /// <summary>Whether the VM will be restarted for the change.</summary>
    public required bool Restarts { get; init; }

    /// <summary>By which way it was going to be restarted; null for no restart, and in a record from before there was a choice.</summary>
    public RestartBy? RestartBy { get; init; }

    /// <summary>When the change began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The measurement that the change follows.</summary>
    public Guid? BaselineId { get; init; }

    /// <summary>The experiment that the change is part of.</summary>
    public Guid? ExperimentId { get; init; }

    /// <summary>The entry that the change takes back.</summary>
    public long? Undoes { get; init; }

    /// <summary>The host's CPUs and caches where threads are pinned or freed, so that a map can be drawn without the host; else null.</summary>
    public VMHostTopology? HostCpus { get; init; }
}
