// Explains the place of a VM: node, cache, cores, emulator, memory.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>Explains places.</summary>
/// <param name="layout">The host.</param>
/// <param name="request">The request.</param>
/// <param name="before">The host before anything was placed.</param>
/// <param name="sharing">The vCPUs on each CPU afterwards.</param>
/// <param name="placed">How many VMs have a place.</param>
internal sealed class PlacementExplanation(HostLayout layout, PlacementRequest request, PlacementState before, PlacementSharing sharing, int placed)
{
    // The largest number of VMs for which another policy is tried too: that takes as long as the plan itself.
    private const int MostTried = 8;

    private const string MatchPins = "Give the guest that topology with Set-VMCpuModel -MatchPins once it is pinned, or it loads siblings as if they were cores.";

    private readonly Lazy<HostPlacement?> _packed = new(() => request.ThreadPolicy == ThreadPolicy.Prefer && request.VMs.Count <= MostTried
        ? PlacementPlanner.Plan(request with { ThreadPolicy = ThreadPolicy.Require }) : null);

    private readonly PlacementMoves _moves = new(layout, request, before, sharing);

    /// <summary>The placement with its reasons.</summary>
    public VMPlacement Explain(PlacementVM vm, VMPlacement placement, ServicePlace service) => placement with
    {
        Reasons = new List<string>([
            Node(vm, placement), Cache(vm, placement), .. Kind(vm, placement), Cores(vm, placement), Service(placement, service),
            .. Memory(vm, placement), .. Reserve(placement), .. Unplugged(placement), _moves.Reason(vm, placement, service),
        ]),
        Shared = sharing.Of(placement),
    };

    private string Node(PlacementVM vm, VMPlacement placement)
    {
        if (layout.Nodes.Count == 1)
        {
            return Text($"The host has one node, with {Free(layout.Nodes[0], vm)} of {layout.Nodes[0].Cores.Sum(core => core.Cpus.Length)} CPUs free for {Count(vm.PluggedVcpus.Count, "vCPU")}.");
        }

        var nodes = layout.Nodes.Where(node => placement.Nodes.Contains(node.Id)).ToList();
        var figures = string.Join("; ", nodes.Select(node => Text($"node {node.Id} has {Free(node, vm)} CPUs free{(before.Available(node, vm) is { } memory ? $" and {PageSize.Rounded(memory)} of memory" : null)}")));
        var need = Text($"{Count(vm.PluggedVcpus.Count, "vCPU")}{(vm.MemoryKiB > 0 ? $" and {PageSize.Rounded(vm.MemoryKiB)}" : null)}");
        if (placement.CrossesNodes)
        {
            return placement.CellNodes.Count > 0
                ? Text($"No node has room for {need}, so the guest's cells are split: {string.Join(", ", placement.CellNodes.OrderBy(cell => cell.Key).Select(cell => Text($"cell {cell.Key} on node {cell.Value}")))}.")
                : Text($"No node has room for {need}, so the VM is spread over nodes {placement.Nodes} ({figures}). {(vm.Cells.Count > 1 ? Text($"Its {vm.Cells.Count} NUMA cells cannot each be on one of them, so the guest takes remote memory for local.") : "The guest knows nothing of that: give it NUMA cells.")}");
        }

        // Nodes without CPUs are no choice for vCPUs.
        var others = layout.Nodes.Where(node => !placement.Nodes.Contains(node.Id) && node.Cores.Count > 0).ToList();
        var unfit = others.Where(node => !before.HasMemory(node, vm, vm.MemoryKiB) || Free(node, vm) < vm.PluggedVcpus.Count)
            .Select(node => before.HasMemory(node, vm, vm.MemoryKiB) ? Text($"node {node.Id} has too few free CPUs ({Free(node, vm)})") : Text($"node {node.Id} has too little memory ({PageSize.Rounded(before.Available(node, vm) ?? 0)})")).ToList();
        var why = vm.FarMemoryNodes is { } far ? $"it is the nearest with CPUs to node {far}, where its memory stays"
            : vm.RequiredNodes is not null ? "its memory is there and stays"
            : vm.CurrentNodes?.Overlaps(placement.Nodes) == true ? "its memory is there already"
            : unfit.Count == others.Count ? "it is the only one that has room" : "it has the most room where the VM stays together";
        if (IsMemorySpread(placement))
        {
            return Text($"{figures}: room for {Count(vm.PluggedVcpus.Count, "vCPU")}; no node that is left has {PageSize.Rounded(vm.MemoryKiB)} of memory too.");
        }

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

        var count = vm.PluggedVcpus.Count;
        var largest = layout.Caches.Max(cache => cache.Cores.Sum(core => before.Capacity(core, vm)));
        var cores = CoresOf(placement);
        var idle = layout.Caches.Max(cache => cache.Cores.Count(before.IsIdle));
        var why = largest < count ? Text($"none has {count} free CPUs (the most is {largest})")
            : request.ThreadPolicy == ThreadPolicy.Prefer && idle < cores.Count ? Text($"{count} vCPUs would fit under one, but cores of their own come before one cache, and none has {cores.Count} idle cores (the most is {idle}){(Packed(vm) is { CrossesCaches: false } ? ". With -ThreadPolicy Require they share cores and one cache" : null)}")
            : Text($"those with {count} free CPUs are taken by VMs of this plan, of another kind of core, or on nodes without the memory");
        return Text($"The vCPUs are on {placement.Caches.Count} last-level caches: {why}.");
    }

    private IEnumerable<string> Kind(PlacementVM vm, VMPlacement placement)
    {
        if (layout.Kinds.Count == 1)
        {
            yield break;
        }

        var wanted = request.CoreKind == CoreKindChoice.Efficient ? layout.Kinds[^1] : layout.Kinds[0];
        yield return placement.Kinds.Count > 1
            ? Text($"The vCPUs are on {placement.Kinds.Count} kinds of core, {string.Join(" and ", placement.Kinds)}: {(request.CoreKind == CoreKindChoice.Any ? "-CoreKind Any allows it" : Text($"no kind has {vm.PluggedVcpus.Count} free CPUs"))}. The guest assumes that they are equally fast, and work that it spreads over all of them waits for the slowest.")
            : Text($"All vCPUs are on one kind of core, {placement.Kinds[0]}{(placement.Kinds[0] == wanted || request.CoreKind == CoreKindChoice.Any ? null : Text($"; {wanted} have no room"))}.");
    }

    private string Cores(PlacementVM vm, VMPlacement placement)
    {
        var cores = CoresOf(placement);
        var (vcpus, cpus) = (placement.PluggedPins.Count, placement.PluggedPins.Values.Distinct().Count());
        var isOvercommitted = placement.PluggedPins.Values.Any(cpu => sharing.On(cpu).Count > 1);
        var spread = isOvercommitted
            ? Text($"There are too few free CPUs, and overcommit is allowed: {Count(vcpus, "vCPU")} on {Count(cpus, "host CPU")}, the least loaded ones{(cpus == vcpus ? ", each on one of its own" : null)}.")
            : cores.TrueForAll(core => core.Cpus.Length == 1) ? Text($"{Count(cores.Count, "core")} without sibling threads, one for each vCPU.")
            : request.ThreadPolicy switch
            {
                ThreadPolicy.Require => Text($"{Count(cores.Count, "whole core")}; no other VM gets a thread of them.{(ThreadsOf(placement) is > 1 and var threads && threads != vm.GuestThreads ? $" {MatchPins}" : null)}"),
                ThreadPolicy.Isolate => Text($"One thread on each of {Count(cores.Count, "core")}; their siblings stay idle."),
                _ when cores.Count == vcpus => Text($"One thread on each of {Count(cores.Count, "core")}."),
                _ when vm.GuestThreads > 1 && vcpus == cores.Count * vm.GuestThreads => Text($"{Count(cores.Count, "core")} with {vm.GuestThreads} threads each, as the guest sees them."),
                _ => Text($"{Count(vcpus, "vCPU")} on {Count(cores.Count, "core")}: there were not enough idle cores here for one each, so sibling threads are used. {TopologyAdvice(vm, placement)}"),
            };
        return request.UseIsolatedCpus ? $"{spread} All of them are isolated by the kernel and carry one vCPU each." : spread;
    }

    // Another policy is advised only where its placement was computed and confirms the advice.
    private string TopologyAdvice(PlacementVM vm, VMPlacement placement) => ThreadsOf(placement) is > 1
        ? MatchPins
        : $"The guest sees all of them as separate cores; no topology of equal cores matches these.{(Packed(vm) is { } packed && ThreadsOf(packed) is > 1 ? " -ThreadPolicy Require gives it whole cores, which can be shown to it." : null)}";

    // How many neighbouring vCPUs sit on each core, as Set-VMCpuModel -MatchPins counts them; null where cores differ.
    private int? ThreadsOf(VMPlacement placement)
    {
        var byCore = placement.VcpuPins.OrderBy(pin => pin.Key).Select(pin => layout.Cpus[pin.Value].Core).ToList();
        var threads = byCore.TakeWhile(core => core == byCore[0]).Count();
        var isRegular = byCore.Count % threads == 0 && byCore.Chunk(threads).All(chunk => Array.TrueForAll(chunk, core => core == chunk[0])) && byCore.Distinct().Count() == byCore.Count / threads;
        return isRegular && placement.VcpuPins.Values.Distinct().Count() == byCore.Count ? threads : null;
    }

    // The VM's place under -ThreadPolicy Require, if that policy refuses no more VMs than this plan.
    private VMPlacement? Packed(PlacementVM vm) => _packed.Value is { } packed && packed.Refusals.Count <= request.VMs.Count - placed
        ? packed.VMs.FirstOrDefault(other => other.VMName == vm.Name) : null;

    // Whether memory comes from nodes without vCPUs of the VM.
    private static bool IsMemorySpread(VMPlacement placement) => placement.MemoryNodes?.IsSubsetOf(placement.Nodes) == false;

    private static string Service(VMPlacement placement, ServicePlace service) => service switch
    {
        ServicePlace.OwnCore => $"Emulator and I/O threads are on host CPU {placement.ServiceCpus}: the same node, cores without vCPUs.",
        ServicePlace.Sibling => $"Emulator and I/O threads are on host CPU {placement.ServiceCpus}: the same node, but siblings of vCPUs, since no core without vCPUs is left there.",
        ServicePlace.OtherNode => $"Emulator and I/O threads are on host CPU {placement.ServiceCpus} of another node: none is left on the VM's own.",
        _ when !placement.ServiceCpus.Overlaps(placement.VcpuCpus) =>
            $"Emulator and I/O threads are on host CPU {placement.ServiceCpus}, beside the real-time vCPUs and not with them: no core without vCPUs is left for them.",
        _ => $"Emulator and I/O threads share host CPU {placement.ServiceCpus} with the vCPUs: the host has no other CPU left for them. The guest will see that as steal.",
    };

    private IEnumerable<string> Memory(PlacementVM vm, VMPlacement placement)
    {
        if (placement.MemoryNodes is { } all && IsMemorySpread(placement))
        {
            yield return $"Memory comes from node {all}: node {placement.Nodes}, where the vCPUs are, has too little, so some of it is remote.";
        }
        else if (placement.MemoryNodes is { } nodes)
        {
            yield return vm.PageSizeKiB is { } size
                ? Text($"Memory comes from node {nodes}, where {PageSize.Pages((vm.MemoryKiB + size - 1) / size, size)} are free; strictly, since huge pages of another node would be remote.")
                : $"Memory comes from node {nodes}, where the vCPUs are.";
        }
        else if (layout.Nodes.Count > 1)
        {
            yield return $"The NUMA policy is left as it is{((vm.FarMemoryNodes ?? vm.RequiredNodes) is { } nodesNow ? $": node {nodesNow}" : null)}.";
        }
    }

    private IEnumerable<string> Reserve(VMPlacement placement)
    {
        var reserve = CpuSet.Of(placement.PluggedPins.Values.Where(before.IsReserve));
        if (!reserve.IsEmpty)
        {
            yield return $"Host CPU {reserve} is usually left to the host, but is needed here.";
        }
    }

    private static IEnumerable<string> Unplugged(VMPlacement placement)
    {
        if (!placement.UnpluggedVcpus.IsEmpty)
        {
            yield return $"vCPU {placement.UnpluggedVcpus} {(placement.UnpluggedVcpus.Count == 1 ? "is" : "are")} not plugged in, and placed after all that are, on host CPU {CpuSet.Of(placement.UnpluggedVcpus.Numbers.Select(vcpu => placement.VcpuPins[vcpu]))}.";
        }
    }

    private List<LayoutCore> CoresOf(VMPlacement placement) => placement.PluggedPins.Values.Select(cpu => layout.Cpus[cpu].Core).Distinct().ToList();

    private int Free(LayoutNode node, PlacementVM vm) => node.Cores.Sum(core => before.Capacity(core, vm));

    private static string Count(int count, string word) => PlacementMoves.Count(count, word);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
