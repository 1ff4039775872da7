// Which domains to list.
namespace KvmTune.Libvirt;

/// <summary>Filters for a list of domains (virConnectListAllDomainsFlags). Within a group the filters add up.</summary>
[Flags]
public enum DomainListFlags
{
    /// <summary>Every domain.</summary>
    All = 0,

    /// <summary>Those that run, in whatever way (paused ones too).</summary>
    Active = 1,

    /// <summary>Those that do not.</summary>
    Inactive = 2,

    /// <summary>Those that have a persistent configuration.</summary>
    Persistent = 4,

    /// <summary>Those that exist only while they run.</summary>
    Transient = 8,

    /// <summary>Those in state running.</summary>
    Running = 16,

    /// <summary>Those in state paused.</summary>
    Paused = 32,

    /// <summary>Those in state shut off.</summary>
    ShutOff = 64,

    /// <summary>Those in any other state.</summary>
    Other = 128,
}
