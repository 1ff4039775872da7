// What a placement is asked for: the host, the VMs that want a place, the threads that have one already, and what is left out.
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>How vCPUs are laid on cores with several threads.</summary>
[JsonText(typeof(EnumName))]
public enum ThreadPolicy
{
    /// <summary>Distinct cores first, sibling threads where these do not suffice.</summary>
    Prefer,

    /// <summary>Whole cores: siblings are filled, and no other VM gets a thread of these cores.</summary>
    Require,

    /// <summary>One thread a core: the siblings are left idle.</summary>
    Isolate,
}

/// <summary>A placement that is asked for.</summary>
public sealed record PlacementRequest
{
    /// <summary>The host, with what is free on its nodes. A node whose free memory is not known counts with all of its memory.</summary>
    public required VMHostTopology Host { get; init; }

    /// <summary>The VMs that want a place, in the order in which they are served where nothing speaks for another one.</summary>
    public required IReadOnlyList<PlacementVM> VMs { get; init => field = Items.Of(value); }

    /// <summary>The other VMs of the host.</summary>
    public IReadOnlyList<PlacementNeighbour> Neighbours { get; init => field = Items.Of(value); } = Items<PlacementNeighbour>.None;

    /// <summary>Host CPUs that belong to the host and get nothing.</summary>
    public CpuSet ReservedCpus { get; init; } = CpuSet.Empty;

    /// <summary>How vCPUs are laid on cores.</summary>
    public ThreadPolicy ThreadPolicy { get; init; }

    /// <summary>
    /// Whether vCPUs go on the CPUs that the kernel isolates, one each, and on no others. Without it isolated CPUs get nothing:
    /// somebody isolated them for a purpose that cannot be seen from here.
    /// </summary>
    public bool UseIsolatedCpus { get; init; }

    /// <summary>Whether a host CPU may get several vCPUs where there are too few.</summary>
    public bool AllowOvercommit { get; init; }

    /// <summary>For example <c>3 VMs on host1</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{VMs.Count} VMs on {Host.HostName}");
}

/// <summary>A VM that wants a place.</summary>
public sealed record PlacementVM
{
    /// <summary>The VM's name.</summary>
    public required string Name { get; init; }

    /// <summary>The VM's UUID.</summary>
    public Guid Id { get; init; }

    /// <summary>How many vCPUs it can have: one that is plugged in later finds its place kept.</summary>
    public required int Vcpus { get; init; }

    /// <summary>Its memory in KiB.</summary>
    public long MemoryKiB { get; init; }

    /// <summary>The size of the huge pages that its memory is made of, in KiB; null for ordinary memory.</summary>
    public long? PageSizeKiB { get; init; }

    /// <summary>How many threads a core has in the guest's view; vCPUs of one such core belong on siblings.</summary>
    public int GuestThreads { get; init; } = 1;

    /// <summary>The NUMA cells that the guest sees; empty for a guest without.</summary>
    public IReadOnlyList<GuestNumaCell> Cells { get; init => field = Items.Of(value); } = Items<GuestNumaCell>.None;

    /// <summary>The nodes that it must be placed on; null for any. Set where the memory stays where it is.</summary>
    public CpuSet? RequiredNodes { get; init; }

    /// <summary>The nodes that its NUMA policy names now; they are taken again where nothing speaks against it, since nothing has to move then.</summary>
    public CpuSet? CurrentNodes { get; init; }

    /// <summary>The memory in KiB that it holds now by node, and gives back when it moves. Empty where that is not known.</summary>
    public IReadOnlyDictionary<int, long> HeldMemoryKiB { get; init => field = Map.Of(value); } = Map<int, long>.None;

    /// <summary>The huge pages of its size that it holds now by node, and gives back when it moves.</summary>
    public IReadOnlyDictionary<int, long> HeldPages { get; init => field = Map.Of(value); } = Map<int, long>.None;

    /// <summary>For example <c>db01: 4 vCPUs</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Name}: {Vcpus} vCPUs");
}

/// <summary>Another VM of the host, as far as it is in the way.</summary>
public sealed record PlacementNeighbour
{
    /// <summary>The VM's name.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it runs. A stopped VM's pins count too: it would find its CPUs taken.</summary>
    public bool IsRunning { get; init; } = true;

    /// <summary>How many vCPUs it has.</summary>
    public int Vcpus { get; init; }

    /// <summary>The pins of its vCPUs; a pin to all online host CPUs is none.</summary>
    public IReadOnlyDictionary<int, CpuSet> VcpuPins { get; init => field = Map.Of(value); } = Map<int, CpuSet>.None;

    /// <summary>The pins of its emulator and I/O threads, by what libvirt would call them.</summary>
    public IReadOnlyDictionary<string, CpuSet> ServicePins { get; init => field = Map.Of(value); } = Map<string, CpuSet>.None;

    /// <summary>For example <c>web01: 2 vCPUs</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Name}: {Vcpus} vCPUs");
}
