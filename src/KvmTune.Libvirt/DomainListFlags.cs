// Filters for a list of domains.
namespace KvmTune.Libvirt;

/// <summary>Filters for a list of domains (virConnectListAllDomainsFlags). Filters of the same group are combined with "or".</summary>
[Flags]
public enum DomainListFlags
{
    /// <summary>Every domain.</summary>
    All = 0,

    /// <summary>Running domains, in any running state (also paused ones).</summary>
    Active = 1,

    /// <summary>Domains that do not run.</summary>
    Inactive = 2,

    /// <summary>Domains with a persistent configuration.</summary>
    Persistent = 4,

    /// <summary>Domains that exist only while they run.</summary>
    Transient = 8,

    /// <summary>Domains in state running.</summary>
    Running = 16,

    /// <summary>Domains in state paused.</summary>
    Paused = 32,

    /// <summary>Domains in state shut off.</summary>
    ShutOff = 64,

    /// <summary>Domains in any other state.</summary>
    Other = 128,
}
