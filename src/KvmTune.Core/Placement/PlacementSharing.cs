// The vCPUs on every host CPU after a placement, and what VMs share because of that.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>The vCPUs on every host CPU, of the placed VMs and of their neighbours.</summary>
internal sealed class PlacementSharing
{
    // How many vCPUs of other VMs on one host CPU are named.
    private const int MostNamed = 8;

    private readonly HostLayout _layout;
    private readonly IReadOnlyList<PlacementNeighbour> _neighbours;
    private readonly Dictionary<int, List<(string VM, int Vcpu)>> _onCpu = [];

    // The names for the CPUs of cores and caches: many VMs ask for the same ones.
    private readonly Dictionary<CpuSet, List<string>> _names = [];

    /// <summary>Collects the vCPUs of VMs with pins.</summary>
    public PlacementSharing(HostLayout layout, IEnumerable<PlacementNeighbour> vms)
        : this(layout, [], vms.SelectMany(vm => vm.VcpuPins.SelectMany(pin => pin.Value.Numbers.Select(cpu => (cpu, vm.Name, pin.Key)))))
    {
    }

    /// <summary>Collects the vCPUs of placed VMs and of their neighbours.</summary>
    public PlacementSharing(HostLayout layout, PlacementRequest request, IEnumerable<VMPlacement> placed)
        : this(
            layout,
            request.Neighbours,
            placed.SelectMany(placement => placement.PluggedPins.Select(pin => (pin.Value, placement.VMName, pin.Key)))
                .Concat(request.Neighbours.SelectMany(vm => vm.VcpuPins.SelectMany(pin => pin.Value.Numbers.Select(cpu => (cpu, vm.Name, pin.Key))))))
    {
    }

    private PlacementSharing(HostLayout layout, IReadOnlyList<PlacementNeighbour> neighbours, IEnumerable<(int Cpu, string VM, int Vcpu)> vcpus)
    {
        _layout = layout;
        _neighbours = neighbours;
        foreach (var (cpu, vm, vcpu) in vcpus)
        {
            if (!_onCpu.TryGetValue(cpu, out var entries))
            {
                _onCpu[cpu] = entries = [];
            }

            entries.Add((vm, vcpu));
        }
    }

    /// <summary>The vCPUs on a CPU.</summary>
    public IReadOnlyList<(string VM, int Vcpu)> On(int cpu) => _onCpu.GetValueOrDefault(cpu) ?? [];

    /// <summary>The VMs with vCPUs on some CPUs.</summary>
    public IReadOnlyList<string> Names(IEnumerable<int> cpus) =>
        [.. cpus.SelectMany(On).Select(entry => entry.VM).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>What a VM shares: host CPUs, cores, caches, and the CPUs of emulator threads, the closest first.</summary>
    public IReadOnlyList<string> Of(VMPlacement placement)
    {
        var shared = new List<string>();
        foreach (var (cpu, vcpus) in placement.PluggedPins.GroupBy(pin => pin.Value).OrderBy(group => group.Key).Select(group => (group.Key, group.Select(pin => pin.Key).ToList())))
        {
            var more = On(cpu).Count - vcpus.Count;
            if (more > 0 || vcpus.Count > 1)
            {
                var others = On(cpu).Where(entry => entry.VM != placement.VMName || !vcpus.Contains(entry.Vcpu)).Take(MostNamed)
                    .Select(entry => string.Create(CultureInfo.InvariantCulture, $"vCPU {entry.Vcpu} of '{entry.VM}'"))
                    .Concat(more > MostNamed ? [string.Create(CultureInfo.InvariantCulture, $"{more - MostNamed} more vCPUs")] : [])
                    .Concat(vcpus.Skip(1).Select(vcpu => string.Create(CultureInfo.InvariantCulture, $"its own vCPU {vcpu}")));
                shared.Add(string.Create(CultureInfo.InvariantCulture, $"host CPU {cpu} (vCPU {vcpus[0]}) with {string.Join(", ", others)}"));
            }
        }

        shared.AddRange(from neighbour in _neighbours
                        from service in neighbour.ServicePins
                        let cpus = service.Value.Intersect(CpuSet.Of(placement.PluggedPins.Values))
                        where !cpus.IsEmpty
                        select $"host CPU {cpus} with the {service.Key} of '{neighbour.Name}'");
        foreach (var core in placement.PluggedPins.Values.Select(cpu => _layout.Cpus[cpu].Core).Distinct().OrderBy(core => core.Index))
        {
            if (Others(CpuSet.Of(core.Cpus.Except(placement.PluggedPins.Values)), placement.VMName) is { } others)
            {
                shared.Add($"the core of CPUs {CpuSet.Of(core.Cpus)} with {others}");
            }
        }

        foreach (var cache in placement.Caches)
        {
            if (Others(cache.Cpus, placement.VMName) is { } others)
            {
                shared.Add($"{cache} with {others}");
            }
        }

        return shared;
    }

    // The names of the VMs with vCPUs on some CPUs, other than one, the first three of many; null for none.
    private string? Others(CpuSet cpus, string except)
    {
        if (!_names.TryGetValue(cpus, out var names))
        {
            _names[cpus] = names = [.. Names(cpus.Numbers)];
        }

        var count = names.Count - (names.BinarySearch(except, StringComparer.Ordinal) >= 0 ? 1 : 0);
        var shown = string.Join(", ", names.Where(name => name != except).Take(count <= 4 ? 4 : 3).Select(name => $"'{name}'"));
        return count == 0 ? null : count <= 4 ? shown : string.Create(CultureInfo.InvariantCulture, $"{shown} and {count - 3} more VMs");
    }
}
