// A host's topology laid out in arrays, so that a placement of many VMs on many CPUs is a matter of counting.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>The nodes, last-level caches, cores and threads of a host, numbered from 0; offline CPUs are left out.</summary>
internal sealed class HostLayout
{
    private HostLayout(IReadOnlyList<LayoutNode> nodes, IReadOnlyList<LayoutCore> cores, IReadOnlyDictionary<int, LayoutCpu> cpus)
    {
        Nodes = nodes;
        Cores = cores;
        Cpus = cpus;
        Caches = [.. nodes.SelectMany(node => node.Caches)];
        CpuCount = cpus.Count == 0 ? 0 : cpus.Keys.Max() + 1;
    }

    /// <summary>The nodes that have CPUs or memory.</summary>
    public IReadOnlyList<LayoutNode> Nodes { get; }

    /// <summary>The last-level caches of all nodes.</summary>
    public IReadOnlyList<LayoutCache> Caches { get; }

    /// <summary>The cores of all nodes.</summary>
    public IReadOnlyList<LayoutCore> Cores { get; }

    /// <summary>The CPUs by their number on the host.</summary>
    public IReadOnlyDictionary<int, LayoutCpu> Cpus { get; }

    /// <summary>The highest CPU number plus one.</summary>
    public int CpuCount { get; }

    /// <summary>The kinds of core, the fastest first.</summary>
    public required IReadOnlyList<CoreKind> Kinds { get; init; }

    /// <summary>Lays a host out.</summary>
    public static HostLayout Of(VMHostTopology host)
    {
        var kinds = host.CoreKinds;
        var kindOf = kinds.SelectMany((kind, index) => kind.Cpus.Numbers.Select(cpu => (cpu, index))).ToDictionary(entry => entry.cpu, entry => entry.index);
        var nodes = new List<LayoutNode>();
        var cores = new List<LayoutCore>();
        var cpus = new Dictionary<int, LayoutCpu>();
        var caches = 0;
        var isMemoryKnown = host.MemoryKiB > 0;
        var banks = host.LastLevelCaches;
        var bankOf = banks.SelectMany((bank, index) => bank.Cpus.Numbers.Select(cpu => (cpu, index)))
            .GroupBy(entry => entry.cpu).ToDictionary(group => group.Key, group => group.First().index);

        // A host that reports no nodes (the test driver's, from a node file) is one node of all its online CPUs.
        IReadOnlyList<HostNode> hostNodes = host.Nodes.Count > 0 ? host.Nodes : [WithoutNodes(host)];
        foreach (var hostNode in hostNodes)
        {
            var online = hostNode.Cpus.Where(cpu => host.OnlineCpus.Contains(cpu.Id)).ToList();
            var node = new LayoutNode(nodes.Count, hostNode) { HasMemory = hostNode.MemoryKiB > 0 || !isMemoryKnown };
            foreach (var group in online.GroupBy(cpu => bankOf.TryGetValue(cpu.Id, out var bank) ? (bank, 0, 0) : (-1, cpu.Socket ?? 0, cpu.Die ?? 0)))
            {
                var bank = group.Key.Item1 < 0 ? null : banks[group.Key.Item1];
                var cache = new LayoutCache(caches++, node, new CacheDomain(hostNode.Id, bank?.Level, bank?.SizeKiB, CpuSet.Of(group.Select(cpu => cpu.Id))));
                foreach (var siblings in group.GroupBy(CoreKey).OrderBy(siblings => siblings.Min(cpu => cpu.Id)))
                {
                    var core = new LayoutCore(cores.Count, cache, [.. siblings.Select(cpu => cpu.Id).Order()], kindOf.GetValueOrDefault(siblings.First().Id));
                    cores.Add(core);
                    cache.Cores.Add(core);
                    foreach (var cpu in core.Cpus)
                    {
                        cpus[cpu] = new LayoutCpu(cpu, core);
                    }
                }

                node.Caches.Add(cache);
                node.Cores.AddRange(cache.Cores);
            }

            nodes.Add(node);
        }

        return new HostLayout(nodes, cores, cpus) { Kinds = kinds };
    }

    // Siblings name each other; the smallest of them stands for the core.
    private static int CoreKey(HostCpu cpu) => cpu.Siblings.IsEmpty ? cpu.Id : Math.Min(cpu.Id, cpu.Siblings.Numbers[0]);

    private static HostNode WithoutNodes(VMHostTopology host) => new()
    {
        Id = 0,
        MemoryKiB = 0,
        Cpus = [.. host.OnlineCpus.Numbers.Select(cpu => new HostCpu(cpu, 0, null, null, null, new CpuSet(cpu)))],
    };
}

/// <summary>A node.</summary>
/// <param name="Index">Its place among the nodes.</param>
/// <param name="Host">The node as the host reports it.</param>
internal sealed record LayoutNode(int Index, HostNode Host)
{
    /// <summary>The node's number on the host.</summary>
    public int Id => Host.Id;

    /// <summary>Its last-level caches.</summary>
    public List<LayoutCache> Caches { get; } = [];

    /// <summary>Its cores.</summary>
    public List<LayoutCore> Cores { get; } = [];

    /// <summary>Whether it has memory; on a host that reports no memory at all every node counts as having some.</summary>
    public required bool HasMemory { get; init; }

    /// <summary>Its free memory in KiB; null when the host reports neither its size nor its free memory.</summary>
    public long? FreeMemoryKiB => !HasMemory ? 0 : Host.FreeMemoryKiB ?? (Host.MemoryKiB > 0 ? Host.MemoryKiB : null);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"node {Id}");
}

/// <summary>A last-level cache, within one node.</summary>
internal sealed class LayoutCache(int index, LayoutNode node, CacheDomain domain)
{
    /// <summary>Its place among the caches.</summary>
    public int Index { get; } = index;

    /// <summary>The node.</summary>
    public LayoutNode Node { get; } = node;

    /// <summary>The cache as it is shown.</summary>
    public CacheDomain Domain { get; } = domain;

    /// <summary>The cores that share it.</summary>
    public List<LayoutCore> Cores { get; } = [];
}

/// <summary>A core.</summary>
/// <param name="Index">Its place among the cores.</param>
/// <param name="Cache">Its last-level cache.</param>
/// <param name="Cpus">Its online threads.</param>
/// <param name="Kind">Its kind among those of the host.</param>
internal sealed record LayoutCore(int Index, LayoutCache Cache, int[] Cpus, int Kind)
{
    /// <summary>The node.</summary>
    public LayoutNode Node => Cache.Node;
}

/// <summary>A thread.</summary>
/// <param name="Id">Its number on the host.</param>
/// <param name="Core">Its core.</param>
internal sealed record LayoutCpu(int Id, LayoutCore Core);
