// Who sits on which CPU once everybody has a place, and what that makes VMs share.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>The vCPUs on every host CPU, of the placed VMs and of their neighbours.</summary>
internal sealed class PlacementSharing
{
    private readonly HostLayout _layout;
    private readonly Dictionary<int, List<(string VM, int Vcpu)>> _onCpu = [];

    /// <summary>Collects them.</summary>
    public PlacementSharing(HostLayout layout, PlacementRequest request, IEnumerable<VMPlacement> placed)
    {
        _layout = layout;
        foreach (var placement in placed)
        {
            foreach (var (vcpu, cpu) in placement.VcpuPins)
            {
                On(cpu).Add((placement.VMName, vcpu));
            }
        }

        foreach (var neighbour in request.Neighbours)
        {
            foreach (var (vcpu, cpus) in neighbour.VcpuPins)
            {
                foreach (var cpu in cpus.Numbers)
                {
                    On(cpu).Add((neighbour.Name, vcpu));
                }
            }
        }
    }

    /// <summary>The VMs with vCPUs on some CPUs, other than one.</summary>
    public IReadOnlyList<string> Others(IEnumerable<int> cpus, string except) =>
        [.. cpus.SelectMany(cpu => _onCpu.GetValueOrDefault(cpu) ?? []).Select(entry => entry.VM).Where(vm => vm != except).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>What a VM shares: host CPUs, cores, caches, and the CPUs of emulator threads, the closest first.</summary>
    public IReadOnlyList<string> Of(VMPlacement placement)
    {
        var shared = new List<string>();
        foreach (var (cpu, vcpus) in placement.VcpuPins.GroupBy(pin => pin.Value).OrderBy(group => group.Key).Select(group => (group.Key, group.Select(pin => pin.Key).ToList())))
        {
            var others = _onCpu[cpu].Where(entry => entry.VM != placement.VMName || !vcpus.Contains(entry.Vcpu))
                .Select(entry => string.Create(CultureInfo.InvariantCulture, $"vCPU {entry.Vcpu} of '{entry.VM}'")).ToList();
            if (others.Count > 0 || vcpus.Count > 1)
            {
                others.AddRange(vcpus.Skip(1).Select(vcpu => string.Create(CultureInfo.InvariantCulture, $"its own vCPU {vcpu}")));
                shared.Add(string.Create(CultureInfo.InvariantCulture, $"host CPU {cpu} (vCPU {vcpus[0]}) with {string.Join(", ", others.Distinct(StringComparer.Ordinal))}"));
            }
        }

        foreach (var core in placement.VcpuPins.Values.Select(cpu => _layout.Cpus[cpu].Core).Distinct().OrderBy(core => core.Index))
        {
            var others = Others(core.Cpus.Except(placement.VcpuPins.Values), placement.VMName);
            if (others.Count > 0)
            {
                shared.Add($"the core of CPUs {CpuSet.Of(core.Cpus)} with {Names(others)}");
            }
        }

        foreach (var cache in placement.Caches)
        {
            var others = Others(cache.Cpus.Numbers, placement.VMName);
            if (others.Count > 0)
            {
                shared.Add($"{cache} with {Names(others)}");
            }
        }

        return shared;
    }

    private static string Names(IReadOnlyList<string> names) => names.Count <= 4
        ? string.Join(", ", names.Select(name => $"'{name}'"))
        : string.Create(CultureInfo.InvariantCulture, $"{string.Join(", ", names.Take(3).Select(name => $"'{name}'"))} and {names.Count - 3} more VMs");

    private List<(string VM, int Vcpu)> On(int cpu)
    {
        if (!_onCpu.TryGetValue(cpu, out var entries))
        {
            _onCpu[cpu] = entries = [];
        }

        return entries;
    }
}
