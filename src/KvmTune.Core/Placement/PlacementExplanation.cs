// Says in words why a VM sits where it sits: node, cache, cores, emulator, memory.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>Explains places.</summary>
/// <param name="layout">The host.</param>
/// <param name="request">What was asked for.</param>
/// <param name="before">The host before anything was placed.</param>
/// <param name="sharing">Who sits where afterwards.</param>
internal sealed class PlacementExplanation(HostLayout layout, PlacementRequest request, PlacementState before, PlacementSharing sharing)
{
    /// <summary>The placement with its reasons.</summary>
    public VMPlacement Explain(PlacementVM vm, VMPlacement placement, bool isOvercommitted, ServicePlace service) => placement with
    {
        Reasons = new List<string>([Node(vm, placement), Cache(vm, placement), Cores(vm, placement, isOvercommitted), Service(placement, service), .. Memory(vm, placement)]),
        Shared = sharing.Of(placement),
    };

    private string Node(PlacementVM vm, VMPlacement placement)
    {
        if (layout.Nodes.Count == 1)
        {
            return Text($"The host has one node, with {Free(layout.Nodes[0])} of {layout.Nodes[0].Cores.Sum(core => core.Cpus.Length)} CPUs free for {Count(vm.Vcpus, "vCPU")}.");
        }

        var nodes = layout.Nodes.Where(node => placement.Nodes.Contains(node.Id)).ToList();
        var figures = string.Join("; ", nodes.Select(node => Text($"node {node.Id} has {Free(node)} CPUs free{(before.Available(node, vm) is { } memory ? $" and {PageSize.Rounded(memory)} of memory" : null)}")));
        var need = Text($"{Count(vm.Vcpus, "vCPU")}{(vm.MemoryKiB > 0 ? $" and {PageSize.Rounded(vm.MemoryKiB)}" : null)}");
        if (placement.CrossesNodes)
        {
            return placement.CellNodes.Count > 0
                ? Text($"No node has room for {need}, so the guest's cells are split: {string.Join(", ", placement.CellNodes.OrderBy(cell => cell.Key).Select(cell => Text($"cell {cell.Key} on node {cell.Value}")))}.")
                : Text($"No node has room for {need}, so the VM is spread over nodes {placement.Nodes} ({figures}). The guest knows nothing of that: give it NUMA cells.");
        }

        var others = layout.Nodes.Where(node => !placement.Nodes.Contains(node.Id)).ToList();
        var unfit = others.Where(node => !before.HasMemory(node, vm, vm.MemoryKiB) || before.Capacity(node.Cores) < vm.Vcpus)
            .Select(node => before.HasMemory(node, vm, vm.MemoryKiB) ? Text($"node {node.Id} has too few free CPUs ({Free(node)})") : Text($"node {node.Id} has too little memory ({PageSize.Rounded(before.Available(node, vm) ?? 0)})")).ToList();
        var why = vm.RequiredNodes is not null ? "its memory is there and stays"
            : vm.CurrentNodes?.Overlaps(placement.Nodes) == true ? "its memory is there already"
            : unfit.Count == others.Count ? "it is the only one that has room" : "it has the most room where the VM stays together";
        return Text($"{figures}: room for {need}; {why}.{(unfit.Count > 0 ? $" Left out: {string.Join(", ", unfit.Take(4))}{(unfit.Count > 4 ? Text($" and {unfit.Count - 4} more") : null)}." : null)}");
    }

    private string Cache(PlacementVM vm, VMPlacement placement)
    {
        if (!placement.CrossesCaches)
        {
            return placement.Caches[0].Level is null
                ? $"All vCPUs are on one {placement.Caches[0]}; the host reports no caches."
                : $"All vCPUs share one last-level cache: {placement.Caches[0]}.";
        }

        var largest = layout.Caches.Max(cache => before.Capacity(cache.Cores));
        return largest >= vm.Vcpus
            ? Text($"The vCPUs are on {placement.Caches.Count} last-level caches: those with {vm.Vcpus} free CPUs are taken by VMs of this plan, or on nodes without the memory.")
            : Text($"The vCPUs are on {placement.Caches.Count} last-level caches: none has {vm.Vcpus} free CPUs (the most is {largest}).");
    }

    private string Cores(PlacementVM vm, VMPlacement placement, bool isOvercommitted)
    {
        var cores = placement.VcpuPins.Values.Select(cpu => layout.Cpus[cpu].Core).Distinct().ToList();
        var spread = isOvercommitted
            ? Text($"There are too few free CPUs, and overcommit is allowed: {Count(vm.Vcpus, "vCPU")} on {Count(placement.VcpuCpus.Count, "host CPU")}, the least loaded ones.")
            : cores.TrueForAll(core => core.Cpus.Length == 1) ? Text($"{Count(cores.Count, "core")} without sibling threads, one for each vCPU.")
            : request.ThreadPolicy switch
            {
                ThreadPolicy.Require => Text($"{Count(cores.Count, "whole core")}; no other VM gets a thread of them."),
                ThreadPolicy.Isolate => Text($"One thread on each of {Count(cores.Count, "core")}; their siblings stay idle."),
                _ when cores.Count == vm.Vcpus => Text($"One thread on each of {Count(cores.Count, "core")}."),
                _ when vm.GuestThreads > 1 => Text($"{Count(cores.Count, "core")} with {vm.GuestThreads} threads each, as the guest sees them."),
                _ => Text($"{Count(vm.Vcpus, "vCPU")} on {Count(cores.Count, "core")}: there were not enough idle cores here for one each, so sibling threads are used. Give the guest that topology with Set-VMCpuModel -MatchPins, or it loads siblings as if they were cores."),
            };
        return request.UseIsolatedCpus ? $"{spread} All of them are isolated by the kernel and carry one vCPU each." : spread;
    }

    private static string Service(VMPlacement placement, ServicePlace service) => service switch
    {
        ServicePlace.OwnCore => $"Emulator and I/O threads are on host CPU {placement.ServiceCpus}: the same node, cores without vCPUs.",
        ServicePlace.Sibling => $"Emulator and I/O threads are on host CPU {placement.ServiceCpus}: the same node, but siblings of vCPUs, since no core without vCPUs is left there.",
        ServicePlace.OtherNode => $"Emulator and I/O threads are on host CPU {placement.ServiceCpus} of another node: none is left on the VM's own.",
        _ => $"Emulator and I/O threads share host CPU {placement.ServiceCpus} with the vCPUs: the host has no other CPU left for them. The guest will see that as steal.",
    };

    private IEnumerable<string> Memory(PlacementVM vm, VMPlacement placement)
    {
        if (placement.MemoryNodes is { } nodes)
        {
            yield return vm.PageSizeKiB is { } size
                ? Text($"Memory comes from node {nodes}, where {PageSize.Pages((vm.MemoryKiB + size - 1) / size, size)} are to be had; strictly, since huge pages of another node would be remote.")
                : $"Memory comes from node {nodes}, where the vCPUs are.";
        }
        else if (layout.Nodes.Count > 1)
        {
            yield return $"The NUMA policy is left as it is{(vm.RequiredNodes is { } required ? $": node {required}" : null)}.";
        }
    }

    private int Free(LayoutNode node) => before.Capacity(node.Cores);

    private static string Count(int count, string word) => Text($"{count} {word}{(count == 1 ? null : "s")}");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
