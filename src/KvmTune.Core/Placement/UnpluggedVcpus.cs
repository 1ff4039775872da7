// Places vCPUs that are not plugged in on CPUs that the others leave, so that they disturb little once they are plugged in.
namespace KvmTune.Placement;

/// <summary>Places the vCPUs that are not plugged in, after all that are.</summary>
internal sealed class UnpluggedVcpus(Solution solution)
{
    private readonly Dictionary<int, int> _waiting = [];
    private readonly HashSet<int> _ofRealTime = [];
    private readonly HashSet<int> _services = [.. solution.Services.OfType<ServiceChoice>().SelectMany(choice => choice.Cpus.Numbers)];

    /// <summary>
    /// The host CPU of each vCPU of a VM that is not plugged in: a free one near the others, else one of the VM's own. Of equally good ones
    /// it keeps its present one. A real-time vCPU shares with no thread of others, and no other such vCPU gets its CPU.
    /// </summary>
    public IReadOnlyDictionary<int, int> PlacesOf(PlacementVM vm, Place place)
    {
        var state = solution.State;
        var own = place.Cpus.ToHashSet();
        var caches = place.Cpus.Select(cpu => state.Layout.Cpus[cpu].Core.Cache).ToHashSet();
        var nodes = caches.Select(cache => cache.Node).ToHashSet();
        var kinds = place.Cpus.Select(cpu => state.Layout.Cpus[cpu].Core.Kind).ToHashSet();
        var open = state.Layout.Cpus.Values.Where(cpu => own.Contains(cpu.Id) || (state.IsUsable(cpu.Id) && state.LoadOf(cpu.Id) == 0 && !state.IsClosed(cpu.Id) && !_services.Contains(cpu.Id)
            && !_ofRealTime.Contains(cpu.Id) && !(vm.IsRealTime && (state.IsDisturbed(cpu.Id) || _waiting.ContainsKey(cpu.Id)))
            && (!state.IsTaken(cpu.Core) || cpu.Core.Cpus.Any(own.Contains)) && nodes.Contains(cpu.Core.Node) && kinds.Contains(cpu.Core.Kind))).ToList();
        var pins = new Dictionary<int, int>();
        foreach (var vcpu in Enumerable.Range(0, vm.Vcpus).Where(vm.UnpluggedVcpus.Contains))
        {
            var cpu = open.MinBy(cpu => (
                _waiting.GetValueOrDefault(cpu.Id), own.Contains(cpu.Id), state.IsDisturbed(cpu.Id), state.IsReserve(cpu.Id), !caches.Contains(cpu.Core.Cache), state.GuestsOf(cpu.Core), vm.CurrentPins.GetValueOrDefault(vcpu, -1) != cpu.Id, cpu.Id))!.Id;
            _waiting[cpu] = _waiting.GetValueOrDefault(cpu) + 1;
            pins[vcpu] = cpu;
        }

        _ofRealTime.UnionWith(vm.IsRealTime ? pins.Values : []);
        return pins;
    }
}
