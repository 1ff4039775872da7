// The state of a VM as objects show it: libvirt's own, by names.
namespace KvmTune.Topology;

/// <summary>The state of a VM (virDomainState).</summary>
[JsonText(typeof(EnumName))]
public enum VMState
{
    /// <summary>None is known.</summary>
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
