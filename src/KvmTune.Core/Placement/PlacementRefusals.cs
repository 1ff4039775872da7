// Says why a VM found no place, with the figures and what to do.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>Explains why there is no place.</summary>
internal static class PlacementRefusals
{
    /// <summary>The reason, on the host with all VMs that found a place.</summary>
    public static PlacementRefusal Explain(PlacementRequest request, PlacementVM vm, PlacementState state)
    {
        var nodes = state.Layout.Nodes.Where(node => vm.RequiredNodes?.Contains(node.Id) != false).ToList();
        var where = vm.FarMemoryNodes is { } far ? $"node {vm.RequiredNodes}, the nearest with CPUs to node {far}, where its memory stays,"
            : vm.RequiredNodes is { } required ? $"node {required}, where its memory stays," : "the host";
        var what = vm.PageSizeKiB is { } size ? $"huge pages of {PageSize.Text(size)}" : "memory";
        if (state.MemoryOf(nodes, vm) is null)
        {
            return Refuse(
                "HostMemoryShort",
                $"'{vm.Name}' needs {PageSize.Rounded(vm.MemoryKiB)} of {what}, and {where} has {PageSize.Rounded(nodes.Sum(node => state.Available(node, vm) ?? 0))} free ({ByNode(nodes, vm, state)}). {(vm.PageSizeKiB is null ? "Free memory, or place fewer VMs." : "Add pages with Set-HugePagePool.")}");
        }

        var cpus = nodes.SelectMany(node => node.Cores).SelectMany(core => core.Cpus).ToList();
        var unpinned = cpus.Count(cpu => state.IsUsable(cpu) && state.LoadOf(cpu) == 0 && !state.IsClosed(cpu));
        var wanted = vm.PluggedVcpus.Count;
        if (request.ThreadPolicy != ThreadPolicy.Prefer && unpinned >= wanted)
        {
            var idle = nodes.SelectMany(node => node.Cores).Count(state.IsIdle);
            return Refuse(
                "NoWholeCores",
                Text($"'{vm.Name}' needs whole cores for {wanted} vCPUs under -ThreadPolicy {request.ThreadPolicy}, and {where} has {idle} idle ones. -ThreadPolicy Prefer can use the {unpinned} CPUs that are free."));
        }

        if (vm.IsRealTime && unpinned >= wanted)
        {
            return Refuse(
                "NoCpuBesideRealTime",
                Text($"The vCPUs of '{vm.Name}' have a real-time scheduler and cannot share host CPUs. They need {wanted} of the {unpinned} free ones of {where}, and none would be left for the emulator, or other VMs have emulator or I/O threads there. Place fewer VMs, or remove the scheduler (vcpusched)."));
        }

        var reserved = cpus.Count(request.ReservedCpus.Contains);
        var isolated = cpus.Count(cpu => request.Host.IsolatedCpus?.Contains(cpu) == true);
        var pinned = cpus.Count(cpu => state.LoadOf(cpu) > 0 || state.IsClosed(cpu));
        var advice = vm.IsRealTime ? "Its vCPUs have a real-time scheduler, so their host CPUs are never shared."
            : request.UseIsolatedCpus ? "Isolated CPUs are never overcommitted; use the others, or isolate more."
            : request.AllowOvercommit ? Text($"None is left that several vCPUs may share: reserved and isolated CPUs are not, nor those of real-time vCPUs.{(isolated > 0 ? " -UseIsolatedCpu takes the isolated CPUs." : null)}")
            : Text($"Place fewer VMs, or allow several vCPUs on one host CPU with -AllowOvercommit.{(isolated > 0 ? " -UseIsolatedCpu takes the isolated CPUs." : null)}");
        return Refuse(
            "HostCpusOvercommitted",
            Text($"'{vm.Name}' needs {wanted} host CPUs of its own, and of the {cpus.Count} online CPUs of {where} {unpinned} are free: {pinned} carry pinned vCPUs, {reserved} are reserved, {isolated} are isolated. {advice}"));

        PlacementRefusal Refuse(string errorId, string message) => new(vm.Name, errorId, message);
    }

    private static string ByNode(IEnumerable<LayoutNode> nodes, PlacementVM vm, PlacementState state) =>
        string.Join(", ", nodes.Select(node => Text($"node {node.Id}: {PageSize.Rounded(state.Available(node, vm) ?? 0)}")));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
