// The state of a VM in objects: libvirt's states, by name.
namespace KvmTune.Topology;

/// <summary>The state of a VM (virDomainState).</summary>
[JsonText(typeof(EnumName))]
public enum VMState
{
    /// <summary>The state is unknown.</summary>
    NoState = 0,

    /// <summary>The VM runs.</summary>
    Running = 1,

    /// <summary>The VM waits for a resource.</summary>
    Blocked = 2,

    /// <summary>The VM is paused.</summary>
    Paused = 3,

    /// <summary>The VM is shutting down.</summary>
    ShuttingDown = 4,

    /// <summary>The VM is off.</summary>
    ShutOff = 5,

    /// <summary>The VM has crashed.</summary>
    Crashed = 6,

    /// <summary>The guest's power management suspended it.</summary>
    PMSuspended = 7,
}
