// The placement engine: searches for the best placement by the order of aims, and explains it. Pure: values in, values out.
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>Computes placements.</summary>
public static class PlacementPlanner
{
    /// <summary>
    /// Places VMs on a host, never on reserved or offline CPUs, and on CPUs that other VMs are pinned to only where overcommit is allowed.
    /// The best placement is the first one in the order of aims (<c>docs/placement.md</c>): every VM has a place; each of its vCPUs has a
    /// separate host CPU; no other VM uses these CPUs; the VM is on one node, with its memory; on one kind of core; on cores as
    /// <see cref="PlacementRequest.ThreadPolicy"/> says; on one last-level cache; emulator threads are near it; the host's own work has a
    /// core; and nothing moves without a gain. The order of the VMs makes no difference.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    public static HostPlacement Plan(PlacementRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var layout = HostLayout.Of(request.Host);
        var vms = request.VMs.OrderByDescending(vm => vm.PluggedVcpus.Count).ThenByDescending(vm => vm.MemoryKiB)
            .ThenBy(vm => vm.Name, StringComparer.Ordinal).ThenBy(vm => vm.Id).ToList();
        var search = new PlacementSearch(layout, request, vms, cancellationToken);
        var solution = search.Find();
        var placed = vms.Select((vm, index) => (VM: vm, Place: solution.Places[index], Service: solution.Services[index])).ToList();
        var unplugged = new UnpluggedVcpus(solution);
        var placements = placed.Where(entry => entry.Place is not null)
            .ToDictionary(entry => entry.VM, entry => ToPlacement(layout, entry.VM, entry.Place!, entry.Service!, unplugged.PlacesOf(entry.VM, entry.Place!)));
        var explanation = new PlacementExplanation(
            layout, request, new PlacementState(layout, request), new PlacementSharing(layout, request, placements.Values), placements.Count);
        var explained = request.VMs.Where(placements.ContainsKey)
            .Select(vm => explanation.Explain(vm, placements[vm], placed.Find(entry => entry.VM == vm).Service!.Place)).ToList();
        return new HostPlacement
        {
            Request = request,
            VMs = explained,
            Refusals = request.VMs.Where(vm => !placements.ContainsKey(vm)).Select(vm => PlacementRefusals.Explain(request, vm, solution.State)).ToList(),
            Findings = PlacementAdvice.Judge(request, explained),
            Aims = solution.Aims,
        };
    }

    private static VMPlacement ToPlacement(HostLayout layout, PlacementVM vm, Place place, ServiceChoice service, IReadOnlyDictionary<int, int> unplugged)
    {
        var cores = place.Cpus.Select(cpu => layout.Cpus[cpu].Core).ToList();
        return new VMPlacement
        {
            VMName = vm.Name,
            VMId = vm.Id,
            VcpuPins = vm.PluggedVcpus.Zip(place.Cpus).Select(pin => KeyValuePair.Create(pin.First, pin.Second)).Concat(unplugged).ToDictionary(pin => pin.Key, pin => pin.Value),
            UnpluggedVcpus = vm.UnpluggedVcpus,
            Nodes = CpuSet.Of(cores.Select(core => core.Node.Id)),
            Caches = cores.Select(core => core.Cache).Distinct().OrderBy(cache => cache.Index).Select(cache => cache.Domain).ToList(),
            Kinds = cores.Select(core => core.Kind).Distinct().Order().Select(kind => layout.Kinds[kind]).ToList(),
            ServiceCpus = service.Cpus,
            KeepsServicePins = service.IsCurrent,
            MemoryNodes = layout.Nodes.Count > 1 && vm.RequiredNodes is null
                ? CpuSet.Of(place.Memory.Where(part => part.MemoryKiB > 0 || (part.Node.HasMemory && cores.Exists(core => core.Node == part.Node))).Select(part => part.Node.Id)) : null,
            CellNodes = place.CellNodes,
        };
    }
}
