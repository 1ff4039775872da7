// Says what a VM gains by moving: the faults of its present place that the planned one does not have.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Placement;

/// <summary>Compares present places with planned ones.</summary>
/// <param name="layout">The host.</param>
/// <param name="request">The request.</param>
/// <param name="before">The host before anything was placed.</param>
/// <param name="sharing">The vCPUs on each CPU afterwards.</param>
internal sealed class PlacementMoves(HostLayout layout, PlacementRequest request, PlacementState before, PlacementSharing sharing)
{
    // How many VMs of the plan have vCPUs on each host CPU and on each core now.
    private readonly Lazy<Dictionary<int, int>> _onCpuNow = new(() => VMsOn(request, cpus => cpus));
    private readonly Lazy<Dictionary<LayoutCore, int>> _onCoreNow = new(() => VMsOn(request, cpus => cpus.Where(layout.Cpus.ContainsKey).Select(cpu => layout.Cpus[cpu].Core).Distinct()));

    /// <summary>Why a VM moves, or that it does not.</summary>
    /// <param name="vm">The VM.</param>
    /// <param name="placement">Its planned place.</param>
    /// <param name="service">How good the planned place of its emulator and I/O threads is.</param>
    public string Reason(PlacementVM vm, VMPlacement placement, ServicePlace service)
    {
        if (vm.CurrentPins.Count == 0)
        {
            return "Its vCPUs are not pinned to single host CPUs now.";
        }

        if (placement.PluggedPins.All(pin => vm.CurrentPins.TryGetValue(pin.Key, out var cpu) && cpu == pin.Value))
        {
            return "No better place was found for its vCPUs: none moves.";
        }

        var (now, then) = (Faults(vm, vm.CurrentPins, vm.CurrentNodes, isNow: true), Faults(vm, placement.PluggedPins, placement.MemoryNodes ?? vm.CurrentNodes, isNow: false));
        var gained = now.Except(then, StringComparer.Ordinal).ToList();
        gained = gained.Count > 0 ? gained : [.. ServiceFault(vm, service)];
        return gained.Count > 0 ? $"Moving gains: now {string.Join(", ", gained)}{(then.Count > 0 ? $"; then {string.Join(", ", then)}" : null)}."
            : request.VMs.Count > 1 ? "It moves so that the VMs of this plan sit better together."
            : "It moves to a place that is better by the order of aims (docs/placement.md).";
    }

    /// <summary>A number with its word, for example <c>2 vCPUs</c>.</summary>
    public static string Count(int count, string word) => Text($"{count} {word}{(count == 1 ? null : "s")}");

    // The faults of a place, in the order of the aims.
    private List<string> Faults(PlacementVM vm, IReadOnlyDictionary<int, int> pins, CpuSet? memoryNodes, bool isNow)
    {
        var plugged = vm.PluggedVcpus;
        var faults = new List<string>();
        var known = plugged.Where(vcpu => pins.TryGetValue(vcpu, out var cpu) && layout.Cpus.ContainsKey(cpu)).Select(vcpu => (Vcpu: vcpu, Cpu: layout.Cpus[pins[vcpu]])).ToList();
        var cores = known.Select(pin => pin.Cpu.Core).Distinct().ToList();
        var nodes = cores.Select(core => core.Node).Distinct().ToList();
        var guests = known.Select(pin => (Guest: pin.Vcpu / vm.GuestThreads, pin.Cpu.Core)).Distinct().ToList();
        Say(plugged.Count - known.Count, "without a host CPU of its own");
        Say(known.Count(pin => !before.IsUsable(pin.Cpu.Id)), "on reserved or isolated host CPUs");
        Say(known.Count - known.Select(pin => pin.Cpu).Distinct().Count(), "on a host CPU with another vCPU of the VM");
        Say(known.Count(pin => IsShared(pin.Cpu)), "on host CPUs of other VMs");
        Several(nodes.Count, "nodes");
        if (memoryNodes is not null)
        {
            Say(known.Count(pin => !memoryNodes.Contains(pin.Cpu.Core.Node.Id)), "on another node than the memory");
        }
        else if (nodes.Count > 0 && before.MemoryOf(nodes, vm) is null)
        {
            faults.Add("on nodes with too little memory");
        }

        Several(cores.Select(core => core.Kind).Distinct().Count(), "kinds of core");
        Say(request.CoreKind == CoreKindChoice.Any ? 0 : known.Count(pin => pin.Cpu.Core.Kind != before.WantedKind), $"on a {(request.CoreKind == CoreKindChoice.Efficient ? "faster" : "slower")} kind of core");
        Say(guests.GroupBy(entry => entry.Core).Sum(group => group.Count() - 1), "on a sibling thread");
        Say(guests.Count - guests.Select(entry => entry.Guest).Distinct().Count(), "on another core than the rest of its guest core");
        Several(request.ThreadPolicy == ThreadPolicy.Require ? cores.Count : 0, "cores");
        Say(request.ThreadPolicy == ThreadPolicy.Prefer ? 0 : known.Count(pin => before.GuestsOf(pin.Cpu.Core) == 0 && !before.IsIdle(pin.Cpu.Core)), "on cores that are not free as a whole");
        Say(known.Count(pin => !IsShared(pin.Cpu) && IsCoreShared(pin.Cpu.Core)), "on cores of other VMs' vCPUs");
        Several(cores.Select(core => core.Cache).Distinct().Count(), "last-level caches");
        Say(known.Count(pin => before.IsDisturbed(pin.Cpu.Id)), "on CPUs of other VMs' emulator or I/O threads");
        Say(known.Count(pin => before.IsReserve(pin.Cpu.Id)), "on the core that is left to the host's own work");
        return faults;

        bool IsShared(LayoutCpu cpu) => before.LoadOf(cpu.Id) > 0 || (isNow && _onCpuNow.Value.GetValueOrDefault(cpu.Id) > 1);

        bool IsCoreShared(LayoutCore core) => before.GuestsOf(core) > 0 || (isNow ? _onCoreNow.Value.GetValueOrDefault(core) > 1 : sharing.Names(core.Cpus).Count > 1);

        void Say(int count, string what)
        {
            if (count > 0)
            {
                faults.Add($"{Count(count, "vCPU")} {what}");
            }
        }

        void Several(int count, string what)
        {
            if (count > 1)
            {
                faults.Add(Text($"on {count} {what}"));
            }
        }
    }

    // That emulator and I/O threads find no such good place beside the present one, if the VM can keep that.
    private IEnumerable<string> ServiceFault(PlacementVM vm, ServicePlace then)
    {
        if (PlaceOptions.Current(before, vm) is { } place)
        {
            var state = before.Copy();
            state.Take(vm, place);
            var now = new ServiceCpus(state).For(vm, place).Place;
            if (now > then)
            {
                yield return now switch
                {
                    ServicePlace.Sibling => "emulator and I/O threads on siblings of vCPUs",
                    ServicePlace.OtherNode => "emulator and I/O threads on another node",
                    _ => "emulator and I/O threads with vCPUs",
                };
            }
        }
    }

    private static Dictionary<TPlace, int> VMsOn<TPlace>(PlacementRequest request, Func<IEnumerable<int>, IEnumerable<TPlace>> of)
        where TPlace : notnull =>
        request.VMs.SelectMany(vm => of(vm.PluggedVcpus.Where(vm.CurrentPins.ContainsKey).Select(vcpu => vm.CurrentPins[vcpu]).Distinct()))
            .GroupBy(place => place).ToDictionary(vms => vms.Key, vms => vms.Count());

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
