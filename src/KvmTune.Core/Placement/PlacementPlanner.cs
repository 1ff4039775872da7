// The placement engine: tries several ways, takes the best result, and puts it into words. Pure: it touches nothing and asks nobody.
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>Computes placements.</summary>
public static class PlacementPlanner
{
    /// <summary>
    /// Places VMs on a host: each within one last-level cache where it fits, else within one node, else along its guest cells or over
    /// as few nodes as can be; never on reserved or offline CPUs, nor on CPUs that other VMs are pinned to, unless overcommit is allowed.
    /// </summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    public static HostPlacement Plan(PlacementRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var layout = HostLayout.Of(request.Host);
        Attempt? best = null;
        foreach (var strategy in Strategies(request))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var attempt = Try(layout, request, strategy);
            if (best is null || attempt.Cost.IsBetterThan(best.Cost))
            {
                best = attempt;
            }

            if (best.Cost.IsPerfect)
            {
                break;
            }
        }

        return Result(layout, request, best!);
    }

    // One VM, or VMs in the order of their size: the order makes no difference.
    private static IEnumerable<PlacementStrategy> Strategies(PlacementRequest request)
    {
        var sizes = request.VMs.Select(vm => (-vm.Vcpus, -vm.MemoryKiB)).ToList();
        return sizes.SequenceEqual(sizes.Order()) ? PlacementStrategy.All.Where(strategy => !strategy.LargestFirst) : PlacementStrategy.All;
    }

    private static Attempt Try(HostLayout layout, PlacementRequest request, PlacementStrategy strategy)
    {
        var pass = new PlacementPass(layout, request, strategy);
        var places = pass.Run();
        var services = new ServiceCpus(pass.State, request);
        var found = places.Select(place => place is null ? default : services.For(place)).ToList();
        return new Attempt(places, found, pass.State, PlacementCost.Of(pass.State, places, found.Select(service => service.Place), services.Theirs));
    }

    private static HostPlacement Result(HostLayout layout, PlacementRequest request, Attempt attempt)
    {
        var placed = request.VMs.Zip(attempt.Places, attempt.Services)
            .Where(entry => entry.Second is not null)
            .Select(entry => (VM: entry.First, Place: entry.Second!, Service: entry.Third.Place, Placement: ToPlacement(layout, entry.First, entry.Second!, entry.Third.Cpus)))
            .ToList();
        var explanation = new PlacementExplanation(
            layout, request, new PlacementState(layout, request, setsAside: false),
            new PlacementSharing(layout, request, placed.Select(entry => entry.Placement)));
        var explained = placed.ConvertAll(entry => explanation.Explain(entry.VM, entry.Placement, entry.Place.IsOvercommitted, entry.Service));
        return new HostPlacement
        {
            Request = request,
            VMs = explained,
            Refusals = request.VMs.Zip(attempt.Places).Where(entry => entry.Second is null).Select(entry => PlacementRefusals.Explain(request, entry.First, attempt.State)).ToList(),
            Findings = PlacementAdvice.Judge(request, explained),
        };
    }

    private static VMPlacement ToPlacement(HostLayout layout, PlacementVM vm, PlaceFound place, IReadOnlyList<int> serviceCpus)
    {
        var cores = place.Cpus.Values.Select(cpu => layout.Cpus[cpu].Core).ToList();
        return new VMPlacement
        {
            VMName = vm.Name,
            VMId = vm.Id,
            VcpuPins = place.Cpus,
            Nodes = CpuSet.Of(cores.Select(core => core.Node.Id)),
            Caches = cores.Select(core => core.Cache).Distinct().Select(cache => cache.Domain).ToList(),
            ServiceCpus = CpuSet.Of(serviceCpus),
            MemoryNodes = layout.Nodes.Count > 1 && vm.RequiredNodes is null ? CpuSet.Of(place.Memory.Select(node => node.Id)) : null,
            CellNodes = place.CellNodes,
        };
    }

    private sealed record Attempt(
        IReadOnlyList<PlaceFound?> Places, IReadOnlyList<(ServicePlace Place, IReadOnlyList<int> Cpus)> Services, PlacementState State, PlacementCost Cost);
}

/// <summary>How bad a result is, the worst first.</summary>
/// <param name="Refused">VMs without a place.</param>
/// <param name="Overcommitted">VMs that share host CPUs with others.</param>
/// <param name="AcrossNodes">VMs on several nodes.</param>
/// <param name="AcrossCaches">VMs on several last-level caches.</param>
/// <param name="SharedCores">Cores with vCPUs of several VMs, or more vCPUs than distinct cores could have carried.</param>
/// <param name="Services">How far emulator and I/O threads are from where they should be, and how many vCPUs are on those of other VMs.</param>
internal sealed record PlacementCost(int Refused, int Overcommitted, int AcrossNodes, int AcrossCaches, int SharedCores, int Services)
{
    /// <summary>Whether nothing could be better.</summary>
    public bool IsPerfect => Key == default;

    /// <summary>The cost of a result.</summary>
    public static PlacementCost Of(PlacementState state, IReadOnlyList<PlaceFound?> places, IEnumerable<ServicePlace> services, IReadOnlySet<int> neighbourServices)
    {
        var cores = places.Select(place => place?.Cpus.Values.Select(cpu => state.Layout.Cpus[cpu].Core).ToList()).ToList();
        return new PlacementCost(
            places.Count(place => place is null),
            places.Count(place => place?.IsOvercommitted == true),
            cores.Count(of => of is not null && of.Exists(core => core.Node != of[0].Node)),
            cores.Count(of => of is not null && of.Exists(core => core.Cache != of[0].Cache)),
            cores.Sum(of => of is null ? 0 : of.Distinct().Count(core => state.LoadOf(core) > of.Count(mine => mine == core))),
            services.Sum(place => (int)place) + places.Sum(place => place?.Cpus.Values.Count(neighbourServices.Contains) ?? 0));
    }

    /// <summary>Whether it is lower.</summary>
    public bool IsBetterThan(PlacementCost other) => Key.CompareTo(other.Key) < 0;

    private (int, int, int, int, int, int) Key => (Refused, Overcommitted, AcrossNodes, AcrossCaches, SharedCores, Services);
}
