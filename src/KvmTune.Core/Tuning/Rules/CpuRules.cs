// Rules about pins: which host CPUs exist, who else sits there, and what the host's topology makes of it.
using System.Globalization;
using KvmTune.Topology;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tuning.Rules;

/// <summary>Rules of the CPU area.</summary>
public static class CpuRules
{
    /// <summary>From how many running, unpinned neighbours on pinning is called the wrong tool.</summary>
    public const int ManyUnpinnedVMs = 8;

    /// <summary>A pin needs at least one host CPU.</summary>
    public static TuningRule PinNeedsHostCpu { get; } = new(
        nameof(PinNeedsHostCpu), TuningArea.Cpu, RuleSeverity.Error,
        "libvirt refuses an empty CPU list.",
        "libvirt 9.0 qemuDomainPinVcpuFlags",
        static context => ForPins(context, static (_, pins) => RuleCheck.BrokenBy(
            [.. pins.Where(pin => pin.Value.IsEmpty).Select(pin => $"the list for vCPU {Text(pin.Key)} is empty")],
            "every pin names a host CPU",
            "Name at least one host CPU, or take the pin away with Clear-VcpuPin.")));

    /// <summary>A pin may name only host CPUs that are online.</summary>
    public static TuningRule PinToOnlineHostCpu { get; } = new(
        nameof(PinToOnlineHostCpu), TuningArea.Cpu, RuleSeverity.Error,
        "libvirt stores a pin to a host CPU that does not exist, and the VM then fails at its next start.",
        "tried on libvirt 9.0.0 with QEMU 7.2",
        static context => ForPins(context, static (context, pins) =>
        {
            var missing = pins.Values.Aggregate(CpuSet.Empty, (all, cpus) => all.Union(cpus)).Except(context.Host.OnlineCpus);
            return missing.IsEmpty
                ? RuleCheck.Kept($"all are online; the host has {context.Host.OnlineCpus}")
                : RuleCheck.Broken($"The host has no online CPU {missing}. Online are: {context.Host.OnlineCpus}.");
        }));

    /// <summary>Two vCPUs of one VM on one host CPU take turns.</summary>
    public static TuningRule PinSharesHostCpuWithinVM { get; } = new(
        nameof(PinSharesHostCpuWithinVM), TuningArea.Cpu, RuleSeverity.Warning,
        "Two vCPUs that may run only on the same host CPU take turns on it: the VM loses a CPU.",
        "design rule, after OpenStack Nova's dedicated CPUs",
        static context => ForPins(context, static (context, _) =>
        {
            var crowded = context.After.VcpuPins.Where(pin => pin.Key < context.After.CurrentVcpus && pin.Value.Count == 1)
                .GroupBy(pin => pin.Value).Where(group => group.Count() > 1)
                .Select(group => $"host CPU {group.Key} carries the vCPUs {string.Join(", ", group.Select(pin => Text(pin.Key)).Order(StringComparer.Ordinal))} of this VM");
            return RuleCheck.BrokenBy([.. crowded], "no host CPU carries two vCPUs of this VM", "Spread them.");
        }));

    /// <summary>A host CPU that carries pinned vCPUs of several running VMs is overcommitted.</summary>
    public static TuningRule PinOvercommitsHostCpu { get; } = new(
        nameof(PinOvercommitsHostCpu), TuningArea.Cpu, RuleSeverity.Warning,
        "Pinned vCPUs cannot evade each other: on a shared host CPU each waits for the other while other CPUs may idle.",
        "design rule, after OpenStack Nova's dedicated CPUs",
        static context => ForPins(context, static (context, pins) =>
        {
            var shared =
                from neighbour in context.Neighbours
                from theirs in neighbour.VcpuPins
                where IsRealPin(theirs.Value, context)
                from ours in pins
                where ours.Value.Overlaps(theirs.Value)
                select $"host CPU {ours.Value.Intersect(theirs.Value)} also carries vCPU {Text(theirs.Key)} of '{neighbour.Name}'";
            return RuleCheck.BrokenBy([.. shared.Distinct(StringComparer.Ordinal)], "no other running VM is pinned there");
        }));

    /// <summary>vCPU and emulator threads on one host CPU disturb each other.</summary>
    public static TuningRule EmulatorOnVcpuHostCpu { get; } = new(
        nameof(EmulatorOnVcpuHostCpu), TuningArea.Cpu, RuleSeverity.Warning,
        "The emulator thread takes time from a vCPU that it shares a host CPU with: the guest sees it as steal.",
        "opensource.com, 'cpu steal time'; libvirt kvm-realtime",
        static context => ForPins(context, static (context, _) =>
        {
            if (context.After.EmulatorPin is not { } emulator || !IsRealPin(emulator, context))
            {
                return null;
            }

            var shared = context.After.VcpuPins.Where(pin => pin.Value.IsSubsetOf(emulator) || emulator.IsSubsetOf(pin.Value))
                .Select(pin => $"vCPU {Text(pin.Key)} and the emulator thread share host CPU {pin.Value.Intersect(emulator)}");
            return RuleCheck.BrokenBy([.. shared], $"the emulator thread sits on {emulator}, off the vCPUs");
        }));

    /// <summary>vCPUs pinned across NUMA nodes, in a guest that knows nothing of it.</summary>
    public static TuningRule PinsCrossNumaNodes { get; } = new(
        nameof(PinsCrossNumaNodes), TuningArea.Cpu, RuleSeverity.Warning,
        "A guest without NUMA cells that runs on several nodes meets remote memory without knowing it.",
        "RHEL 7 Virtualization Tuning and Optimization Guide, NUMA",
        static context => ForPins(context, static (context, _) =>
        {
            if (context.After.Cpu.NumaCells.Count > 0 || context.Host.Nodes.Count < 2)
            {
                return null;
            }

            var cpus = context.After.VcpuPins.Values.Aggregate(CpuSet.Empty, (all, set) => all.Union(set));
            var nodes = context.Host.Nodes.Where(node => node.CpuSet.Overlaps(cpus)).Select(node => Text(node.Id)).ToList();
            return nodes.Count > 1
                ? RuleCheck.Broken($"The pins reach over the host's nodes {string.Join(", ", nodes)}, and the guest has no NUMA cells. Pin within one node, or give the guest cells.")
                : RuleCheck.Kept($"all pins are on node {nodes.FirstOrDefault()}");
        }));

    /// <summary>On a host with many running, unpinned VMs, pinning is the wrong tool.</summary>
    public static TuningRule PinningTakesFreedom { get; } = new(
        nameof(PinningTakesFreedom), TuningArea.Cpu, RuleSeverity.Warning,
        "Pinning takes the scheduler's freedom away: one core can be overloaded while others idle.",
        "the course that the method comes from",
        static context => ForPins(context, static (context, _) =>
        {
            var unpinned = context.Neighbours.Count(neighbour => !neighbour.VcpuPins.Values.Any(pin => IsRealPin(pin, context)));
            var evidence = string.Create(CultureInfo.InvariantCulture, $"{unpinned} other running VMs are not pinned");
            return unpinned >= ManyUnpinnedVMs
                ? RuleCheck.Broken($"{evidence}: they share the host CPUs with this one whatever it is pinned to. On such a host leave it to the scheduler.")
                : RuleCheck.Kept(evidence);
        }));

    /// <summary>All rules of this file.</summary>
    public static IReadOnlyList<TuningRule> All { get; } =
    [
        PinNeedsHostCpu, PinToOnlineHostCpu, PinSharesHostCpuWithinVM, PinOvercommitsHostCpu, EmulatorOnVcpuHostCpu, PinsCrossNumaNodes,
        PinningTakesFreedom,
    ];

    // The rules of pins speak only of changes that pin; taking pins away breaks none of them.
    private static RuleCheck? ForPins(RuleContext context, Func<RuleContext, IReadOnlyDictionary<int, CpuSet>, RuleCheck?> check)
    {
        if (context.Change is not VcpuPinChange change)
        {
            return null;
        }

        var pins = change.Pins.Where(pin => pin.Value is not null).ToDictionary(pin => pin.Key, pin => pin.Value!);
        return pins.Count == 0 ? null : check(context, pins);
    }

    // A pin to all host CPUs is none: libvirt shows it so after a live pin was taken back.
    private static bool IsRealPin(CpuSet cpus, RuleContext context) => !context.Host.OnlineCpus.IsSubsetOf(cpus);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
