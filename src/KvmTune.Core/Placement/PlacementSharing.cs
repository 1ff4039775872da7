// The vCPUs on every host CPU after a placement, and what VMs share because of that.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>The vCPUs on every host CPU, of the placed VMs and of their neighbours.</summary>
internal sealed class PlacementSharing
{
    private readonly HostLayout _layout;
    private readonly IReadOnlyList<PlacementNeighbour> _neighbours;
    private readonly Dictionary<int, List<(string VM, int Vcpu)>> _onCpu = [];

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

    /// <summary>The VMs with vCPUs on some CPUs, other than one.</summary>
    public IReadOnlyList<string> Others(IEnumerable<int> cpus, string except) =>
        [.. Names(cpus).Where(vm => vm != except)];

    /// <summary>What a VM shares: host CPUs, cores, caches, and the CPUs of emulator threads, the closest first.</summary>
    public IReadOnlyList<string> Of(VMPlacement placement)
    {
        var shared = new List<string>();
        foreach (var (cpu, vcpus) in placement.PluggedPins.GroupBy(pin => pin.Value).OrderBy(group => group.Key).Select(group => (group.Key, group.Select(pin => pin.Key).ToList())))
        {
            var others = On(cpu).Where(entry => entry.VM != placement.VMName || !vcpus.Contains(entry.Vcpu))
                .Select(entry => string.Create(CultureInfo.InvariantCulture, $"vCPU {entry.Vcpu} of '{entry.VM}'")).ToList();
            if (others.Count > 0 || vcpus.Count > 1)
            {
                others.AddRange(vcpus.Skip(1).Select(vcpu => string.Create(CultureInfo.InvariantCulture, $"its own vCPU {vcpu}")));
                shared.Add(string.Create(CultureInfo.InvariantCulture, $"host CPU {cpu} (vCPU {vcpus[0]}) with {string.Join(", ", others.Distinct(StringComparer.Ordinal))}"));
            }
        }

        shared.AddRange(from neighbour in _neighbours
                        from service in neighbour.ServicePins
                        let cpus = service.Value.Intersect(CpuSet.Of(placement.PluggedPins.Values))
                        where !cpus.IsEmpty
                        select $"host CPU {cpus} with the {service.Key} of '{neighbour.Name}'");
        foreach (var core in placement.PluggedPins.Values.Select(cpu => _layout.Cpus[cpu].Core).Distinct().OrderBy(core => core.Index))
        {
            var others = Others(core.Cpus.Except(placement.PluggedPins.Values), placement.VMName);
            if (others.Count > 0)
            {
                shared.Add($"the core of CPUs {CpuSet.Of(core.Cpus)} with {Text(others)}");
            }
        }

        foreach (var cache in placement.Caches)
        {
            var others = Others(cache.Cpus.Numbers, placement.VMName);
            if (others.Count > 0)
            {
                shared.Add($"{cache} with {Text(others)}");
            }
        }

        return shared;
    }

    private static string Text(IReadOnlyList<string> names) => names.Count <= 4
        ? string.Join(", ", names.Select(name => $"'{name}'"))
        : string.Create(CultureInfo.InvariantCulture, $"{string.Join(", ", names.Take(3).Select(name => $"'{name}'"))} and {names.Count - 3} more VMs");
}
