// Chooses CPUs for emulator and I/O threads: on the VM's node and off the cores of vCPUs, or as near to that as the host allows.
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>How good the place of a VM's emulator and I/O threads is, the best first.</summary>
internal enum ServicePlace
{
    /// <summary>On the VM's node, on cores without vCPUs.</summary>
    OwnCore,

    /// <summary>On the VM's node, on threads without vCPUs whose siblings carry some.</summary>
    Sibling,

    /// <summary>On another node.</summary>
    OtherNode,

    /// <summary>On CPUs of vCPUs: the host has no others left.</summary>
    WithVcpus,
}

/// <summary>The CPUs of a VM's emulator and I/O threads.</summary>
/// <param name="Place">How good they are.</param>
/// <param name="Cpus">The CPUs.</param>
/// <param name="IsCurrent">Whether these are the present CPUs: then each thread keeps its own pin.</param>
internal sealed record ServiceChoice(ServicePlace Place, CpuSet Cpus, bool IsCurrent);

/// <summary>Finds the CPUs of emulator and I/O threads once all vCPUs have their place.</summary>
internal sealed class ServiceCpus
{
    // One CPU for so many guest cores (or single vCPUs) of a node, and at least all free threads of one core.
    private const int VcpusPerCpu = 16;

    private readonly PlacementState _state;
    private readonly HashSet<int> _theirs;
    private readonly HashSet<int> _excluded;
    private readonly Dictionary<LayoutNode, (ServicePlace Place, IReadOnlyList<int> Cpus)> _ofNode = [];

    /// <summary>Prepares the choice for a host whose vCPUs are placed.</summary>
    public ServiceCpus(PlacementState state)
    {
        _state = state;
        var request = state.Request;
        _theirs = [.. request.Neighbours.SelectMany(neighbour => neighbour.ServicePins.Values).SelectMany(pin => pin.Numbers)];
        _excluded = [.. request.ReservedCpus.Numbers, .. request.Host.IsolatedCpus?.Numbers ?? []];
    }

    /// <summary>The CPUs for a VM, by the node with most of its vCPUs (as oVirt chooses it). Its present CPUs stay if they are as good.</summary>
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
        if (!cpus.Numbers.All(_state.Layout.Cpus.ContainsKey) || cpus.Numbers.Any(_excluded.Contains) || cpus.Numbers.Any(cpu => _state.LoadOf(cpu) > 0 || _state.IsClosed(cpu) || _state.IsTaken(_state.Layout.Cpus[cpu].Core)))
        {
            return null;
        }

        var cores = cpus.Numbers.Select(cpu => _state.Layout.Cpus[cpu].Core).ToList();
        return cores.Exists(core => core.Node != home) ? ServicePlace.OtherNode
            : cores.Exists(core => _state.GuestsOf(core) > 0) ? ServicePlace.Sibling : ServicePlace.OwnCore;
    }

    // The CPUs of the VM's vCPUs. Real-time vCPUs share with no thread: there it is the least loaded other CPU, on the VM's node if possible.
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

    private List<int> Left(LayoutCore core) => [.. core.Cpus.Where(cpu => _state.LoadOf(cpu) == 0 && !_state.IsClosed(cpu) && !_excluded.Contains(cpu))];
}
