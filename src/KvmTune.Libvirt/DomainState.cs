// The states of a domain, why a domain is paused, and how to shut down.
namespace KvmTune.Libvirt;

/// <summary>The state of a domain (virDomainState).</summary>
public enum DomainState
{
    /// <summary>The state is unknown.</summary>
    NoState = 0,

    /// <summary>It runs.</summary>
    Running = 1,

    /// <summary>It waits for a resource.</summary>
    Blocked = 2,

    /// <summary>It is paused.</summary>
    Paused = 3,

    /// <summary>It is shutting down.</summary>
    ShuttingDown = 4,

    /// <summary>It is off.</summary>
    ShutOff = 5,

    /// <summary>It has crashed.</summary>
    Crashed = 6,

    /// <summary>The guest's power management suspended it.</summary>
    PMSuspended = 7,
}

/// <summary>Why a domain runs (virDomainRunningReason). Only the reasons that this module uses are listed; libvirt has more.</summary>
public enum DomainRunningReason
{
    /// <summary>The reason is unknown.</summary>
    Unknown = 0,

    /// <summary>It was started, and its guest booted.</summary>
    Booted = 1,

    /// <summary>It was restored from a saved state.</summary>
    Restored = 3,
}

/// <summary>Why a domain is paused (virDomainPausedReason). Only the reasons that this module uses are listed; libvirt has more.</summary>
public enum DomainPausedReason
{
    /// <summary>The reason is unknown.</summary>
    Unknown = 0,

    /// <summary>It has its state from elsewhere, by a migration or from a saved state, and its CPUs do not run yet (libvirt 9.0 qemuProcessStart).</summary>
    Migration = 2,

    /// <summary>Its state is being saved.</summary>
    Saving = 3,

    /// <summary>A disk failed or is full.</summary>
    IOError = 5,

    /// <summary>It is being started.</summary>
    StartingUp = 11,
}

/// <summary>The way to ask a guest to shut down (virDomainShutdownFlagValues).</summary>
[Flags]
public enum ShutdownMode
{
    /// <summary>The driver's choice.</summary>
    Default = 0,

    /// <summary>The power button.</summary>
    Acpi = 1,

    /// <summary>The guest agent.</summary>
    Agent = 2,
}
