// The facts for a rule: the change, the VM before and after it, the host, and the other VMs of the host.
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tuning.Rules;

/// <summary>The facts for rules. A fact that costs a call is read only when a rule uses it.</summary>
public sealed class RuleContext
{
    private readonly Lazy<VMHostTopology> _host;
    private readonly VMHostTopology? _hostCpus;
    private readonly Lazy<VMNeighbours> _neighbours;
    private readonly Lazy<HostMemoryFacts?> _hostMemory;
    private readonly Lazy<HostAbilities> _abilities;
    private readonly Lazy<GuestCpuAbilities?> _guestCpus;

    /// <summary>Collects the facts.</summary>
    /// <param name="change">The change.</param>
    /// <param name="vm">The VM's state and documents before the change.</param>
    /// <param name="after">The configuration that the change leads to.</param>
    /// <param name="host">Reads the host.</param>
    /// <param name="neighbours">Reads the other running VMs of the host.</param>
    /// <param name="hostMemory">Reads the local kernel's data about the host's memory; null if the host is another machine.</param>
    public RuleContext(
        VMChange change, VMFacts vm, VMConfiguration after, Func<VMHostTopology> host, Func<VMNeighbours> neighbours,
        Func<HostMemoryFacts?>? hostMemory = null)
    {
        Change = change;
        VM = vm;
        After = after;
        _host = new Lazy<VMHostTopology>(host);
        _neighbours = new Lazy<VMNeighbours>(neighbours);
        _hostMemory = new Lazy<HostMemoryFacts?>(hostMemory ?? (static () => null));
        _abilities = new Lazy<HostAbilities>(() => ReadAbilities());
        _guestCpus = new Lazy<GuestCpuAbilities?>(() => ReadGuestCpus());
    }

    private RuleContext(RuleContext whole, VMChange part)
    {
        Change = part;
        VM = whole.VM;
        After = whole.After;
        _host = whole._host;
        _hostCpus = whole._hostCpus;
        _neighbours = whole._neighbours;
        _hostMemory = whole._hostMemory;
        _abilities = whole._abilities;
        _guestCpus = whole._guestCpus;
        ReadAbilities = whole.ReadAbilities;
        ReadGuestCpus = whole.ReadGuestCpus;
    }

    /// <summary>The change.</summary>
    public VMChange Change { get; }

    /// <summary>The VM before the change.</summary>
    public VMFacts VM { get; }

    /// <summary>The configuration after the change: the persistent one if the change includes it, otherwise the running one.</summary>
    public VMConfiguration After { get; }

    /// <summary>The host.</summary>
    public VMHostTopology Host => _host.Value;

    /// <summary>
    /// The host's CPUs and page sizes, read with fewer calls than <see cref="Host"/>: free memory and free pages are not known. By default it is
    /// <see cref="Host"/> itself.
    /// </summary>
    public VMHostTopology HostCpus
    {
        get => _hostCpus ?? Host;
        init => _hostCpus = value;
    }

    /// <summary>The other running VMs on the host.</summary>
    public VMNeighbours Neighbours => _neighbours.Value;

    /// <summary>The kernel's data about the host's memory; null if the host is another machine.</summary>
    public HostMemoryFacts? HostMemory => _hostMemory.Value;

    /// <summary>Reads the abilities of the host's programs and kernel; by default none is known.</summary>
    public Func<HostAbilities> ReadAbilities { get; init; } = static () => new HostAbilities();

    /// <summary>The abilities of the host's programs and kernel.</summary>
    public HostAbilities Abilities => _abilities.Value;

    /// <summary>Reads which CPUs the host can give this VM; by default that is unknown.</summary>
    public Func<GuestCpuAbilities?> ReadGuestCpus { get; init; } = static () => null;

    /// <summary>The CPUs that the host can give this VM; null if unknown.</summary>
    public GuestCpuAbilities? GuestCpus => _guestCpus.Value;

    /// <summary>The same facts for a part of the change; the configuration after it is that after the whole change.</summary>
    public RuleContext For(VMChange part) => new(this, part);

    /// <summary>The disk after a disk change; null for other changes.</summary>
    public DiskConfiguration? Disk => Change is DiskDriverChange change
        ? After.Disks.FirstOrDefault(disk => string.Equals(disk.Target, change.Disk, StringComparison.OrdinalIgnoreCase))
        : null;
}

/// <summary>A VM's state and its configurations before a change.</summary>
/// <param name="IsRunning">Whether it runs.</param>
/// <param name="IsPersistent">Whether it has a persistent configuration for the change; false for a change of the running VM alone.</param>
/// <param name="Running">The running configuration; null when it does not run.</param>
/// <param name="Configured">The persistent configuration; null for a transient VM, and for a change of the running VM alone.</param>
public sealed record VMFacts(bool IsRunning, bool IsPersistent, VMConfiguration? Running, VMConfiguration? Configured)
{
    /// <summary>The configuration in force: the running one, otherwise the persistent one.</summary>
    public VMConfiguration Current => (Running ?? Configured)!;

    /// <summary>Whether it is off with its state saved (a managed save), from which its next start resumes.</summary>
    public bool HasManagedSave { get; init; }
}
