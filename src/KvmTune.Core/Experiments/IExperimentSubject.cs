// The operations of an experiment on a VM. The real one uses the code of all changes; tests use a fake.
using KvmTune.Tuning;

namespace KvmTune.Experiments;

/// <summary>The VM of an experiment, with the change to try.</summary>
internal interface IExperimentSubject
{
    /// <summary>What the change does, in words.</summary>
    string Title { get; }

    /// <summary>Whether the change takes effect only after a restart of the VM.</summary>
    bool NeedsRestart { get; }

    /// <summary>How the VM is restarted; null if no restart is needed, or before <see cref="Check"/>.</summary>
    RestartWay? Way => null;

    /// <summary>The journal entries so far.</summary>
    IReadOnlyList<long> JournalIds { get; }

    /// <summary>Checks, against the VM's present state, that the change can be tried as planned. Nothing is changed.</summary>
    /// <exception cref="KvmTuneException">It cannot be tried.</exception>
    void Check();

    /// <summary>Makes the change. If it throws, part of the change may be made: call <see cref="UndoAsync"/>.</summary>
    Task<IReadOnlyList<VMTuningResult>> ApplyAsync(CancellationToken cancellationToken);

    /// <summary>Takes the change back, also if only a part of it was made. It can be called again.</summary>
    Task UndoAsync(CancellationToken cancellationToken);

    /// <summary>Restarts the VM with its present configuration.</summary>
    Task RestartAsync(CancellationToken cancellationToken);

    /// <summary>Why the change cannot be switched in the running VM, after <see cref="Check"/>; null if it can.</summary>
    string? WhyNotSwitched => "it is made by a test";

    /// <summary>Reserves the VM for switching. From here on it is locked, and the journal has the data for undo.</summary>
    /// <exception cref="KvmTuneException">It cannot be reserved, or the journal cannot record it; nothing was changed.</exception>
    Task<ILiveSwitch> OpenSwitchAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>Takes back the host's preparations for the change, once the change is taken back for good.</summary>
    void TakeBackPreparations();
}
