// The counters of one domain, and the choice of counters.
namespace KvmTune.Libvirt;

/// <summary>Groups of counters (virDomainStatsTypes). libvirt silently leaves out groups that the driver does not support.</summary>
[Flags]
public enum DomainStatsGroups
{
    /// <summary>All groups that the driver supports.</summary>
    All = 0,

    /// <summary><c>state.*</c>.</summary>
    State = 1,

    /// <summary><c>cpu.*</c>.</summary>
    CpuTotal = 2,

    /// <summary><c>balloon.*</c>.</summary>
    Balloon = 4,

    /// <summary><c>vcpu.*</c>.</summary>
    Vcpu = 8,

    /// <summary><c>net.*</c>.</summary>
    Interface = 16,

    /// <summary><c>block.*</c>.</summary>
    Block = 32,

    /// <summary><c>perf.*</c>.</summary>
    Perf = 64,

    /// <summary><c>iothread.*</c>.</summary>
    IOThread = 128,

    /// <summary><c>memory.*</c>.</summary>
    Memory = 256,

    /// <summary><c>dirtyrate.*</c>.</summary>
    DirtyRate = 512,

    /// <summary><c>vm.*</c>, the hypervisor's own counters (libvirt 8.9).</summary>
    Vm = 1024,
}

/// <summary>The domains to read, and how (virConnectGetAllDomainStatsFlags).</summary>
[Flags]
public enum DomainStatsScope
{
    /// <summary>Every domain.</summary>
    All = 0,

    /// <summary>Domains that run.</summary>
    Active = 1,

    /// <summary>Domains that do not.</summary>
    Inactive = 2,

    /// <summary>Domains with a persistent configuration.</summary>
    Persistent = 4,

    /// <summary>Domains without a persistent configuration.</summary>
    Transient = 8,

    /// <summary>Domains in state running.</summary>
    Running = 16,

    /// <summary>Domains in state paused.</summary>
    Paused = 32,

    /// <summary>Domains in state shut off.</summary>
    ShutOff = 64,

    /// <summary>Domains in any other state.</summary>
    Other = 128,

    /// <summary>Leaves out the counters for which libvirt would have to wait, because the domain is busy.</summary>
    NoWait = 1 << 29,

    /// <summary>Includes the backing chains of disks.</summary>
    Backing = 1 << 30,
}

/// <summary>The counters of one domain at one time.</summary>
/// <param name="DomainName">The domain's name.</param>
/// <param name="DomainId">The domain's UUID.</param>
/// <param name="Values">
/// The counters under libvirt's names (<c>virsh domstats</c> and <c>virConnectGetAllDomainStats</c> list them with their
/// units), each an int, uint, long, ulong, double, bool or string.
/// </param>
public sealed record DomainStatistics(string DomainName, Guid DomainId, IReadOnlyDictionary<string, object> Values)
{
    /// <summary>A counter of any integer type if it is not negative; null if it is missing or anything else.</summary>
    public ulong? GetUInt64(string name) => Values.GetValueOrDefault(name) switch
    {
        ulong value => value,
        uint value => value,
        long value when value >= 0 => (ulong)value,
        int value when value >= 0 => (ulong)value,
        _ => null,
    };

    /// <summary>A counter of any number type as a double; null if it is missing or not a number.</summary>
    public double? GetDouble(string name) => Values.GetValueOrDefault(name) switch
    {
        double value => value,
        ulong value => value,
        long value => value,
        uint value => value,
        int value => value,
        _ => null,
    };

    /// <summary>A text; null if it is missing or anything else.</summary>
    public string? GetString(string name) => Values.GetValueOrDefault(name) as string;
}
