// The pins that would address a finding: simple moves that keep what was meant. A placement from the ground up is New-VcpuPinPlan's.
using System.Globalization;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;

namespace KvmTune.Diagnosis.Findings;

/// <summary>Works out pins.</summary>
internal static class PinRemedies
{
    /// <summary>All host CPUs of several pins.</summary>
    public static CpuSet All(IEnumerable<CpuSet> pins) => pins.Aggregate(CpuSet.Empty, (all, cpus) => all.Union(cpus));

    /// <summary>The host CPUs that other running VMs are pinned to.</summary>
    public static CpuSet TakenByNeighbours(FindingContext context) =>
        context.Neighbours.Taken(context.Host.OnlineCpus);

    /// <summary>
    /// Moves some vCPUs to free host CPUs, on the nodes that the VM's pins are on, whole free cores first. Where there are not
    /// enough, the vCPUs lose their pins.
    /// </summary>
    public static IReadOnlyDictionary<int, CpuSet?> Spread(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins, IReadOnlyList<int> moved)
    {
        var stay = All(pins.Where(pin => !moved.Contains(pin.Key)).Select(pin => pin.Value));
        var taken = stay.Union(TakenByNeighbours(context)).Union(context.Host.IsolatedCpus ?? CpuSet.Empty);
        var own = All(pins.Values);
        var free = context.Host.Nodes.Where(node => node.CpuSet.Overlaps(own)).SelectMany(node => node.Cpus)
            .Where(cpu => context.Host.OnlineCpus.Contains(cpu.Id) && !taken.Contains(cpu.Id))
            .OrderBy(cpu => cpu.Siblings.Overlaps(taken)).ThenBy(cpu => cpu.Id != cpu.Siblings.Numbers[0]).ThenBy(cpu => cpu.Id)
            .Select(cpu => cpu.Id).ToList();
        return moved.Order().Select((vcpu, index) => (vcpu, Cpus: free.Count >= moved.Count ? new CpuSet(free[index]) : null))
            .ToDictionary(move => move.vcpu, move => move.Cpus);
    }

    /// <summary>Every pinned vCPU on all host CPUs of one node: the one that has most of them already. Null where no node is large enough.</summary>
    public static IReadOnlyDictionary<int, CpuSet?>? OnOneNode(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins, VMConfiguration vm)
    {
        var usable = context.Host.OnlineCpus.Except(context.Host.IsolatedCpus ?? CpuSet.Empty).Except(TakenByNeighbours(context));
        var node = context.Host.Nodes.Where(node => node.CpuSet.Intersect(usable).Count >= vm.CurrentVcpus)
            .OrderByDescending(node => pins.Values.Sum(cpus => cpus.Intersect(node.CpuSet).Count)).ThenBy(node => node.Id).FirstOrDefault();
        return node is null ? null : pins.Keys.ToDictionary(vcpu => vcpu, _ => (CpuSet?)node.CpuSet.Intersect(usable));
    }

    /// <summary>The memory from the nodes that the pins are on, in the mode that the VM has.</summary>
    public static FindingRemedy MemoryOnNodesOf(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins, VMConfiguration vm)
    {
        var cpus = All(pins.Values);
        var nodes = CpuSet.Of(context.Host.Nodes.Where(node => node.CpuSet.Overlaps(cpus)).Select(node => node.Id));
        return nodes.IsEmpty
            ? FindingRemedy.None("libvirt does not say which node the vCPUs are on")
            : FindingRemedy.By(new NumaPolicyChange
            {
                Mode = vm.Memory.NumaMode ?? "strict",
                NodeSet = nodes.ToString(),
                RunningIsRestrictive = context.VM.Running?.Memory.NumaMode == "restrictive",
            });
    }

    /// <summary>The guest topology, of single threads or of as many as a core of the host has, by which the pins keep the rule; null where none does.</summary>
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

    /// <summary>Each vCPU that is on isolated host CPUs on one of its own, its present ones first; null where there are too few.</summary>
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

    /// <summary>The emulator on host CPUs that no vCPU is pinned to: on the nodes of the vCPUs where there are any, else anywhere.</summary>
    public static FindingRemedy EmulatorOffVcpus(FindingContext context, IReadOnlyDictionary<int, CpuSet> pins)
    {
        var vcpus = All(pins.Values);
        var free = context.Host.OnlineCpus.Except(vcpus).Except(context.Host.IsolatedCpus ?? CpuSet.Empty);
        var near = All(context.Host.Nodes.Where(node => node.CpuSet.Overlaps(vcpus)).Select(node => node.CpuSet)).Intersect(free);
        return near.IsEmpty && free.IsEmpty
            ? FindingRemedy.None(string.Create(CultureInfo.InvariantCulture, $"the pins of the vCPUs take every host CPU ({vcpus})"))
            : FindingRemedy.By(EmulatorPinChange.Of(near.IsEmpty ? free : near));
    }
}
