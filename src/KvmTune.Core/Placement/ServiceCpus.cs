// Where emulator and I/O threads go: off the cores of vCPUs, on the node of the VM, as near to that as the host allows.
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>How near to the wish the place of a VM's emulator and I/O threads is.</summary>
internal enum ServicePlace
{
    /// <summary>On the VM's node, on cores without vCPUs.</summary>
    OwnCore,

    /// <summary>On the VM's node, on threads without vCPUs whose siblings carry some.</summary>
    Sibling,

    /// <summary>On another node.</summary>
    OtherNode,

    /// <summary>On vCPUs: the host has nothing else left.</summary>
    WithVcpus,
}

/// <summary>The CPUs of a VM's emulator and I/O threads.</summary>
/// <param name="Place">How near to the wish they are.</param>
/// <param name="Cpus">The CPUs.</param>
/// <param name="IsCurrent">Whether the threads are there now, each with its own pin among them.</param>
internal sealed record ServiceChoice(ServicePlace Place, CpuSet Cpus, bool IsCurrent);

/// <summary>Finds the CPUs of emulator and I/O threads once all vCPUs have their place.</summary>
internal sealed class ServiceCpus
{
    // One CPU for so many vCPUs of a node, and a whole core at least.
    private const int VcpusPerCpu = 16;

    private readonly PlacementState _state;
    private readonly HashSet<int> _theirs;
    private readonly HashSet<int> _excluded;
    private readonly Dictionary<LayoutNode, (ServicePlace Place, IReadOnlyList<int> Cpus)> _ofNode = [];

    /// <summary>Looks at what the vCPUs have left.</summary>
    public ServiceCpus(PlacementState state)
    {
        _state = state;
        var request = state.Request;
        _theirs = [.. request.Neighbours.SelectMany(neighbour => neighbour.ServicePins.Values).SelectMany(pin => pin.Numbers)];
        _excluded = [.. request.ReservedCpus.Numbers, .. request.Host.IsolatedCpus?.Numbers ?? []];
    }

    /// <summary>The CPUs for a VM, by the node that most of its vCPUs are on (as oVirt chooses it). Those that it has now stay where they are as good.</summary>
    public ServiceChoice For(PlacementVM vm, Place place)
    {
        var home = place.Cpus.GroupBy(cpu => _state.Layout.Cpus[cpu].Core.Node).OrderByDescending(group => group.Count()).ThenBy(group => group.Key.Index).First().Key;
        if (!_ofNode.TryGetValue(home, out var found))
        {
            _ofNode[home] = found = Find(home);
        }

        if (found.Cpus.Count == 0)
        {
            found = (ServicePlace.WithVcpus, WithVcpus(place, home));
        }

        return vm.CurrentServiceCpus is { IsEmpty: false } current && Judge(current, home) is { } now && now <= found.Place
            ? new ServiceChoice(now, current, IsCurrent: true)
            : new ServiceChoice(found.Place, CpuSet.Of(found.Cpus), IsCurrent: false);
    }

    // How good the present CPUs are; null where they are not free.
    private ServicePlace? Judge(CpuSet cpus, LayoutNode home)
    {
        if (!cpus.Numbers.All(_state.Layout.Cpus.ContainsKey) || cpus.Numbers.Any(_excluded.Contains) || cpus.Numbers.Any(cpu => _state.LoadOf(cpu) > 0 || _state.IsTaken(_state.Layout.Cpus[cpu].Core)))
        {
            return null;
        }

        var cores = cpus.Numbers.Select(cpu => _state.Layout.Cpus[cpu].Core).ToList();
        return cores.Exists(core => core.Node != home) ? ServicePlace.OtherNode
            : cores.Exists(core => _state.GuestsOf(core) > 0) ? ServicePlace.Sibling : ServicePlace.OwnCore;
    }

    // The VM's own vCPUs have its work in hand; real-time ones share with nobody, so theirs goes to the least loaded CPUs of others.
    private List<int> WithVcpus(Place place, LayoutNode home)
    {
        var own = place.Cpus.Where(cpu => !_state.IsClosed(cpu)).Distinct().Order().ToList();
        return own.Count > 0 ? own : _state.Layout.Cpus.Keys.Where(cpu => !_state.IsClosed(cpu) && !_excluded.Contains(cpu))
            .OrderBy(cpu => _state.Layout.Cpus[cpu].Core.Node == home ? 0 : 1).ThenBy(_state.LoadOf).ThenBy(cpu => cpu).Take(1).ToList();
    }

    private (ServicePlace Place, IReadOnlyList<int> Cpus) Find(LayoutNode home)
    {
        if (OnNode(home) is { Cpus.Count: > 0 } own)
        {
            return own;
        }

        foreach (var node in _state.Layout.Nodes.Where(node => node != home).OrderBy(node => home.Host.Distances.GetValueOrDefault(node.Id, 20)).ThenBy(node => node.Index))
        {
            if (OnNode(node) is { Cpus.Count: > 0 } other)
            {
                return (ServicePlace.OtherNode, other.Cpus);
            }
        }

        return (ServicePlace.WithVcpus, []);
    }

    private (ServicePlace Place, IReadOnlyList<int> Cpus) OnNode(LayoutNode node)
    {
        var wanted = Math.Max(1, (node.Cores.Sum(_state.GuestsOf) + VcpusPerCpu - 1) / VcpusPerCpu);
        var cores = node.Cores.Where(core => _state.GuestsOf(core) == 0).Select(core => (Core: core, Cpus: Left(core))).Where(entry => entry.Cpus.Count > 0)
            .OrderBy(entry => entry.Cpus.Exists(_theirs.Contains) ? 0 : entry.Cpus.Exists(_state.IsReserve) ? 1 : 2).ThenBy(entry => entry.Core.Cpus[0]).ToList();
        var own = new List<int>();
        foreach (var (_, cpus) in cores.TakeWhile(_ => own.Count < wanted))
        {
            own.AddRange(cpus);
        }

        return own.Count > 0
            ? (ServicePlace.OwnCore, own.Order().ToList())
            : (ServicePlace.Sibling, node.Cores.Where(core => !_state.IsTaken(core)).SelectMany(Left).Order().Take(Math.Max(wanted, 2)).ToList());
    }

    private List<int> Left(LayoutCore core) => [.. core.Cpus.Where(cpu => _state.LoadOf(cpu) == 0 && !_excluded.Contains(cpu))];
}
