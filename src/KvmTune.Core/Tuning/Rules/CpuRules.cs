// Rules about pins (host CPUs that exist, other threads on them, the host's topology), the guest's CPU topology and host-passthrough.
using System.Globalization;
using KvmTune.Topology;
using KvmTune.Tuning.Changes;
using static KvmTune.NumberText;

namespace KvmTune.Tuning.Rules;

/// <summary>Rules of the CPU area.</summary>
public static class CpuRules
{
    /// <summary>The number of running, unpinned neighbours from which the engine advises against pinning.</summary>
    public const int ManyUnpinnedVMs = 8;

    /// <summary>A pin needs at least one host CPU.</summary>
    public static TuningRule PinNeedsHostCpu { get; } = new(
        nameof(PinNeedsHostCpu), TuningArea.Cpu, RuleSeverity.Error,
        "libvirt refuses an empty CPU list.",
        "libvirt 9.0 qemuDomainPinVcpuFlags",
        static context => OfPins<PinChange>(context, static (_, change, pins) => RuleCheck.BrokenBy(
            [.. pins.Where(pin => pin.Value.IsEmpty).Select(pin => $"the list for {change.ThreadName(pin.Key)} is empty")],
            "every pin names a host CPU",
            "Name at least one host CPU, or remove the pin with the Clear- cmdlet.")));

    /// <summary>A pin may name only host CPUs that are online.</summary>
    public static TuningRule PinToOnlineHostCpu { get; } = new(
        nameof(PinToOnlineHostCpu), TuningArea.Cpu, RuleSeverity.Error,
        "libvirt stores a pin to a host CPU that does not exist, and the VM then fails at its next start.",
        "tried on libvirt 9.0.0 with QEMU 7.2",
        static context => OfPins<PinChange>(context, static (context, _, pins) =>
        {
            var missing = pins.Values.Aggregate(CpuSet.Empty, (all, cpus) => all.Union(cpus)).Except(context.HostCpus.OnlineCpus);
            return missing.IsEmpty
                ? RuleCheck.Kept($"all are online; the host has {context.HostCpus.OnlineCpus}")
                : RuleCheck.Broken($"The host has no online CPU {missing}. Online are: {context.HostCpus.OnlineCpus}.");
        }));

    /// <summary>Two vCPUs of one VM on one host CPU take turns.</summary>
    public static TuningRule PinSharesHostCpuWithinVM { get; } = new(
        nameof(PinSharesHostCpuWithinVM), TuningArea.Cpu, RuleSeverity.Warning,
        "Two vCPUs that may run only on the same host CPU take turns on it: the VM loses a CPU.",
        "design rule, after OpenStack Nova's dedicated CPUs",
        static context => OfPins<VcpuPinChange>(context, static (context, _, _) =>
        {
            var crowded = Crowded(context.After.EffectiveVcpuPins.Where(pin => context.After.IsPlugged(pin.Key) && (pin.Value.Count == 1 || IsRealPin(pin.Value, context))))
                .Select(entry => $"host CPU {entry.Cpus} carries the vCPUs {string.Join(", ", entry.Vcpus)} of this VM");
            return RuleCheck.BrokenBy([.. crowded], "no host CPU carries two vCPUs of this VM", "Spread them.");
        }));

    // The maximum number of vCPUs of other VMs that a finding lists.
    private const int MostShown = 8;

    /// <summary>A host CPU that carries pinned vCPUs of several running VMs is overcommitted.</summary>
    public static TuningRule PinOvercommitsHostCpu { get; } = new(
        nameof(PinOvercommitsHostCpu), TuningArea.Cpu, RuleSeverity.Warning,
        "Pinned vCPUs cannot move away from each other: on a shared host CPU each waits for the other while other CPUs may idle.",
        "design rule, after OpenStack Nova's dedicated CPUs",
        static context => OfPins<VcpuPinChange>(context, static (context, _, pins) =>
        {
            var shared = (
                from ours in pins
                where context.After.IsPlugged(ours.Key)
                from theirs in context.Neighbours.PinnedTo(ours.Value, context.HostCpus.OnlineCpus, MostShown + 1)
                select $"host CPU {ours.Value.Intersect(theirs.Cpus)} also carries vCPU {Text(theirs.Vcpu)} of '{theirs.VMName}'").Distinct(StringComparer.Ordinal).ToList();
            return RuleCheck.BrokenBy(
                shared.Count <= MostShown ? shared : [.. shared.Take(MostShown), "others are pinned there too"], "no other running VM is pinned there");
        }));

    /// <summary>vCPU threads and emulator threads on one host CPU slow each other down.</summary>
    public static TuningRule EmulatorOnVcpuHostCpu { get; } = new(
        nameof(EmulatorOnVcpuHostCpu), TuningArea.Cpu, RuleSeverity.Warning,
        "The emulator thread takes time from a vCPU that it shares a host CPU with: the guest sees it as steal.",
        "opensource.com, 'cpu steal time'; libvirt kvm-realtime",
        static context => OfPins<PinChange>(context, static (context, change, _) =>
        {
            if (change is IOThreadPinChange || context.After.EffectiveEmulatorPin is not { } emulator || !IsRealPin(emulator, context))
            {
                return null;
            }

            // A vCPU with more host CPUs than there are threads on them can move away from the emulator.
            var pins = context.After.EffectiveVcpuPins.Where(pin => context.After.IsPlugged(pin.Key)).ToList();
            var shared = pins.Where(pin => (pin.Value.IsSubsetOf(emulator) || emulator.IsSubsetOf(pin.Value))
                    && (pin.Value.Count == 1 || pin.Value.Union(emulator) is var both && pins.Count(other => other.Value.IsSubsetOf(both)) >= both.Count))
                .Select(pin => $"vCPU {Text(pin.Key)} and the emulator thread share host CPU {pin.Value.Intersect(emulator)}");
            return RuleCheck.BrokenBy([.. shared], $"the emulator thread sits on {emulator}, off the vCPUs");
        }));

    /// <summary>vCPUs are pinned to several NUMA nodes, and the guest has no NUMA cells.</summary>
    public static TuningRule PinsCrossNumaNodes { get; } = new(
        nameof(PinsCrossNumaNodes), TuningArea.Cpu, RuleSeverity.Warning,
        "A guest without NUMA cells that runs on several nodes meets remote memory without knowing it.",
        "RHEL 7 Virtualization Tuning and Optimization Guide, NUMA",
        static context => OfPins<VcpuPinChange>(context, static (context, _, _) =>
        {
            if (context.After.Cpu.NumaCells.Count > 0 || context.HostCpus.Nodes.Count < 2)
            {
                return null;
            }

            var cpus = context.After.EffectiveVcpuPins.Values.Aggregate(CpuSet.Empty, (all, set) => all.Union(set));
            var nodes = context.HostCpus.Nodes.Where(node => node.CpuSet.Overlaps(cpus)).Select(node => Text(node.Id)).ToList();
            return RuleCheck.BrokenBy(
                nodes.Count > 1 ? [$"The pins reach over the host's nodes {string.Join(", ", nodes)}, and the guest has no NUMA cells"] : [],
                $"all pins are on node {nodes.FirstOrDefault()}",
                "Pin within one node, or give the guest cells.");
        }));

    /// <summary>On a host with many running, unpinned VMs, pinning is the wrong tool.</summary>
    public static TuningRule PinningTakesFreedom { get; } = new(
        nameof(PinningTakesFreedom), TuningArea.Cpu, RuleSeverity.Warning,
        "Pins restrict the scheduler: one core can be overloaded while others idle.",
        "the course that the method comes from",
        static context => OfPins<VcpuPinChange>(context, static (context, _, _) =>
        {
            var unpinned = context.Neighbours.CountUnpinned(context.HostCpus.OnlineCpus);
            var evidence = string.Create(CultureInfo.InvariantCulture, $"{unpinned} other running VMs are not pinned");
            return RuleCheck.BrokenBy(
                unpinned >= ManyUnpinnedVMs ? [$"{evidence}: they run on its host CPUs too"] : [],
                evidence,
                "On such a host leave it to the scheduler.");
        }));

    /// <summary>CPUs that the kernel isolates get no load balancing.</summary>
    public static TuningRule IsolatedCpusNeedOneVcpuEach { get; } = new(
        nameof(IsolatedCpusNeedOneVcpuEach), TuningArea.Cpu, RuleSeverity.Warning,
        "The scheduler does not balance over isolated CPUs: a thread with several of them stays on the first, and two threads on one stay together.",
        "libvirt kvm-realtime; kernel parameter isolcpus",
        static context => OfPins<PinChange>(context, static (context, change, pins) =>
        {
            if (context.HostCpus.IsolatedCpus is not { IsEmpty: false } isolated)
            {
                return null;
            }

            var broken = pins.Where(pin => pin.Value.Overlaps(isolated) && (pin.Value.Count > 1 || change is EmulatorPinChange))
                .Select(pin => $"{change.ThreadName(pin.Key)} is given {pin.Value}, of which the kernel isolates {pin.Value.Intersect(isolated)}")
                .Concat(pins.Where(pin => pin.Value.Count == 1 && pin.Value.IsSubsetOf(isolated)).GroupBy(pin => pin.Value).Where(group => group.Count() > 1)
                    .Select(group => $"several threads are given the isolated host CPU {group.Key}"));
            return RuleCheck.BrokenBy([.. broken], $"isolated CPUs ({isolated}) carry one thread each", "Give each isolated CPU to one vCPU, and keep the emulator off them.");
        }));

    /// <summary>Sibling threads of the host are pinned to vCPUs that the guest sees as separate cores, or the reverse.</summary>
    public static TuningRule SiblingsMatchGuestTopology { get; } = new(
        nameof(SiblingsMatchGuestTopology), TuningArea.Cpu, RuleSeverity.Warning,
        "The guest's scheduler places work by the cores that it sees: siblings shown as cores are loaded as if each were a whole one.",
        "ayufan/pve-helpers#9; RHEL 7 Virtualization Tuning and Optimization Guide",
        static context => OfPins<VcpuPinChange>(context, static (context, _, _) => CheckSiblings(context)));

    /// <summary>vCPU pinning and the NUMA policy belong together.</summary>
    public static TuningRule PinsWithNumaPolicy { get; } = new(
        nameof(PinsWithNumaPolicy), TuningArea.Cpu, RuleSeverity.Warning,
        "Pinned vCPUs whose memory may lie on another node pay for every access to it.",
        "RHEL 7 Virtualization Tuning and Optimization Guide, numatune",
        static context => OfPins<VcpuPinChange>(context, static (context, _, pins) =>
        {
            if (context.HostCpus.Nodes.Count < 2)
            {
                return null;
            }

            var cpus = pins.Values.Aggregate(CpuSet.Empty, (all, set) => all.Union(set));
            var nodes = CpuSet.Of(context.HostCpus.Nodes.Where(node => node.CpuSet.Overlaps(cpus)).Select(node => node.Id));
            var near = NodesForMemory(context.HostCpus, nodes, context.After.Memory.MaximumKiB);
            return context.After.MemoryNodes is not { } memory
                ? RuleCheck.BrokenBy(
                    [$"The vCPUs are pinned to host node {nodes}, and the VM has no NUMA policy for its memory"],
                    string.Empty,
                    $"Set one with Set-VMNumaPolicy -Nodes {near}.")
                : memory.Intersect(context.HostCpus.NodesWithoutMemory) is { IsEmpty: false } empty
                    ? RuleCheck.Broken($"The memory comes from host node {memory}, and node {empty} has none. Use node {near}.")
                : memory.IsSubsetOf(nodes)
                    ? RuleCheck.Kept($"memory and vCPUs are on node {nodes}")
                : memory.IsSubsetOf(near)
                    ? RuleCheck.Kept($"the memory is more than node {nodes} of the vCPUs has, and comes from node {memory}")
                    : RuleCheck.Broken($"The vCPUs are pinned to host node {nodes}, and the memory comes from node {memory}.");
        }));

    /// <summary>The guest's CPU topology must have as many CPUs as the VM.</summary>
    public static TuningRule TopologyMatchesVcpus { get; } = new(
        nameof(TopologyMatchesVcpus), TuningArea.Cpu, RuleSeverity.Error,
        "libvirt refuses a topology whose product is not the maximum of vCPUs.",
        "libvirt formatdomain, CPU topology",
        static context => context.Change is not CpuModelChange || context.After.Cpu.Topology is not { } topology
            ? null
            : topology.Cpus == context.After.MaxVcpus
                ? RuleCheck.Kept($"{topology} is {Text(context.After.MaxVcpus)} vCPUs")
                : RuleCheck.Broken($"{topology} is {Text(topology.Cpus)} CPUs, and the VM has at most {Text(context.After.MaxVcpus)} vCPUs. Choose a topology of that many."));

    /// <summary>host-passthrough needs hardware virtualization.</summary>
    public static TuningRule PassthroughNeedsKvm { get; } = new(
        nameof(PassthroughNeedsKvm), TuningArea.Cpu, RuleSeverity.Error,
        "An emulated CPU cannot pass the host's through: libvirt refuses to start the VM.",
        "libvirt formatdomain, CPU model and topology",
        static context => context.Change is not CpuModelChange || context.After.Cpu.Mode is not "host-passthrough"
            ? null
            : context.After.DomainType is "qemu"
                ? RuleCheck.Broken($"'{context.After.Name}' is emulated (domain type qemu) and cannot have the CPU mode host-passthrough. Use a named model or maximum, or run it under KVM.")
                : RuleCheck.Kept($"domain type {context.After.DomainType}"));

    /// <summary>host-passthrough ties a VM to hosts with the same CPU.</summary>
    public static TuningRule PassthroughHindersMigration { get; } = new(
        nameof(PassthroughHindersMigration), TuningArea.Cpu, RuleSeverity.Warning,
        "A VM that sees the host's own CPU can be migrated live only to a host with the same one.",
        "libvirt formatdomain, CPU mode host-passthrough",
        static context => context.Change is not CpuModelChange || context.After.Cpu.Mode is null
            ? null
            : context.After.Cpu.Mode is "host-passthrough" or "maximum"
                ? RuleCheck.Broken($"With the CPU mode {context.After.Cpu.Mode} live migration needs a host with the same CPU.")
                : RuleCheck.Kept($"CPU mode {context.After.Cpu.Mode}"));

    /// <summary>All rules of this file.</summary>
    public static IReadOnlyList<TuningRule> All { get; } =
    [
        PinNeedsHostCpu, PinToOnlineHostCpu, PinSharesHostCpuWithinVM, PinOvercommitsHostCpu, EmulatorOnVcpuHostCpu, IsolatedCpusNeedOneVcpuEach,
        PinsCrossNumaNodes, PinsWithNumaPolicy, SiblingsMatchGuestTopology, PinningTakesFreedom, TopologyMatchesVcpus, PassthroughNeedsKvm,
        PassthroughHindersMigration,
    ];

    /// <summary>
    /// The host nodes for the memory of a VM with vCPUs on some nodes: those of them that have memory, and the nearest others if all memory of
    /// these is too small.
    /// </summary>
    internal static CpuSet NodesForMemory(VMHostTopology host, CpuSet nodes, long memoryKiB)
    {
        var own = host.Nodes.Where(node => nodes.Contains(node.Id)).ToList();
        var left = memoryKiB - own.Sum(node => node.MemoryKiB);
        var near = nodes.Except(host.NodesWithoutMemory);
        foreach (var node in host.Nodes.Except(own).Where(node => node.MemoryKiB > 0).OrderBy(node => own.Select(home => home.Distances.GetValueOrDefault(node.Id, 20)).DefaultIfEmpty(0).Min()).ThenBy(node => node.Id))
        {
            if (left <= 0 && !near.IsEmpty)
            {
                break;
            }

            near = near.Union(new CpuSet(node.Id));
            left -= node.MemoryKiB;
        }

        return near;
    }

    /// <summary>The sets of host CPUs that are smaller than the number of vCPUs restricted to them, the smallest sets first.</summary>
    internal static IReadOnlyList<(CpuSet Cpus, IReadOnlyList<int> Vcpus)> Crowded(IEnumerable<KeyValuePair<int, CpuSet>> pins)
    {
        var all = pins.ToList();
        var crowded = new List<(CpuSet Cpus, IReadOnlyList<int> Vcpus)>();
        foreach (var cpus in all.Select(pin => pin.Value).Distinct().OrderBy(cpus => cpus.Count))
        {
            var vcpus = all.Where(pin => pin.Value.IsSubsetOf(cpus)).Select(pin => pin.Key).Order().ToList();
            if (vcpus.Count > cpus.Count && !crowded.Exists(known => known.Cpus.IsSubsetOf(cpus)))
            {
                crowded.Add((cpus, vcpus));
            }
        }

        return crowded;
    }

    // The rules of pins check only changes that set pins: removing a pin breaks none of these rules.
    private static RuleCheck? OfPins<TChange>(
        RuleContext context, Func<RuleContext, TChange, IReadOnlyDictionary<int, CpuSet>, RuleCheck?> check)
        where TChange : PinChange
    {
        if (context.Change is not TChange change)
        {
            return null;
        }

        var pins = change.Pins.Where(pin => pin.Value is not null).ToDictionary(pin => pin.Key, pin => pin.Value!);
        return pins.Count == 0 ? null : check(context, change, pins);
    }

    // Two sibling vCPUs of the guest belong on sibling threads of one host core; two vCPUs of different cores belong on two host cores.
    private static RuleCheck? CheckSiblings(RuleContext context)
    {
        var threads = context.After.Cpu.Topology?.Threads ?? 1;
        var pinned = context.After.EffectiveVcpuPins.Where(pin => context.After.IsPlugged(pin.Key) && IsRealPin(pin.Value, context)).ToDictionary(pin => pin.Key, pin => pin.Value);
        var siblings = context.HostCpus.Cpus.ToDictionary(cpu => cpu.Id, cpu => cpu.Siblings);
        if (siblings.Values.All(set => set.Count == 1) || pinned.Count < 2)
        {
            return null;
        }

        // A pin to several host CPUs counts by their cores: if all are in one core, it is like a pin to a single CPU of that core.
        var cores = pinned.ToDictionary(pin => pin.Key, pin => pin.Value.Numbers.Select(cpu => siblings.GetValueOrDefault(cpu)?.Numbers[0] ?? cpu).ToHashSet());
        var broken = new List<string>();
        foreach (var (vcpu, cpus) in pinned.OrderBy(pin => pin.Key))
        {
            foreach (var (other, otherCpus) in pinned.Where(pin => pin.Key > vcpu).OrderBy(pin => pin.Key))
            {
                var areOnOneCore = cores[vcpu].Count == 1 && cores[vcpu].SetEquals(cores[other]) && !(cpus.Count == 1 && cpus == otherCpus);
                var areOnTwoCores = !cores[vcpu].Overlaps(cores[other]);
                var areSiblingsInGuest = vcpu / threads == other / threads;
                if (areOnOneCore && !areSiblingsInGuest)
                {
                    broken.Add($"vCPU {Text(vcpu)} and {Text(other)} are separate cores in the guest and share a core on the host (CPUs {cpus} and {otherCpus})");
                }
                else if (areSiblingsInGuest && areOnTwoCores)
                {
                    broken.Add($"vCPU {Text(vcpu)} and {Text(other)} are threads of one core in the guest and sit on two cores of the host (CPUs {cpus} and {otherCpus})");
                }
            }
        }

        return RuleCheck.BrokenBy(broken, "cores and threads of the guest match the host's", "Pin to other CPUs, or give the guest the topology with Set-VMCpuModel -Topology.");
    }

    // A pin to all host CPUs restricts nothing: libvirt reports one after a live pin was removed.
    private static bool IsRealPin(CpuSet cpus, RuleContext context) => !context.HostCpus.OnlineCpus.IsSubsetOf(cpus);
}
