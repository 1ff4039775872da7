// The placement rules of other programs, for comparison: OpenStack Nova's NUMA fitting, the least-loaded last-level cache, oVirt's CPUs for
// emulator and I/O.
using KvmTune.Placement;
using KvmTune.Topology;

namespace KvmTune.Tests.Placement;

/// <summary>A peer's placement of a VM; null for none.</summary>
/// <param name="Cpus">The host CPUs.</param>
/// <param name="CrossesNodes">Whether the CPUs are on several nodes.</param>
/// <param name="CrossesCaches">Whether the CPUs are on several last-level caches.</param>
public sealed record PeerPlace(IReadOnlyList<int> Cpus, bool CrossesNodes, bool CrossesCaches);

/// <summary>One peer on one host. It may use the same CPUs as our planner, and needs the same memory.</summary>
public abstract class PeerHeuristic
{
    private readonly PlacementRequest _request;
    private readonly Dictionary<int, HostCpu> _cpus;
    private readonly Dictionary<int, long?> _memory;
    private readonly Dictionary<int, long> _pages;
    private readonly HashSet<int> _closed;

    /// <summary>Reads the host.</summary>
    protected PeerHeuristic(PlacementRequest request)
    {
        _request = request;
        var isolated = request.Host.IsolatedCpus ?? CpuSet.Empty;
        _cpus = request.Host.Cpus.Where(cpu => request.Host.OnlineCpus.Contains(cpu.Id)).ToDictionary(cpu => cpu.Id);
        Free = [.. _cpus.Keys.Where(cpu => !request.ReservedCpus.Contains(cpu) && isolated.Contains(cpu) == request.UseIsolatedCpus)];
        _closed = [.. _cpus.Keys.Except(Free)];
        _memory = request.Host.Nodes.ToDictionary(node => node.Id, node => node.FreeMemoryKiB ?? (node.MemoryKiB > 0 ? node.MemoryKiB : (long?)null));
        _pages = request.Host.Nodes.ToDictionary(node => node.Id, node => node.PagePools.Where(pool => pool.PageSizeKiB == 2048).Sum(pool => pool.Free ?? pool.Total));
        Free.ExceptWith(request.Neighbours.SelectMany(neighbour => neighbour.VcpuPins.Values).SelectMany(pin => pin.Numbers));
    }

    /// <summary>The CPUs without a VM so far.</summary>
    protected HashSet<int> Free { get; }

    /// <summary>The nodes.</summary>
    protected IReadOnlyList<HostNode> Nodes => _request.Host.Nodes;

    /// <summary>The groups of CPUs that share their last-level cache.</summary>
    protected IEnumerable<List<int>> Caches => _cpus.Values.GroupBy(CacheOf).Select(group => group.Select(cpu => cpu.Id).ToList());

    /// <summary>Places a VM, and reserves its CPUs and memory.</summary>
    public PeerPlace? Place(PlacementVM vm)
    {
        if (Choose(vm) is not { } cpus)
        {
            return null;
        }

        foreach (var cpu in cpus)
        {
            // No other VM may use these whole cores.
            Free.ExceptWith(_request.ThreadPolicy == ThreadPolicy.Prefer ? [cpu] : _cpus[cpu].Siblings.Numbers);
        }

        var node = _cpus[cpus[0]].Node;
        if (vm.PageSizeKiB is null)
        {
            _memory[node] -= vm.MemoryKiB;
        }
        else
        {
            _pages[node] -= vm.MemoryKiB / 2048;
        }

        return new PeerPlace(cpus, cpus.Select(cpu => _cpus[cpu].Node).Distinct().Count() > 1, cpus.Select(cpu => CacheOf(_cpus[cpu])).Distinct().Count() > 1);
    }

    /// <summary>The CPUs that the peer chooses; null for none.</summary>
    protected abstract IReadOnlyList<int>? Choose(PlacementVM vm);

    /// <summary>The memory that a node has for a VM; the largest number if it is unknown.</summary>
    protected long Memory(int node, PlacementVM vm) => vm.PageSizeKiB is null ? _memory[node] ?? long.MaxValue : _pages[node] * 2048;

    /// <summary>The CPUs that a number of vCPUs take from a group by the thread policy; null if it has too few.</summary>
    protected IReadOnlyList<int>? Take(IEnumerable<int> group, int count)
    {
        var cores = group.Where(Free.Contains).GroupBy(cpu => _cpus[cpu].Siblings.Numbers[0]).Select(core => core.Order().ToList()).ToList();
        var whole = cores.Where(core => _cpus[core[0]].Siblings.Intersect(_request.Host.OnlineCpus).Numbers.All(cpu => Free.Contains(cpu) && !_closed.Contains(cpu))).ToList();
        var cpus = (_request.ThreadPolicy switch
        {
            ThreadPolicy.Isolate => whole.Select(core => core[0]),
            ThreadPolicy.Require => whole.SelectMany(core => core),
            _ => cores.OrderByDescending(core => core.Count).SelectMany(core => core),
        }).Take(count).ToList();
        return cpus.Count == count ? cpus : null;
    }

    private (int, int, int, int) CacheOf(HostCpu cpu) => _request.Host.Caches.FirstOrDefault(cache => cache.Level == 3 && cache.Cpus.Contains(cpu.Id)) is { } cache
        ? (cpu.Node, cache.Id, -1, -1)
        : (cpu.Node, -1, cpu.Socket ?? 0, cpu.Die ?? 0);
}

/// <summary>OpenStack Nova (numa_fit_instance_to_host): nodes by free memory, then by free CPUs; sibling groups are filled.</summary>
public sealed class NovaHeuristic(PlacementRequest request) : PeerHeuristic(request)
{
    /// <inheritdoc/>
    protected override IReadOnlyList<int>? Choose(PlacementVM vm) => Nodes
        .OrderByDescending(node => Memory(node.Id, vm)).ThenByDescending(node => node.CpuSet.Numbers.Count(Free.Contains))
        .Where(node => Memory(node.Id, vm) >= vm.MemoryKiB)
        .Select(node => Take(node.CpuSet.Numbers, vm.Vcpus)).FirstOrDefault(cpus => cpus is not null);
}

/// <summary>The least-loaded last-level cache with enough space; without one, the node with most free CPUs.</summary>
public sealed class LeastLoadedCacheHeuristic(PlacementRequest request) : PeerHeuristic(request)
{
    /// <inheritdoc/>
    protected override IReadOnlyList<int>? Choose(PlacementVM vm) => Groups(Caches, vm) ?? Groups(Nodes.Select(node => node.CpuSet.Numbers.ToList()), vm);

    private IReadOnlyList<int>? Groups(IEnumerable<List<int>> groups, PlacementVM vm) => groups
        .Where(group => group.Count > 0 && Nodes.Any(node => node.CpuSet.Contains(group[0]) && Memory(node.Id, vm) >= vm.MemoryKiB))
        .OrderByDescending(group => group.Count(Free.Contains))
        .Select(group => Take(group, vm.Vcpus)).FirstOrDefault(cpus => cpus is not null);
}

/// <summary>oVirt: the first two CPUs of the node with most pinned vCPUs, for emulator and I/O threads.</summary>
public static class OvirtHeuristic
{
    /// <summary>The CPUs.</summary>
    public static IReadOnlyList<int> ServiceCpus(VMHostTopology host, VMPlacement placement) =>
        [.. host.Nodes.OrderByDescending(node => placement.VcpuPins.Values.Count(node.CpuSet.Contains)).First().CpuSet.Intersect(host.OnlineCpus).Numbers.Take(2)];
}
