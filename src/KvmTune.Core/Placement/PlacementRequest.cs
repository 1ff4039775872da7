// The request of a placement: the host, the VMs to place, the threads that have a place already, and the CPUs that are left out.
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>
/// How vCPUs are distributed over cores with several threads. This aim comes after places, nodes and kinds of core, and before caches,
/// emulator threads and the host's own core (<c>docs/placement.md</c> has the whole order).
/// </summary>
[JsonText(typeof(EnumName))]
public enum ThreadPolicy
{
    /// <summary>
    /// As few vCPUs as possible share a core: distinct cores first, sibling threads where these do not suffice. A core for each vCPU comes
    /// before one last-level cache. Threads of one guest core are together.
    /// </summary>
    Prefer,

    /// <summary>As few cores as possible: siblings are filled, and no other VM gets a thread of these cores.</summary>
    Require,

    /// <summary>One thread of each core: the siblings stay idle, and no other VM gets them.</summary>
    Isolate,
}

/// <summary>Which kind of core a VM gets, on a host with several (<see cref="CoreKinds"/>).</summary>
[JsonText(typeof(EnumName))]
public enum CoreKindChoice
{
    /// <summary>The fastest kind that has room.</summary>
    Fast,

    /// <summary>The slowest kind that has room.</summary>
    Efficient,

    /// <summary>Any, and several at once.</summary>
    Any,
}

/// <summary>The request of a placement.</summary>
public sealed record PlacementRequest
{
    /// <summary>The host, with what is free on its nodes. A node whose free memory is not known counts with all of its memory.</summary>
    public required VMHostTopology Host { get; init; }

    /// <summary>The VMs to place. Their order makes no difference.</summary>
    public required IReadOnlyList<PlacementVM> VMs { get; init => field = Items.Of(value); }

    /// <summary>The other VMs of the host.</summary>
    public IReadOnlyList<PlacementNeighbour> Neighbours { get; init => field = Items.Of(value); } = Items<PlacementNeighbour>.None;

    /// <summary>Host CPUs that belong to the host; no VM gets them.</summary>
    public CpuSet ReservedCpus { get; init; } = CpuSet.Empty;

    /// <summary>How vCPUs are distributed over cores.</summary>
    public ThreadPolicy ThreadPolicy { get; init; }

    /// <summary>Which kind of core is taken, where the host has several.</summary>
    public CoreKindChoice CoreKind { get; init; }

    /// <summary>
    /// Whether vCPUs go only on the CPUs that the kernel isolates, one on each. Otherwise isolated CPUs get no vCPU: they were isolated
    /// for a purpose that the planner cannot know.
    /// </summary>
    public bool UseIsolatedCpus { get; init; }

    /// <summary>Whether a host CPU may get several vCPUs where there are too few.</summary>
    public bool AllowOvercommit { get; init; }

    /// <summary>For example <c>3 VMs on host1</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{VMs.Count} VMs on {Host.HostName}");
}

/// <summary>A VM to place.</summary>
public sealed record PlacementVM
{
    /// <summary>The VM's name.</summary>
    public required string Name { get; init; }

    /// <summary>The VM's UUID.</summary>
    public Guid Id { get; init; }

    /// <summary>How many vCPUs it can have.</summary>
    public required int Vcpus { get; init; }

    /// <summary>The vCPUs that are not plugged in: they are placed last, where they disturb little once they are plugged in.</summary>
    public CpuSet UnpluggedVcpus { get; init; } = CpuSet.Empty;

    /// <summary>The vCPUs that are plugged in: these are placed first.</summary>
    public IReadOnlyList<int> PluggedVcpus => Enumerable.Range(0, Vcpus).Where(vcpu => !UnpluggedVcpus.Contains(vcpu)).ToItems();

    /// <summary>Whether vCPUs have a real-time scheduler: they share their host CPUs with no other thread, emulators included.</summary>
    public bool IsRealTime { get; init; }

    /// <summary>The host CPU of each vCPU that is pinned to one now. A placement that is as good as any is kept.</summary>
    public IReadOnlyDictionary<int, int> CurrentPins { get; init => field = Map.Of(value); } = Map<int, int>.None;

    /// <summary>The host CPUs of emulator and I/O threads now; null where one of them is not pinned.</summary>
    public CpuSet? CurrentServiceCpus { get; init; }

    /// <summary>Its memory in KiB.</summary>
    public long MemoryKiB { get; init; }

    /// <summary>The size of the huge pages that its memory is made of, in KiB; null for ordinary memory.</summary>
    public long? PageSizeKiB { get; init; }

    /// <summary>How many threads a core has in the guest's view; vCPUs of one such core belong on siblings.</summary>
    public int GuestThreads { get; init; } = 1;

    /// <summary>The NUMA cells that the guest sees; empty for a guest without.</summary>
    public IReadOnlyList<GuestNumaCell> Cells { get; init => field = Items.Of(value); } = Items<GuestNumaCell>.None;

    /// <summary>The nodes that it must be placed on; null for any. Set where the memory stays where it is: the nearest ones with CPUs.</summary>
    public CpuSet? RequiredNodes { get; init; }

    /// <summary>The nodes where its memory stays, if it must be placed on others because these have no CPUs; else null.</summary>
    internal CpuSet? FarMemoryNodes => RequiredNodes is { } required && CurrentNodes is { } current && !current.Overlaps(required) ? current : null;

    /// <summary>The nodes of its memory now, by its NUMA policy or by count. They are preferred, since memory need not move then.</summary>
    public CpuSet? CurrentNodes { get; init; }

    /// <summary>The memory in KiB that it holds now by node: it counts as free there for this VM. Empty where that is not known.</summary>
    public IReadOnlyDictionary<int, long> HeldMemoryKiB { get; init => field = Map.Of(value); } = Map<int, long>.None;

    /// <summary>The huge pages of its size that it holds now by node: they count as free there for this VM.</summary>
    public IReadOnlyDictionary<int, long> HeldPages { get; init => field = Map.Of(value); } = Map<int, long>.None;

    /// <summary>For example <c>db01: 4 vCPUs</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Name}: {Vcpus} vCPUs");
}

/// <summary>Another VM of the host, with the CPUs that it takes.</summary>
public sealed record PlacementNeighbour
{
    /// <summary>The VM's name.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it runs. A stopped VM's pins count too: it would find its CPUs taken.</summary>
    public bool IsRunning { get; init; } = true;

    /// <summary>How many vCPUs it has.</summary>
    public int Vcpus { get; init; }

    /// <summary>The pins of its plugged vCPUs; a pin to all online host CPUs does not count.</summary>
    public IReadOnlyDictionary<int, CpuSet> VcpuPins { get; init => field = Map.Of(value); } = Map<int, CpuSet>.None;

    /// <summary>The pins of its emulator and I/O threads, by their name in messages.</summary>
    public IReadOnlyDictionary<string, CpuSet> ServicePins { get; init => field = Map.Of(value); } = Map<string, CpuSet>.None;

    /// <summary>The host CPUs of vCPUs that are not plugged in: they are avoided as long as there are others, and never used if the VM is a real-time VM.</summary>
    public CpuSet UnpluggedCpus { get; init; } = CpuSet.Empty;

    /// <summary>Whether its vCPUs have a real-time scheduler: no other VM gets their host CPUs, even where overcommit is allowed.</summary>
    public bool IsRealTime { get; init; }

    /// <summary>For example <c>web01: 2 vCPUs</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Name}: {Vcpus} vCPUs");
}
