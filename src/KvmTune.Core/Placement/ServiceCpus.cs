// Where emulator and I/O threads go: off the cores of vCPUs, on the node of the VM, as near to that as the host allows.
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

    /// <summary>On the VM's own vCPUs: the host has nothing else left.</summary>
    WithVcpus,
}

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
    public ServiceCpus(PlacementState state, PlacementRequest request)
    {
        _state = state;
        _theirs = [.. request.Neighbours.SelectMany(neighbour => neighbour.ServicePins.Values).SelectMany(pin => pin.Numbers)];
        _excluded = [.. request.ReservedCpus.Numbers, .. request.Host.IsolatedCpus?.Numbers ?? []];
    }

    /// <summary>The CPUs that other VMs have their emulator and I/O threads on.</summary>
    public IReadOnlySet<int> Theirs => _theirs;

    /// <summary>The CPUs for a VM, by the node that most of its vCPUs are on (as oVirt chooses it).</summary>
    public (ServicePlace Place, IReadOnlyList<int> Cpus) For(PlaceFound place)
    {
        var home = place.Cpus.Values.GroupBy(cpu => _state.Layout.Cpus[cpu].Core.Node).OrderByDescending(group => group.Count()).ThenBy(group => group.Key.Index).First().Key;
        if (!_ofNode.TryGetValue(home, out var found))
        {
            _ofNode[home] = found = Find(home);
        }

        return found.Cpus.Count > 0 ? found : (ServicePlace.WithVcpus, [.. place.Cpus.Values.Distinct().Order()]);
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
        var wanted = Math.Max(1, (node.Cores.Sum(_state.LoadOf) + VcpusPerCpu - 1) / VcpusPerCpu);
        var cores = node.Cores.Where(core => _state.LoadOf(core) == 0).Select(core => (Core: core, Cpus: Left(core)))
            .Where(entry => entry.Cpus.Count > 0).OrderBy(entry => entry.Cpus.Exists(_theirs.Contains) ? 0 : 1).ThenBy(entry => entry.Core.Cpus[0]).ToList();
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
