// Findings about pins. The rules of changes know the faults of a pin, so they judge the present pins.
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;

namespace KvmTune.Diagnosis.Findings;

/// <summary>Kinds of findings of the CPU area.</summary>
public static class CpuFindings
{
    /// <summary>The source that evidence names for a rule's judgement.</summary>
    public const string HostSource = "libvirt: capabilities and running VMs of the host";

    /// <summary>A pin to a host CPU that does not exist or is offline.</summary>
    public static FindingKind PinToOnlineHostCpu { get; } = OfVcpuPins(
        CpuRules.PinToOnlineHostCpu, FindingSeverity.High,
        "Try without these pins, before the next start fails.",
        static (context, pins, _) => PinRemedies.Pinned(
            context, pins.Where(pin => !pin.Value.IsSubsetOf(context.Host.OnlineCpus)).ToDictionary(pin => pin.Key, _ => (CpuSet?)null), string.Empty));

    /// <summary>Two vCPUs of the VM on one host CPU.</summary>
    public static FindingKind PinSharesHostCpuWithinVM { get; } = OfVcpuPins(
        CpuRules.PinSharesHostCpuWithinVM, FindingSeverity.High,
        "Try a separate host CPU for each vCPU, or no pins where the host has too few CPUs.",
        static (context, pins, configuration) => PinRemedies.Pinned(
            context,
            PinRemedies.Spread(context, pins, configuration, [.. CpuRules.Crowded(PinRemedies.Plugged(pins, configuration)).SelectMany(entry => entry.Vcpus.Skip(entry.Cpus.Count)).Distinct()]),
            "the host has too few free CPUs"));

    /// <summary>A host CPU that carries pins of several running VMs.</summary>
    public static FindingKind PinOvercommitsHostCpu { get; } = OfVcpuPins(
        CpuRules.PinOvercommitsHostCpu, FindingSeverity.Medium,
        "Try the shared vCPUs on host CPUs that no other VM is pinned to, or without a pin where there are none.",
        static (context, pins, configuration) =>
        {
            var theirs = PinRemedies.TakenByNeighbours(context);
            var shared = PinRemedies.Plugged(pins, configuration).Where(pin => pin.Value.Overlaps(theirs)).Select(pin => pin.Key).ToList();
            return PinRemedies.Pinned(context, PinRemedies.Spread(context, pins, configuration, shared), "the host has too few free CPUs");
        });

    /// <summary>Pins across NUMA nodes.</summary>
    public static FindingKind PinsCrossNumaNodes { get; } = OfVcpuPins(
        CpuRules.PinsCrossNumaNodes, FindingSeverity.Medium,
        "Try all vCPUs on one node.",
        static (context, pins, configuration) => PinRemedies.OnOneNode(context, pins, configuration) is { } onNode
            ? FindingRemedy.By(VcpuPinChange.Of(onNode))
            : FindingRemedy.None("no node has as many host CPUs as the VM has vCPUs; give the guest NUMA cells instead (virsh edit)"));

    /// <summary>Pinned vCPUs, and memory that may lie elsewhere.</summary>
    public static FindingKind PinsWithNumaPolicy { get; } = OfVcpuPins(
        CpuRules.PinsWithNumaPolicy, FindingSeverity.Medium,
        "Try the memory on the node of the vCPUs.",
        static (context, pins, configuration) => configuration.Memory.CellPolicies.Count > 0
            ? FindingRemedy.None("the guest's NUMA cells have policies of their own; edit them with virsh edit")
            : PinRemedies.MemoryOnNodesOf(context, pins, configuration));

    /// <summary>Siblings and cores of the guest that do not match those of the host.</summary>
    public static FindingKind SiblingsMatchGuestTopology { get; } = OfVcpuPins(
        CpuRules.SiblingsMatchGuestTopology, FindingSeverity.Medium,
        "Try the same host CPUs in another order, or a guest topology that matches the pins.",
        static (context, pins, configuration) => PinRemedies.Reordered(context, pins, configuration) is { } reordered
            ? PinRemedies.Pinned(context, reordered, string.Empty)
            : PinRemedies.MatchingTopology(context, configuration) is { } change
            ? FindingRemedy.By(change)
            : FindingRemedy.None("no topology of equal cores matches these pins; other pins would"));

    /// <summary>Isolated CPUs that carry several threads, or threads that are pinned to several isolated CPUs.</summary>
    public static FindingKind IsolatedCpusNeedOneVcpuEach { get; } = OfVcpuPins(
        CpuRules.IsolatedCpusNeedOneVcpuEach, FindingSeverity.Medium,
        "Try one vCPU on each isolated host CPU.",
        static (context, pins, _) => PinRemedies.OneIsolatedEach(context, pins) is { } spread
            ? FindingRemedy.By(VcpuPinChange.Of(spread))
            : FindingRemedy.None("the kernel does not isolate as many host CPUs as there are vCPUs on them"));

    /// <summary>Pins beside many VMs without pins.</summary>
    public static FindingKind PinningTakesFreedom { get; } = OfVcpuPins(
        CpuRules.PinningTakesFreedom, FindingSeverity.Medium,
        "Try without pins: on such a host the scheduler has more to choose from.",
        static (context, pins, _) => PinRemedies.Pinned(context, pins.Keys.ToDictionary(vcpu => vcpu, _ => (CpuSet?)null), string.Empty));

    /// <summary>The emulator pinned to host CPUs of vCPUs.</summary>
    public static FindingKind EmulatorOnVcpuHostCpu { get; } = OfVcpuPins(
        CpuRules.EmulatorOnVcpuHostCpu, FindingSeverity.Medium,
        "Try the emulator on host CPUs that no vCPU is pinned to.",
        static (context, pins, _) => PinRemedies.EmulatorOffVcpus(context, pins));

    /// <summary>An emulator that may run where vCPUs are pinned to single host CPUs.</summary>
    public static FindingKind EmulatorMayDisturbVcpus { get; } = new(
        nameof(EmulatorMayDisturbVcpus), TuningArea.Cpu, FindingSeverity.Low, WorkloadKinds.Cpu,
        "A vCPU that is pinned to one host CPU cannot move away from an emulator thread that may run there too.",
        "libvirt formatdomain, emulatorpin; libvirt kvm-realtime",
        static context =>
        {
            foreach (var view in context.Views)
            {
                var pins = PinRemedies.RealPins(context, view.Configuration);
                var alone = PinRemedies.All(pins.Where(pin => pin.Value.Count == 1).Select(pin => pin.Value));
                var isPinned = view.Configuration.EmulatorPin is { } pin && context.IsRealPin(pin);
                var emulator = (view.Configuration.VcpuCpuSet ?? context.Host.OnlineCpus).Intersect(context.Host.OnlineCpus);
                if (!isPinned && emulator.Overlaps(alone) && !ThreadFindings.CrowdsEmulator(view.Configuration, pins)
                    && PinRemedies.EmulatorOffVcpus(context, pins) is { MakeChange: not null } remedy)
                {
                    return
                    [
                        new FindingObservation(
                            "emulator pin",
                            [PinRemedies.Evidence(pins, view.Source), new FindingEvidence("emulator pin", $"(none), so it may run on {emulator}", view.Source)],
                            "Try the emulator on host CPUs that no vCPU is pinned to.", remedy),
                    ];
                }
            }

            return [];
        });

    /// <summary>All kinds of this file.</summary>
    public static IReadOnlyList<FindingKind> All { get; } =
    [
        PinToOnlineHostCpu, PinSharesHostCpuWithinVM, PinOvercommitsHostCpu, PinsCrossNumaNodes, PinsWithNumaPolicy, SiblingsMatchGuestTopology,
        IsolatedCpusNeedOneVcpuEach, PinningTakesFreedom, EmulatorOnVcpuHostCpu, EmulatorMayDisturbVcpus,
    ];

    // Applies a rule of pins to the VM's present pins: first those in force, then those of the next start.
    private static FindingKind OfVcpuPins(
        TuningRule rule, FindingSeverity severity, string suggestion,
        Func<FindingContext, IReadOnlyDictionary<int, CpuSet>, VMConfiguration, FindingRemedy> remedy) => new(
        // The emulator thread also does the work of disks without an I/O thread and of NICs without vhost.
        rule.Id, rule.Area, severity, rule == CpuRules.EmulatorOnVcpuHostCpu ? WorkloadKinds.Any : WorkloadKinds.Cpu, rule.Reason, rule.Source,
        context =>
        {
            foreach (var view in context.Views)
            {
                var pins = PinRemedies.RealPins(context, view.Configuration);
                if (rule != CpuRules.PinToOnlineHostCpu)
                {
                    // A pin to a missing host CPU is one finding, and not one for each rule.
                    pins = pins.Where(pin => pin.Value.Overlaps(context.Host.OnlineCpus)).ToDictionary(pin => pin.Key, pin => pin.Value);
                }

                if (rule == CpuRules.EmulatorOnVcpuHostCpu && (ThreadFindings.StarvesEmulator(view.Configuration, pins)
                    || (view.Configuration.EmulatorPin is null && !ThreadFindings.CrowdsEmulator(view.Configuration, pins))))
                {
                    // An emulator that may run elsewhere too, and an emulator under real-time vCPUs, are separate findings.
                    continue;
                }

                var change = VcpuPinChange.Of(pins.ToDictionary(pin => pin.Key, pin => (CpuSet?)pin.Value));

                // Memory and guest topology are those of the next start: if they match the pins already, only a restart is missing.
                var configuration = view.Configuration with { VcpuPins = pins, Memory = context.Planned.Configuration.Memory, Cpu = context.Planned.Configuration.Cpu };
                if (pins.Count > 0 && rule.Check(context.ForRules(change, configuration)) is { IsKept: false } check)
                {
                    return
                    [
                        new FindingObservation(
                            "vCPU pins",
                            [
                                PinRemedies.Evidence(pins, view.Source),
                                .. view.Configuration.EmulatorPin is null && rule != CpuRules.EmulatorOnVcpuHostCpu
                                    ? Array.Empty<FindingEvidence>() : [PinRemedies.Evidence("emulator pin", view.Configuration.EmulatorPin, view)],
                                new FindingEvidence("judgement", check.Observed, HostSource),
                            ],
                            suggestion, remedy(context, pins, configuration)),
                    ];
                }
            }

            return [];
        });
}
