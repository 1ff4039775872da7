// The host of VMs: NUMA nodes, sockets, dies, cores, sibling threads, caches, memory and page pools.
namespace KvmTune.Topology;

/// <summary>The host from libvirt's capabilities. For the local host the kernel adds further values.</summary>
public sealed record VMHostTopology
{
    /// <summary>The libvirt connection that names the host.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The host's name.</summary>
    public required string HostName { get; init; }

    /// <summary>The CPU's architecture, for example <c>x86_64</c>.</summary>
    public string? Architecture { get; init; }

    /// <summary>libvirt's name of the CPU model: the nearest one that libvirt knows.</summary>
    public string? CpuModel { get; init; }

    /// <summary>
    /// The maker's name of the CPU (<c>/proc/cpuinfo</c>), for example <c>AMD EPYC 7543 32-Core Processor</c>; null if the host is not the local one.
    /// </summary>
    public string? CpuName { get; init; }

    /// <summary>The number of cores of the online CPUs.</summary>
    public int CoreCount => Cpus.Where(cpu => OnlineCpus.Contains(cpu.Id)).Select(cpu => cpu.Siblings).Distinct().Count();

    /// <summary>The NUMA nodes.</summary>
    public required IReadOnlyList<HostNode> Nodes { get; init => field = Items.Of(value); }

    /// <summary>The caches that several CPUs can share, including last-level caches, as far as libvirt reports them.</summary>
    public IReadOnlyList<HostCache> Caches { get; init => field = Items.Of(value); } = Items<HostCache>.None;

    /// <summary>The online host CPUs.</summary>
    public required CpuSet OnlineCpus { get; init; }

    /// <summary>The host CPUs that are present but offline.</summary>
    public CpuSet OfflineCpus { get; init; } = CpuSet.Empty;

    /// <summary>The host CPUs that the kernel isolates (<c>isolcpus</c>, and isolated cpuset partitions); null for a remote host.</summary>
    public CpuSet? IsolatedCpus { get; init; }

    /// <summary>The caches of the last level; empty if the host reports none.</summary>
    public IReadOnlyList<HostCache> LastLevelCaches
    {
        get
        {
            var data = Caches.Where(cache => cache.Type != "code").ToList();
            var level = data.Select(cache => cache.Level).DefaultIfEmpty(0).Max();
            return data.Where(cache => cache.Level == level).ToItems();
        }
    }

    /// <summary>The kinds of core, the fastest first; one kind if all cores are equal.</summary>
    public IReadOnlyList<CoreKind> CoreKinds => Topology.CoreKinds.Of(this).ToItems();

    /// <summary>All CPUs of all nodes.</summary>
    public IReadOnlyList<HostCpu> Cpus => Nodes.SelectMany(node => node.Cpus).ToItems();

    /// <summary>The host's memory in KiB.</summary>
    public long MemoryKiB => Nodes.Sum(node => node.MemoryKiB);

    /// <summary>The nodes without memory: a policy that names one keeps a VM from its start. None if the driver reports no memory at all.</summary>
    internal CpuSet NodesWithoutMemory => MemoryKiB == 0 ? CpuSet.Empty : CpuSet.Of(Nodes.Where(node => node.MemoryKiB == 0).Select(node => node.Id));

    /// <summary>The host's memory in GiB.</summary>
    public double MemoryGiB => MemoryKiB / (double)PageSize.GigabyteKiB;

    /// <summary>The necessary length of a CPU map for this host: the highest CPU number plus one.</summary>
    public int CpuMapLength => OnlineCpus.Union(OfflineCpus).Numbers.DefaultIfEmpty(0).Max() + 1;

    /// <summary>For example <c>host1: 8 CPUs on 1 node, 16384 MiB</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{HostName}: {OnlineCpus.Count} CPUs on {Nodes.Count} node{(Nodes.Count == 1 ? null : "s")}, {MemoryKiB / 1024} MiB");
}

/// <summary>A NUMA node of the host.</summary>
public sealed record HostNode
{
    /// <summary>The node's number.</summary>
    public required int Id { get; init; }

    /// <summary>The node's memory in KiB.</summary>
    public required long MemoryKiB { get; init; }

    /// <summary>The node's free memory in KiB; null if the driver does not report it.</summary>
    public long? FreeMemoryKiB { get; init; }

    /// <summary>The node's CPUs.</summary>
    public required IReadOnlyList<HostCpu> Cpus { get; init => field = Items.Of(value); }

    /// <summary>The node's pools of pages, by page size.</summary>
    public IReadOnlyList<PagePool> PagePools { get; init => field = Items.Of(value); } = Items<PagePool>.None;

    /// <summary>The distance to each node by its number (10 is the node itself; ACPI SLIT).</summary>
    public IReadOnlyDictionary<int, int> Distances { get; init => field = Map.Of(value); } = Map<int, int>.None;

    /// <summary>The node's memory in GiB.</summary>
    public double MemoryGiB => MemoryKiB / (double)PageSize.GigabyteKiB;

    /// <summary>The node's free memory in GiB; null if the driver does not report it.</summary>
    public double? FreeMemoryGiB => FreeMemoryKiB / (double)PageSize.GigabyteKiB;

    /// <summary>The node's CPU numbers.</summary>
    public CpuSet CpuSet => CpuSet.Of(Cpus.Select(cpu => cpu.Id));

    /// <summary>For example <c>node 0: CPUs 0-7, 8388608 KiB</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"node {Id}: CPUs {CpuSet}, {MemoryKiB} KiB");
}

/// <summary>One host CPU (a hardware thread).</summary>
/// <param name="Id">The CPU's number, used in pins.</param>
/// <param name="Node">The NUMA node.</param>
/// <param name="Socket">The physical package.</param>
/// <param name="Die">The die in the package.</param>
/// <param name="Core">The core in the die.</param>
/// <param name="Siblings">The threads of the same core, including this one.</param>
public sealed record HostCpu(int Id, int Node, int? Socket, int? Die, int? Core, CpuSet Siblings)
{
    /// <summary>
    /// The maximum speed, comparable only within its host: the kernel's <c>cpu_capacity</c> (1024 is the fastest), otherwise the highest
    /// frequency in kHz; null if neither is known, as on another machine.
    /// </summary>
    public int? Speed { get; init; }

    /// <summary>
    /// The kernel's name for the type of its core on a hybrid Intel processor: <c>core</c> (performance), <c>atom</c> (efficiency) or
    /// <c>lowpower</c>; null on others, and on another machine.
    /// </summary>
    public string? CoreType { get; init; }

    /// <summary>The CPU's number, used in pins.</summary>
    public override string ToString() => FormattableString.Invariant($"{Id}");
}

/// <summary>A cache with the CPUs that share it.</summary>
/// <param name="Id">The cache's number among caches of its level.</param>
/// <param name="Level">1, 2 or 3.</param>
/// <param name="Type">both, code or data.</param>
/// <param name="SizeKiB">Its size in KiB.</param>
/// <param name="Cpus">The CPUs that share it.</param>
public sealed record HostCache(int Id, int Level, string Type, long SizeKiB, CpuSet Cpus)
{
    /// <summary>For example <c>L3 16384 KiB: CPUs 0-7</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"L{Level} {SizeKiB} KiB: CPUs {Cpus}");
}

/// <summary>The pages of one size on one node.</summary>
/// <param name="Node">The node's number.</param>
/// <param name="PageSizeKiB">The page size in KiB.</param>
/// <param name="Total">The number of pages of this size on the node.</param>
/// <param name="Free">The number of free pages; null if the driver does not report it.</param>
public sealed record PagePool(int Node, long PageSizeKiB, long Total, long? Free)
{
    /// <summary>For example <c>node 0: 512 pages of 2048 KiB</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"node {Node}: {Total} pages of {PageSizeKiB} KiB");
}
