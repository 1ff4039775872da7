// What an experiment does to a VM. The real one uses the path of changes; tests have one of their own.
using KvmTune.Tuning;

namespace KvmTune.Experiments;

/// <summary>The VM of an experiment, with the change that is tried on it.</summary>
internal interface IExperimentSubject
{
    /// <summary>What the change does, in words.</summary>
    string Title { get; }

    /// <summary>Whether the change is in force only after a restart of the VM.</summary>
    bool NeedsRestart { get; }

    /// <summary>By which way it is restarted; null where nothing needs that, and before it was checked.</summary>
    RestartWay? Way => null;

    /// <summary>The records of the journal that were made so far.</summary>
    IReadOnlyList<long> JournalIds { get; }

    /// <summary>Checks, against the VM as it is now, that the change can be tried as it was planned. Nothing is touched.</summary>
    /// <exception cref="KvmTuneException">It cannot.</exception>
    void Check();

    /// <summary>Makes the change. When it throws, part of it may be made: take it back.</summary>
    Task<IReadOnlyList<VMTuningResult>> ApplyAsync(CancellationToken cancellationToken);

    /// <summary>Takes the change back, as far as it is there. It can be called again.</summary>
    Task UndoAsync(CancellationToken cancellationToken);

    /// <summary>Restarts the VM, as it is configured.</summary>
    Task RestartAsync(CancellationToken cancellationToken);

    /// <summary>Why the change cannot be switched in the running VM, after <see cref="Check"/>; null where it can.</summary>
    string? WhyNotSwitched => "it is made by a test";

    /// <summary>Takes the VM for switching: from here on it is held, and the journal has what undo needs.</summary>
    /// <exception cref="KvmTuneException">It cannot be taken, or the journal cannot record it; nothing was changed.</exception>
    Task<ILiveSwitch> OpenSwitchAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    /// <summary>Gives back what was done on the host for the change, once it is taken back for good.</summary>
    void TakeBackPreparations();
}
