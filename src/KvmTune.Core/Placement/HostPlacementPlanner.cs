// Makes plans for VMs on a host: reads the host and its other VMs, computes the placement, and plans the change of each VM.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Placement;

/// <summary>The options of a placement of real VMs.</summary>
public sealed record PlacementOptions
{
    /// <summary>How vCPUs are distributed over cores.</summary>
    public ThreadPolicy ThreadPolicy { get; init; }

    /// <summary>Which kind of core is taken, where the host has several.</summary>
    public CoreKindChoice CoreKind { get; init; }

    /// <summary>Host CPUs that no VM gets.</summary>
    public CpuSet ReservedCpus { get; init; } = CpuSet.Empty;

    /// <summary>Whether vCPUs go on isolated CPUs only.</summary>
    public bool UseIsolatedCpus { get; init; }

    /// <summary>Whether a host CPU may get several vCPUs.</summary>
    public bool AllowOvercommit { get; init; }

    /// <summary>Whether the NUMA policy is left as it is: only threads are pinned, on the node that the policy names.</summary>
    public bool KeepsNumaPolicy { get; init; }

    /// <summary>Where the change is made.</summary>
    public ChangeScope Scope { get; init; }
}

/// <summary>A placement with its plans.</summary>
/// <param name="Placement">The placement of all VMs.</param>
/// <param name="Plans">The plan of each VM that found a place.</param>
public sealed record PlacementPlans(HostPlacement Placement, IReadOnlyList<PlacementPlan> Plans);

/// <summary>Plans placements on one host. Nothing is touched.</summary>
/// <param name="host">The host.</param>
public sealed class HostPlacementPlanner(HostConnection host)
{
    /// <summary>Places VMs, and plans the change that carries out each place.</summary>
    /// <param name="vms">The VMs.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="KvmTuneException">A reserved host CPU does not exist (<c>HostCpuNotFound</c>), or a VM is gone.</exception>
    /// <exception cref="LibvirtException">The daemon is lost.</exception>
    public PlacementPlans Plan(IReadOnlyList<VMTopology> vms, PlacementOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(vms);
        ArgumentNullException.ThrowIfNull(options);
        var topology = HostReading.Read(host);
        CheckCpus(topology, options.ReservedCpus, "-ReservedCpu");
        var kernel = host.IsLocalQemu ? HostMemoryFacts.Read() : null;
        var others = ReadOthers(host, vms.Select(vm => vm.VMId).ToHashSet(), topology.OnlineCpus, cancellationToken);
        var placement = PlacementPlanner.Plan(
            new PlacementRequest
            {
                Host = topology,
                VMs = vms.Select(vm => PlacementReader.ToVM(vm, topology, kernel, options.KeepsNumaPolicy, PlacementReader.ReadHeld(host, vm, topology, kernel))).ToList(),
                Neighbours = others.ConvertAll(vm => PlacementReader.ToNeighbour(vm, topology.OnlineCpus)),
                ReservedCpus = options.ReservedCpus,
                ThreadPolicy = options.ThreadPolicy,
                CoreKind = options.CoreKind,
                UseIsolatedCpus = options.UseIsolatedCpus,
                AllowOvercommit = options.AllowOvercommit,
            },
            cancellationToken);
        var byId = vms.ToDictionary(vm => vm.VMId);
        var changes = placement.VMs.Select(placed => (
            Placed: placed, Change: PlacementPlan.ToChange(byId[placed.VMId], placed, topology.OnlineCpus, options.Scope))).ToList();

        // The rules judge each VM beside the others as they will be, not as they are before their own change.
        var running = new RunningVMs(others.Select(vm => vm.Running).OfType<VMConfiguration>()
            .Concat(changes.Where(change => byId[change.Placed.VMId].Running is not null).Select(change => WithPins(byId[change.Placed.VMId].Running!, change.Placed))));
        var plans = new List<PlacementPlan>();
        foreach (var (placed, change) in changes)
        {
            using var planner = VMPlanner.Find(host, placed.VMName, placed.VMId);
            plans.Add(new PlacementPlan(planner.Plan(change, () => running.Beside(placed.VMId), cancellationToken), placement));
        }

        return new PlacementPlans(placement, plans);
    }

    /// <summary>The VMs of a host as the map shows them.</summary>
    /// <exception cref="KvmTuneException">A reserved host CPU does not exist (<c>HostCpuNotFound</c>).</exception>
    /// <exception cref="LibvirtException">The daemon is lost.</exception>
    public static HostMap ReadMap(HostConnection host, CpuSet reservedCpus, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(host);
        var topology = HostReading.Read(host);
        CheckCpus(topology, reservedCpus, "-ReservedCpu");
        var vms = ReadOthers(host, [], topology.OnlineCpus, cancellationToken);
        return HostMap.Of(topology, vms.ConvertAll(vm => PlacementReader.ToNeighbour(vm, topology.OnlineCpus)), reservedCpus);
    }

    private static List<VMTopology> ReadOthers(HostConnection host, HashSet<Guid> except, CpuSet onlineCpus, CancellationToken cancellationToken)
    {
        var others = new List<VMTopology>();
        foreach (var domain in host.Read().ListDomains())
        {
            cancellationToken.ThrowIfCancellationRequested();
            using (domain)
            {
                try
                {
                    if (!except.Contains(domain.Id))
                    {
                        others.Add(VMTopologyReader.Read(domain, host.Uri, onlineCpus));
                    }
                }
                catch (LibvirtException exception) when (exception.ErrorCode == LibvirtErrorCode.NoDomain)
                {
                    // Undefined or stopped since it was listed: it takes no CPUs any more.
                }
            }
        }

        return others;
    }

    private static VMConfiguration WithPins(VMConfiguration running, VMPlacement placed) => running with
    {
        VcpuPins = placed.VcpuPins.ToDictionary(pin => pin.Key, pin => new CpuSet(pin.Value)),
        EmulatorPin = placed.ServiceCpus,
    };

    private static void CheckCpus(VMHostTopology topology, CpuSet cpus, string parameter)
    {
        var known = topology.OnlineCpus.Union(topology.OfflineCpus);
        if (!cpus.IsSubsetOf(known))
        {
            throw new KvmTuneException(
                "HostCpuNotFound", KvmTuneErrorCategory.InvalidArgument,
                $"The host has no CPU {cpus.Except(known)} ({parameter}). It has: {known}.");
        }
    }
}
