// Properties that every placement must have, on any host; the property tests use them.
using System.Globalization;
using KvmTune.Placement;
using KvmTune.Topology;

namespace KvmTune.Tests.Placement;

/// <summary>Checks a placement against its request, with its own computation of the host's resources.</summary>
public static class PlacementProperties
{
    /// <summary>The properties that do not hold; empty for a good placement.</summary>
    public static IEnumerable<string> Broken(HostPlacement placement)
    {
        var request = placement.Request;
        var host = request.Host;
        var nodeOf = host.Cpus.ToDictionary(cpu => cpu.Id, cpu => cpu.Node);
        var theirs = request.Neighbours.SelectMany(neighbour => neighbour.VcpuPins.Values).SelectMany(pin => pin.Numbers).ToHashSet();
        var isolated = host.IsolatedCpus ?? CpuSet.Empty;
        var vms = request.VMs.ToDictionary(vm => vm.Name);
        var taken = new Dictionary<int, string>();
        if (placement.VMs.Count + placement.Refusals.Count != request.VMs.Count)
        {
            yield return "a VM has neither a place nor a refusal";
        }

        foreach (var placed in placement.VMs)
        {
            var vm = vms[placed.VMName];
            var isShared = placed.PluggedPins.Values.Distinct().Count() < vm.PluggedVcpus.Count || placed.PluggedPins.Values.Any(cpu => theirs.Contains(cpu) || taken.ContainsKey(cpu));
            if (!placed.VcpuPins.Keys.Order().SequenceEqual(Enumerable.Range(0, vm.Vcpus)))
            {
                yield return $"{placed.VMName}: not every vCPU has a CPU";
            }

            if (isShared && !request.AllowOvercommit)
            {
                yield return $"{placed.VMName}: overlap on {placed.VcpuCpus}";
            }

            foreach (var cpu in placed.PluggedPins.Values)
            {
                taken[cpu] = placed.VMName;
                if (!host.OnlineCpus.Contains(cpu) || request.ReservedCpus.Contains(cpu) || isolated.Contains(cpu) != request.UseIsolatedCpus)
                {
                    yield return Text($"{placed.VMName}: CPU {cpu} is offline, reserved or wrongly isolated");
                }
            }

            if (CpuSet.Of(placed.PluggedPins.Values.Select(cpu => nodeOf[cpu])) != placed.Nodes)
            {
                yield return $"{placed.VMName}: its nodes are not {placed.Nodes}";
            }

            if (host.Nodes.Count > 1 && (placed.MemoryNodes is null || (!placed.Nodes.IsSubsetOf(placed.MemoryNodes) && !isShared)))
            {
                yield return $"{placed.VMName}: memory from {placed.MemoryNodes}, vCPUs on {placed.Nodes}";
            }

            if (placed.ServiceCpus.IsEmpty || placed.ServiceCpus.Overlaps(request.ReservedCpus) || !placed.ServiceCpus.IsSubsetOf(host.OnlineCpus))
            {
                yield return $"{placed.VMName}: emulator on {placed.ServiceCpus}";
            }

            if (placed.Reasons.Count < 4)
            {
                yield return $"{placed.VMName}: not explained";
            }
        }

        foreach (var wrong in MemoryFits(placement).Concat(CoresFit(placement)).Concat(ServicesFit(placement)).Concat(OwnVcpusAreApart(placement)).Concat(RealTimeIsAlone(placement)).Concat(UnpluggedDoNoHarm(placement)))
        {
            yield return wrong;
        }
    }

    // Each node has the memory that its VMs take; several nodes together have it, if a VM is spread.
    private static IEnumerable<string> MemoryFits(HostPlacement placement)
    {
        var vms = placement.Request.VMs.ToDictionary(vm => vm.Name);
        foreach (var node in placement.Request.Host.Nodes)
        {
            var on = placement.VMs.Where(placed => placement.Request.Host.Nodes.Count == 1 || (placed.MemoryNodes!.Count == 1 && placed.MemoryNodes.Contains(node.Id))).Select(placed => vms[placed.VMName]).ToList();
            var ordinary = on.Where(vm => vm.PageSizeKiB is null).Sum(vm => vm.MemoryKiB);
            if (ordinary > (node.FreeMemoryKiB ?? node.MemoryKiB))
            {
                yield return Text($"node {node.Id}: {ordinary} KiB of {node.FreeMemoryKiB} KiB");
            }

            var pool = node.PagePools.FirstOrDefault(pool => pool.PageSizeKiB == 2048);
            var pages = on.Where(vm => vm.PageSizeKiB is not null).Sum(vm => vm.MemoryKiB / 2048);
            if (pool is not null && pages > (pool.Free ?? pool.Total))
            {
                yield return Text($"node {node.Id}: {pages} pages of {pool.Free}");
            }
        }
    }

    // Whole cores under Require, one thread a core under Isolate: no other VM on them, and none of their threads reserved for the host.
    private static IEnumerable<string> CoresFit(HostPlacement placement)
    {
        var request = placement.Request;
        if (request.ThreadPolicy == ThreadPolicy.Prefer || request.AllowOvercommit)
        {
            yield break;
        }

        var siblings = request.Host.Cpus.ToDictionary(cpu => cpu.Id, cpu => cpu.Siblings.Intersect(request.Host.OnlineCpus));
        var disturbed = request.Neighbours.SelectMany(neighbour => neighbour.ServicePins.Values).SelectMany(pin => pin.Numbers).ToHashSet();
        foreach (var placed in placement.VMs)
        {
            var others = placement.VMs.Where(other => other != placed).SelectMany(other => other.PluggedPins.Values)
                .Concat(request.Neighbours.SelectMany(neighbour => neighbour.VcpuPins.Values).SelectMany(pin => pin.Numbers)).ToHashSet();
            var cores = placed.PluggedPins.Values.Select(cpu => siblings[cpu]).Distinct().ToList();
            if (cores.Exists(core => core.Overlaps(request.ReservedCpus) || core.Numbers.Any(others.Contains)))
            {
                yield return $"{placed.VMName}: cores are shared under {request.ThreadPolicy}";
            }

            // If no other CPU is left, the emulator of a real-time VM disturbs least on a sibling of its own vCPUs.
            if (placed.ServiceCpus.Numbers.Any(cpu => cores.Exists(core => core.Contains(cpu))) && !placed.ServiceCpus.IsSubsetOf(placed.VcpuCpus)
                && !request.VMs.First(vm => vm.Name == placed.VMName).IsRealTime)
            {
                yield return $"{placed.VMName}: the emulator is on a core of its own vCPUs under {request.ThreadPolicy}";
            }

            if (request.ThreadPolicy == ThreadPolicy.Isolate && cores.Count != placed.PluggedPins.Count)
            {
                yield return $"{placed.VMName}: two vCPUs on a core under Isolate";
            }

            // Cores are filled: except for one core in each node and cache, every thread has a vCPU, unless another VM's emulator is there. A VM that
            // already has as few cores stays where it is, and a VM whose memory fits on no node is on the nodes that have it together.
            var vm = request.VMs.First(vm => vm.Name == placed.VMName);
            var stays = placed.PluggedPins.All(pin => vm.CurrentPins.TryGetValue(pin.Key, out var cpu) && cpu == pin.Value);
            var unfilled = cores.Count(core => core.Numbers.Any(cpu => !placed.VcpuCpus.Contains(cpu) && !disturbed.Contains(cpu)));
            if (request.ThreadPolicy == ThreadPolicy.Require && !stays && placed.MemoryNodes is not { Count: > 1 } && unfilled > placed.Caches.Count + vm.Cells.Count)
            {
                yield return $"{placed.VMName}: cores are not filled under Require: CPUs {placed.VcpuCpus} on cores {string.Join(", ", cores)}";
            }
        }
    }

    // Emulator and I/O threads are off all vCPUs, and on the VM's node if that has a CPU for them.
    private static IEnumerable<string> ServicesFit(HostPlacement placement)
    {
        var request = placement.Request;
        var vcpus = placement.VMs.SelectMany(placed => placed.PluggedPins.Values)
            .Concat(request.Neighbours.SelectMany(neighbour => neighbour.VcpuPins.Values).SelectMany(pin => pin.Numbers)).ToHashSet();
        var closed = request.ReservedCpus.Union(request.Host.IsolatedCpus ?? CpuSet.Empty);
        var left = request.Host.OnlineCpus.Except(closed).Numbers.Where(cpu => !vcpus.Contains(cpu)).ToHashSet();
        var siblings = request.Host.Cpus.ToDictionary(cpu => cpu.Id, cpu => cpu.Siblings);
        foreach (var placed in placement.VMs)
        {
            var onNode = request.Host.Nodes.Where(node => placed.Nodes.Contains(node.Id)).SelectMany(node => node.CpuSet.Numbers).Where(left.Contains).ToList();
            var idle = onNode.Where(cpu => !siblings[cpu].Numbers.Any(vcpus.Contains)).ToList();
            if (placed.ServiceCpus.Numbers.Any(vcpus.Contains) && !placed.ServiceCpus.IsSubsetOf(placed.VcpuCpus) && !request.VMs.First(vm => vm.Name == placed.VMName).IsRealTime)
            {
                yield return $"{placed.VMName}: the emulator on {placed.ServiceCpus} is on others' vCPUs";
            }

            if (placed.Nodes.Count == 1 && idle.Count > 0 && !placed.ServiceCpus.Numbers.All(idle.Contains))
            {
                yield return $"{placed.VMName}: the emulator is on {placed.ServiceCpus}, and its node has idle cores: {CpuSet.Of(idle)}";
            }

            if (placed.ServiceCpus.IsSubsetOf(placed.VcpuCpus) && onNode.Count > 0 && request.ThreadPolicy == ThreadPolicy.Prefer && placed.Nodes.Count == 1)
            {
                yield return $"{placed.VMName}: the emulator is on its vCPUs, and CPUs {CpuSet.Of(onNode)} are left";
            }
        }
    }

    // vCPUs of one VM share a CPU only if the host has fewer CPUs than the VM has vCPUs.
    private static IEnumerable<string> OwnVcpusAreApart(HostPlacement placement)
    {
        var request = placement.Request;
        var usable = request.Host.OnlineCpus.Except(request.ReservedCpus);
        usable = request.UseIsolatedCpus ? usable.Intersect(request.Host.IsolatedCpus!) : usable.Except(request.Host.IsolatedCpus ?? CpuSet.Empty);
        var closed = request.Neighbours.Where(neighbour => neighbour.IsRealTime).SelectMany(neighbour => neighbour.VcpuPins.Values).SelectMany(pin => pin.Numbers)
            .Concat(placement.VMs.Where(placed => request.VMs.First(vm => vm.Name == placed.VMName).IsRealTime).SelectMany(placed => placed.PluggedPins.Values)).ToHashSet();
        foreach (var placed in placement.VMs.Where(placed => placed.PluggedPins.Values.Distinct().Count() < placed.PluggedPins.Count))
        {
            if (usable.Numbers.Count(cpu => !closed.Contains(cpu)) >= placed.PluggedPins.Count)
            {
                yield return $"{placed.VMName}: its own vCPUs meet on {placed.VcpuCpus}";
            }
        }
    }

    private static IEnumerable<string> RealTimeIsAlone(HostPlacement placement)
    {
        var request = placement.Request;
        foreach (var placed in placement.VMs)
        {
            var isRealTime = request.VMs.First(vm => vm.Name == placed.VMName).IsRealTime;
            var others = placement.VMs.Where(other => other != placed).SelectMany(other => other.PluggedPins.Values).ToHashSet();
            var services = placement.VMs.Select(other => other.ServiceCpus).Concat(request.Neighbours.SelectMany(neighbour => neighbour.ServicePins.Values)).SelectMany(cpus => cpus.Numbers).ToHashSet();
            if (isRealTime && placed.PluggedPins.Values.Any(cpu => others.Contains(cpu) || services.Contains(cpu)))
            {
                yield return $"{placed.VMName}: real-time vCPUs share {CpuSet.Of(placed.PluggedPins.Values)}";
            }

            var waiting = placement.VMs.Where(other => other != placed).SelectMany(other => other.VcpuPins.Values).Concat(services).ToHashSet();
            if (isRealTime && placed.VcpuPins.Values.Any(waiting.Contains))
            {
                yield return $"{placed.VMName}: real-time vCPUs that are not plugged in share {placed.VcpuCpus}";
            }

            if (request.Neighbours.Any(neighbour => neighbour.IsRealTime && neighbour.VcpuPins.Values.Any(pin => placed.PluggedPins.Values.Any(pin.Contains) || pin.Overlaps(placed.ServiceCpus))))
            {
                yield return $"{placed.VMName}: shares CPUs with a neighbour's real-time vCPUs";
            }
        }
    }

    // An unplugged vCPU is on a CPU that nobody else uses, or on one of its own VM.
    private static IEnumerable<string> UnpluggedDoNoHarm(HostPlacement placement)
    {
        var request = placement.Request;
        foreach (var placed in placement.VMs)
        {
            var waiting = placed.UnpluggedVcpus.Numbers.Select(vcpu => placed.VcpuPins[vcpu]).Where(cpu => !placed.PluggedPins.Values.Contains(cpu)).ToList();
            var others = placement.VMs.SelectMany(other => other.PluggedPins.Values.Concat(other.ServiceCpus.Numbers))
                .Concat(request.Neighbours.SelectMany(neighbour => neighbour.VcpuPins.Values).SelectMany(pin => pin.Numbers)).ToHashSet();
            if (waiting.Exists(others.Contains) || waiting.Exists(request.ReservedCpus.Contains))
            {
                yield return $"{placed.VMName}: vCPUs that are not plugged in are in the way on {CpuSet.Of(waiting)}";
            }
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
