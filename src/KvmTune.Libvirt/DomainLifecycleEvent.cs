// The content of libvirt's events.
namespace KvmTune.Libvirt;

/// <summary>The change in a domain's state (virDomainEventType).</summary>
public enum DomainLifecycleEventType
{
    /// <summary>It was defined or redefined.</summary>
    Defined = 0,

    /// <summary>Its persistent configuration was removed.</summary>
    Undefined = 1,

    /// <summary>It was started.</summary>
    Started = 2,

    /// <summary>It was paused.</summary>
    Suspended = 3,

    /// <summary>It runs again after a pause.</summary>
    Resumed = 4,

    /// <summary>It stopped; the detail has the reason (<see cref="DomainStoppedDetail"/>).</summary>
    Stopped = 5,

    /// <summary>The guest has shut down; the domain stops next.</summary>
    Shutdown = 6,

    /// <summary>The guest's power management suspended it.</summary>
    PMSuspended = 7,

    /// <summary>The guest crashed.</summary>
    Crashed = 8,
}

/// <summary>Why a domain stopped (virDomainEventStoppedDetailType).</summary>
public enum DomainStoppedDetail
{
    /// <summary>The guest shut down.</summary>
    Shutdown = 0,

    /// <summary>It was powered off from outside.</summary>
    Destroyed = 1,

    /// <summary>It crashed.</summary>
    Crashed = 2,

    /// <summary>It was migrated away.</summary>
    Migrated = 3,

    /// <summary>It was saved to a file.</summary>
    Saved = 4,

    /// <summary>The emulator or its management failed.</summary>
    Failed = 5,

    /// <summary>The domain was reverted to an offline snapshot.</summary>
    FromSnapshot = 6,
}

/// <summary>A lifecycle event of a domain.</summary>
/// <param name="DomainName">The domain's name.</param>
/// <param name="DomainId">The domain's UUID.</param>
/// <param name="Type">The change in the domain's state.</param>
/// <param name="Detail">The detail in libvirt's numbers; its meaning depends on the type.</param>
public sealed record DomainLifecycleEvent(string DomainName, Guid DomainId, DomainLifecycleEventType Type, int Detail);

/// <summary>The guest agent of a domain connected or disconnected.</summary>
/// <param name="DomainName">The domain's name.</param>
/// <param name="DomainId">The domain's UUID.</param>
/// <param name="IsConnected">Whether the agent is connected now.</param>
public sealed record AgentLifecycleEvent(string DomainName, Guid DomainId, bool IsConnected);

/// <summary>Why a connection closed (virConnectCloseReason).</summary>
public enum ConnectionCloseReason
{
    /// <summary>Reading or writing failed.</summary>
    Error = 0,

    /// <summary>The daemon closed the connection, for instance because it ended itself.</summary>
    EndOfFile = 1,

    /// <summary>The daemon did not answer the keep-alive messages for too long.</summary>
    KeepAlive = 2,

    /// <summary>This side closed it.</summary>
    Client = 3,
}
