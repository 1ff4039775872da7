// The pins that would address a finding: simple moves that keep the intention of the present pins. New-VcpuPinPlan makes whole placements.
using System.Globalization;
using KvmTune.Placement;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;

namespace KvmTune.Diagnosis.Findings;

/// <summary>Computes pins.</summary>
internal static class PinRemedies
{
    /// <summary>All host CPUs of several pins.</summary>
    public static CpuSet All(IEnumerable<CpuSet> pins) => pins.Aggregate(CpuSet.Empty, (all, cpus) => all.Union(cpus));

    /// <summary>The host CPUs that other running VMs are pinned to.</summary>
    public static CpuSet TakenByNeighbours(FindingContext context) =>
        context.Neighbours.Taken(context.Host.OnlineCpus);

    /// <summary>The pins that restrict vCPUs to some of the host's CPUs: their own pins, else <c>&lt;vcpu cpuset&gt;</c>.</summary>
    public static IReadOnlyDictionary<int, CpuSet> RealPins(FindingContext context, VMConfiguration vm) =>
        vm.EffectiveVcpuPins.Where(pin => pin.Key < vm.MaxVcpus && context.IsRealPin(pin.Value)).ToDictionary(pin => pin.Key, pin => pin.Value);

    /// <summary>The pins of vCPUs that are plugged in.</summary>
    public static IReadOnlyDictionary<int, CpuSet> Plugged(IReadOnlyDictionary<int, CpuSet> pins, VMConfiguration vm) =>
        pins.Where(pin => vm.IsPlugged(pin.Key)).ToDictionary(pin => pin.Key, pin => pin.Value);

    /// <summary>The pin of an emulator or I/O thread as evidence; without one <c>&lt;vcpu cpuset&gt;</c> binds it.</summary>
    public static FindingEvidence Evidence(string what, CpuSet? pin, ConfigurationView view) =>
        new(what, pin?.ToString() ?? $"(none), so {view.Configuration.VcpuCpuSet} by <vcpu cpuset>", view.Source);

    /// <summary>The pins as evidence.</summary>
    public static FindingEvidence Evidence(IReadOnlyDictionary<int, CpuSet> pins, string source) => new(
        "vCPU pins",
        string.Join(", ", pins.OrderBy(pin => pin.Key).Select(pin => string.Create(CultureInfo.InvariantCulture, $"{pin.Key}:{pin.Value}"))),
        source);

    /// <summary>The change to some pins; no change where it would remove a pin but leave <c>&lt;vcpu cpuset&gt;</c> in force.</summary>
    public static FindingRemedy Pinned(FindingContext context, IReadOnlyDictionary<int, CpuSet?> pins, string because)
    {
        var cpuSet = context.Views.Select(view => view.Configuration.VcpuCpuSet).FirstOrDefault(cpus => cpus is { IsEmpty: false } && context.IsRealPin(cpus));
        return pins.Count == 0 ? FindingRemedy.None(because)
            : pins.Values.All(cpus => cpus is not null) || cpuSet is null ? FindingRemedy.By(VcpuPinChange.Of(pins))
            : FindingRemedy.None($"without pins the vCPUs are still bound to {cpuSet} by <vcpu cpuset>{(because.Length > 0 ? $", and {because}" : null)}; edit that with virsh edit");
    }

    /// <summary>The same host CPUs in an order that puts the threads of each guest core on one host core; null where there is none.</summary>
    public static IReadOnlyDictionary<int, CpuSet?>? Reordered(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins, VMConfiguration vm)
    {
        var threads = vm.Cpu.Topology?.Threads ?? 1;
        if (threads < 2 || vm.MaxVcpus % threads != 0 || pins.Count != vm.MaxVcpus || pins.Values.Any(pin => pin.Count != 1) || pins.Values.Distinct().Count() != pins.Count)
        {
            return null;
        }

        // Each guest core gets a host core on the node of its first vCPU, as its memory may be there, and of these the one with the first vCPU.
        var coreOf = context.Host.Cpus.ToDictionary(cpu => cpu.Id, cpu => cpu.Siblings.Numbers[0]);
        var nodeOf = context.Host.Cpus.ToDictionary(cpu => cpu.Id, cpu => cpu.Node);
        var cores = pins.OrderBy(pin => pin.Key).Select(pin => pin.Value.Numbers[0]).GroupBy(cpu => coreOf.GetValueOrDefault(cpu, cpu)).ToList();
        if (!cores.TrueForAll(core => core.Count() == threads))
        {
            return null;
        }

        var reordered = new Dictionary<int, CpuSet?>();
        for (var vcpu = 0; vcpu < pins.Count; vcpu += threads)
        {
            var home = nodeOf.GetValueOrDefault(pins[vcpu].Numbers[0]);
            var core = cores.MinBy(core => nodeOf.GetValueOrDefault(core.Key) != home)!;
            cores.Remove(core);
            foreach (var cpu in core.Order())
            {
                reordered[reordered.Count] = new CpuSet(cpu);
            }
        }

        return reordered.Where(pin => pin.Value != pins[pin.Key]).ToDictionary(pin => pin.Key, pin => pin.Value);
    }

    /// <summary>The pins that a placement gives the VM's vCPUs, with its memory where it is; null where it finds none.</summary>
    public static IReadOnlyDictionary<int, CpuSet?>? Placed(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins)
    {
        var request = new PlacementRequest
        {
            Host = context.Host,
            VMs = [PlacementReader.ToVM(context.VM, context.Host, context.HostMemory, keepsMemory: true, [])],
            Neighbours = [.. context.Neighbours.Pinned(context.Host.OnlineCpus).Select(neighbour => new PlacementNeighbour
            {
                Name = neighbour.Name, Vcpus = neighbour.CurrentVcpus, VcpuPins = RealPins(context, neighbour), IsRealTime = !neighbour.Limits.RealTimeVcpus.IsEmpty,
            })],
            UseIsolatedCpus = pins.Values.Any(pin => context.Host.IsolatedCpus?.Overlaps(pin) == true),
        };
        return PlacementPlanner.Plan(request).VMs is [var placed]
            ? placed.VcpuPins.Where(pin => pins.ContainsKey(pin.Key)).ToDictionary(pin => pin.Key, pin => (CpuSet?)new CpuSet(pin.Value)) : null;
    }

    // The host CPUs with emulator and I/O threads of the VM and its neighbours: vCPUs go there last.
    private static CpuSet ServicePins(FindingContext context) =>
        All(context.VM.Current.IOThreadPins.Values.Concat(context.VM.Current.EmulatorPin is { } emulator ? [emulator] : []).Where(context.IsRealPin))
            .Union(context.Neighbours.TakenByServices(context.Host.OnlineCpus));

    /// <summary>
    /// Moves some vCPUs to free host CPUs on the nodes of the VM's pins, each on its own node if possible, whole free cores first. Where there are
    /// too few, the vCPUs lose their pins.
    /// </summary>
    public static IReadOnlyDictionary<int, CpuSet?> Spread(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins, VMConfiguration vm, IReadOnlyList<int> moved)
    {
        var stay = All(pins.Where(pin => !moved.Contains(pin.Key)).Select(pin => pin.Value));
        var taken = stay.Union(TakenByNeighbours(context)).Union(context.Host.IsolatedCpus ?? CpuSet.Empty);
        var homes = moved.ToDictionary(vcpu => vcpu, vcpu => HomeOf(context, pins, vm, vcpu));
        var own = All(pins.Values.Concat(homes.Values));
        var services = ServicePins(context);
        var free = context.Host.Nodes.Where(node => node.CpuSet.Overlaps(own)).SelectMany(node => node.Cpus)
            .Where(cpu => context.Host.OnlineCpus.Contains(cpu.Id) && !taken.Contains(cpu.Id))
            .OrderBy(cpu => services.Contains(cpu.Id)).ThenBy(cpu => cpu.Siblings.Overlaps(taken)).ThenBy(cpu => cpu.Id != cpu.Siblings.Numbers[0]).ThenBy(cpu => cpu.Id)
            .Select(cpu => cpu.Id).ToList();
        if (free.Count < moved.Count)
        {
            return moved.ToDictionary(vcpu => vcpu, _ => (CpuSet?)null);
        }

        var spread = new Dictionary<int, CpuSet?>();
        foreach (var vcpu in moved.Order())
        {
            var cpu = free.MinBy(cpu => (services.Contains(cpu), !homes[vcpu].Contains(cpu)));
            free.Remove(cpu);
            spread[vcpu] = new CpuSet(cpu);
        }

        return spread;
    }

    // The host CPUs of the nodes that a vCPU belongs to: those of its guest cell's memory, else of the pins of its cell, else of its own pin.
    private static CpuSet HomeOf(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins, VMConfiguration vm, int vcpu)
    {
        var cell = vm.Cpu.NumaCells.FirstOrDefault(cell => cell.Vcpus.Contains(vcpu));
        var policy = vm.Memory.CellPolicies.FirstOrDefault(policy => policy.CellId == cell?.Id);
        var cpus = All(pins.Where(pin => pin.Key == vcpu || cell?.Vcpus.Contains(pin.Key) == true).Select(pin => pin.Value));
        return All(context.Host.Nodes.Where(node => policy?.HostNodes.Contains(node.Id) ?? node.CpuSet.Overlaps(cpus)).Select(node => node.CpuSet));
    }

    /// <summary>Every pinned vCPU on all usable host CPUs of the node with most of the present pins; null where no node is large enough.</summary>
    public static IReadOnlyDictionary<int, CpuSet?>? OnOneNode(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins, VMConfiguration vm)
    {
        var usable = context.Host.OnlineCpus.Except(context.Host.IsolatedCpus ?? CpuSet.Empty).Except(TakenByNeighbours(context));
        var node = context.Host.Nodes.Where(node => node.CpuSet.Intersect(usable).Count >= vm.CurrentVcpus)
            .OrderByDescending(node => pins.Values.Sum(cpus => cpus.Intersect(node.CpuSet).Count)).ThenBy(node => node.Id).FirstOrDefault();
        return node is null ? null : pins.Keys.ToDictionary(vcpu => vcpu, _ => (CpuSet?)node.CpuSet.Intersect(usable));
    }

    /// <summary>The memory from the nodes of the pins, in the VM's present mode.</summary>
    public static FindingRemedy MemoryOnNodesOf(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins, VMConfiguration vm)
    {
        var cpus = All(pins.Values);
        var nodes = CpuSet.Of(context.Host.Nodes.Where(node => node.CpuSet.Overlaps(cpus)).Select(node => node.Id));
        return nodes.IsEmpty
            ? FindingRemedy.None("libvirt does not say which node the vCPUs are on")
            : FindingRemedy.By(new NumaPolicyChange
            {
                Mode = vm.Memory.NumaMode ?? "strict",
                NodeSet = CpuRules.NodesForMemory(context.Host, nodes, vm.Memory.MaximumKiB).ToString(),
                RunningIsRestrictive = context.VM.Running?.Memory.NumaMode == "restrictive",
            });
    }

    /// <summary>
    /// A guest topology with which the pins keep the rule: with one thread for each core, or with as many as a core of the host has. Null
    /// where none does.
    /// </summary>
    public static CpuModelChange? MatchingTopology(FindingContext context, VMConfiguration vm)
    {
        var hostThreads = context.Host.Cpus.Max(cpu => cpu.Siblings.Count);
        foreach (var threads in (int[])[1, hostThreads])
        {
            if (vm.MaxVcpus % threads != 0)
            {
                continue;
            }

            var topology = new CpuTopology(1, 1, vm.MaxVcpus / threads, threads);
            var after = vm with { Cpu = vm.Cpu with { Topology = topology } };
            var pins = VcpuPinChange.Of(vm.VcpuPins.ToDictionary(pin => pin.Key, pin => (CpuSet?)pin.Value));
            if (CpuRules.SiblingsMatchGuestTopology.Check(context.ForRules(pins, after)) is not { IsKept: false })
            {
                return new CpuModelChange
                {
                    Values = CpuModelChange.OfTopology(topology),
                };
            }
        }

        return null;
    }

    /// <summary>Gives each vCPU on isolated host CPUs one of them, if possible one of its present ones; null where there are too few.</summary>
    public static IReadOnlyDictionary<int, CpuSet?>? OneIsolatedEach(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins)
    {
        var isolated = (context.Host.IsolatedCpus ?? CpuSet.Empty).Intersect(context.Host.OnlineCpus);
        var left = isolated.Except(TakenByNeighbours(context));
        var result = new Dictionary<int, CpuSet?>();
        foreach (var (vcpu, cpus) in pins.Where(pin => pin.Value.Overlaps(isolated)).OrderBy(pin => pin.Value.Count).ThenBy(pin => pin.Key))
        {
            var choice = cpus.Intersect(left) is { IsEmpty: false } own ? own : left;
            if (choice.IsEmpty)
            {
                return null;
            }

            result[vcpu] = new CpuSet(choice.Numbers[0]);
            left = left.Except(new CpuSet(choice.Numbers[0]));
        }

        return result;
    }

    /// <summary>Moves the emulator to the CPUs that <see cref="ServiceCpus"/> finds.</summary>
    public static FindingRemedy EmulatorOffVcpus(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins) => ServiceCpus(context, pins) is { } cpus
        ? FindingRemedy.By(EmulatorPinChange.Of(cpus))
        : FindingRemedy.None(string.Create(CultureInfo.InvariantCulture, $"the pins of vCPUs take every host CPU ({All(pins.Values).Union(TakenByNeighbours(context))})"));

    /// <summary>
    /// Host CPUs for emulator and I/O threads, without pinned vCPUs of this VM or its neighbours. CPUs that are no siblings of the VM's
    /// vCPUs come first; then those on the nodes of the vCPUs. Null where there are none.
    /// </summary>
    public static CpuSet? ServiceCpus(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins)
    {
        var vcpus = All(pins.Values);
        var siblings = All(context.Host.Cpus.Where(cpu => vcpus.Contains(cpu.Id)).Select(cpu => cpu.Siblings));
        var near = All(context.Host.Nodes.Where(node => node.CpuSet.Overlaps(vcpus)).Select(node => node.CpuSet));
        var free = context.Host.OnlineCpus.Except(vcpus).Except(context.Host.IsolatedCpus ?? CpuSet.Empty).Except(TakenByNeighbours(context));
        return new[] { free.Except(siblings).Intersect(near), free.Except(siblings), free.Intersect(near), free }.FirstOrDefault(cpus => !cpus.IsEmpty);
    }
}
