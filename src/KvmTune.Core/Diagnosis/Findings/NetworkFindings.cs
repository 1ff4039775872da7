// Findings about NICs: their model, their queues, and whether the guest uses them.
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using static KvmTune.NumberText;

namespace KvmTune.Diagnosis.Findings;

/// <summary>Kinds of findings of the network area.</summary>
public static class NetworkFindings
{
    /// <summary>A NIC that QEMU emulates completely.</summary>
    public static FindingKind NonVirtioNic { get; } = new(
        nameof(NonVirtioNic), TuningArea.Network, FindingSeverity.Medium, WorkloadKinds.Network,
        "Each packet through an emulated card leaves the guest; a virtio NIC shares memory with the host and can use vhost.",
        "RHEL 7 Virtualization Tuning and Optimization Guide, virtio; libvirt formatdomain, NIC model",
        static context => ForNics(context, static (_, source, nic) => NetworkRules.IsVirtio(nic) || IsVirtioByDeviceName(nic) || nic.InterfaceType is "hostdev" or "vdpa"
            ? null
            : new FindingObservation(
                $"NIC {nic.Mac}", [new FindingEvidence($"NIC {nic.Mac} model", nic.Model ?? "(not set)", source)],
                $"Try model='virtio' for NIC {nic.Mac} (virsh edit), once the guest has the driver.",
                FindingRemedy.None("the guest sees another model as another card, with another driver and name: setting the old model again does not undo that"))));

    /// <summary>A virtio NIC whose model is the name of QEMU's device.</summary>
    public static FindingKind VirtioNicWithoutVhost { get; } = new(
        nameof(VirtioNicWithoutVhost), TuningArea.Network, FindingSeverity.Medium, WorkloadKinds.Network,
        "By the name of QEMU's device a NIC is the same card as model virtio, but libvirt gives it neither vhost nor queues.",
        "libvirt 9.0 virDomainNetIsVirtioModel, qemuBuildNicDevProps",
        static context => ForNics(context, static (_, source, nic) => !IsVirtioByDeviceName(nic)
            ? null
            : new FindingObservation(
                $"NIC {nic.Mac}", [new FindingEvidence($"NIC {nic.Mac} model", nic.Model!, source)],
                $"Try model='virtio' for NIC {nic.Mac} (virsh edit): the guest keeps its driver and the card.",
                FindingRemedy.None("the model of a card is not among the settings that are changed here"))));

    /// <summary>One queue for several vCPUs.</summary>
    public static FindingKind MultiqueueMissing { get; } = new(
        nameof(MultiqueueMissing), TuningArea.Network, FindingSeverity.Low, WorkloadKinds.Network,
        "With one queue all packets of a NIC go through one vCPU and one thread of the host.",
        "Red Hat, RHEL 7 tuning guide, multi-queue virtio-net",
        static context => ForNics(context, static (context, source, nic) => !HasQueues(nic) || nic.Queues > 1 || context.Planned.Configuration.IsDesktop || context.Planned.Configuration.CurrentVcpus < 2
            ? null
            : new FindingObservation(
                $"NIC {nic.Mac}",
                [new FindingEvidence($"NIC {nic.Mac} queues", nic.Queues is null ? "(not set, so 1)" : "1", source), Vcpus(context, source)],
                $"Try a queue for each vCPU on NIC {nic.Mac}, where many connections are busy at once; small messages can get slower.",
                Queues(context, nic))));

    /// <summary>More queues than vCPUs.</summary>
    public static FindingKind NicQueuesAboveVcpus { get; } = new(
        NetworkRules.NicQueuesAboveVcpus.Id, TuningArea.Network, FindingSeverity.Low, WorkloadKinds.Network,
        NetworkRules.NicQueuesAboveVcpus.Reason, NetworkRules.NicQueuesAboveVcpus.Source,
        static context => ForNics(context, static (context, source, nic) => !HasQueues(nic) || !(nic.Queues > Math.Max(context.Planned.Configuration.CurrentVcpus, 1))
            ? null
            : new FindingObservation(
                $"NIC {nic.Mac}", [new FindingEvidence($"NIC {nic.Mac} queues", Text(nic.Queues.Value), source), Vcpus(context, source)],
                $"Try no more queues than vCPUs on NIC {nic.Mac}.",
                Queues(context, nic))));

    /// <summary>Queues that the guest does not use.</summary>
    public static FindingKind NicQueuesNotUsedByGuest { get; } = new(
        nameof(NicQueuesNotUsedByGuest), TuningArea.Network, FindingSeverity.Medium, WorkloadKinds.Network,
        "Queues that the guest does not switch on do nothing: older guests come up with one, and the others must be switched on in the guest.",
        "Red Hat, RHEL 7 tuning guide, multi-queue virtio-net; virtio-win kvm-guest-drivers-windows#846",
        static context => OfGuest(context, static (context, nic, reading) => reading.InUse is { } used && used < Expected(context, nic)
            ? new FindingObservation(
                $"NIC {nic.Mac}",
                [
                    new FindingEvidence($"NIC {nic.Mac} queues", Text(nic.Queues!.Value), FindingContext.RunningXml),
                    new FindingEvidence("queues in use", Text(used), reading.Source),
                ],
                $"Try in the guest: ethtool -L {reading.Interface ?? "IF"} combined {Text(Expected(context, nic))}.",
                FindingRemedy.None("this is a step in the guest, which its next reboot resets; no setting of the VM does it"))
            : null));

    /// <summary>Queues of which it is not known whether the guest uses them.</summary>
    public static FindingKind NicQueuesInGuestUnknown { get; } = new(
        nameof(NicQueuesInGuestUnknown), TuningArea.Network, FindingSeverity.Unknown, WorkloadKinds.Network,
        "Only the guest knows whether it uses a NIC's queues.",
        "Red Hat, RHEL 7 tuning guide, multi-queue virtio-net",
        static context => OfGuest(context, static (_, nic, reading) => reading.InUse is null
            ? new FindingObservation(
                $"NIC {nic.Mac}",
                [
                    new FindingEvidence($"NIC {nic.Mac} queues", Text(nic.Queues!.Value), FindingContext.RunningXml),
                    new FindingEvidence("queues in use", $"unknown: {reading.Unknown}", reading.Source),
                ],
                $"Try a look in the guest: ethtool -l {reading.Interface ?? "IF"}.",
                FindingRemedy.None("nothing is known to be wrong"))
            : null));

    /// <summary>All kinds of this file.</summary>
    public static IReadOnlyList<FindingKind> All { get; } =
        [NonVirtioNic, VirtioNicWithoutVhost, NicQueuesNotUsedByGuest, MultiqueueMissing, NicQueuesAboveVcpus, NicQueuesInGuestUnknown];

    /// <summary>The NICs of a running VM whose guest has to enable its queues: those with more than one queue.</summary>
    public static IReadOnlyList<NicConfiguration> WithQueuesToFollow(VMTopology vm) => vm.Running is { } running
        ? [.. running.Nics.Where(nic => HasQueues(nic) && nic.Queues > 1 && running.CurrentVcpus > 1)]
        : [];

    private static IEnumerable<FindingObservation> ForNics(
        FindingContext context, Func<FindingContext, string, NicConfiguration, FindingObservation?> look)
    {
        var (source, vm) = context.Planned;
        return context.IsQemu
            ? [.. vm.Nics.Where(nic => nic.Mac.Length > 0).DistinctBy(nic => nic.Mac, StringComparer.OrdinalIgnoreCase).Select(nic => look(context, source, nic)).OfType<FindingObservation>()]
            : [];
    }

    private static IEnumerable<FindingObservation> OfGuest(
        FindingContext context, Func<FindingContext, NicConfiguration, Guest.GuestNicQueuesReading, FindingObservation?> look) =>
        from nic in WithQueuesToFollow(context.VM)
        where context.GuestQueues.ContainsKey(nic.Mac)
        let observation = look(context, nic, context.GuestQueues[nic.Mac])
        where observation is not null
        select observation;

    // The guest cannot use more queues than it has vCPUs.
    private static int Expected(FindingContext context, NicConfiguration nic) => Math.Min(nic.Queues!.Value, context.VM.Current.CurrentVcpus);

    private static bool IsVirtioByDeviceName(NicConfiguration nic) => nic.Model?.StartsWith("virtio-net-", StringComparison.Ordinal) == true;

    private static bool HasQueues(NicConfiguration nic) => NetworkRules.IsVirtio(nic) && NetworkRules.CanHaveQueues(nic);

    private static FindingEvidence Vcpus(FindingContext context, string source) =>
        new("vCPUs", Text(context.Planned.Configuration.CurrentVcpus), source);

    // As many as vCPUs; without the setting a NIC has one queue.
    private static FindingRemedy Queues(FindingContext context, NicConfiguration nic)
    {
        var queues = NicQueuesChange.DefaultQueues(context.Planned.Configuration, context.Abilities);
        return FindingRemedy.By(new NicQueuesChange
        {
            Nics = new Dictionary<string, IReadOnlyDictionary<string, string?>>(StringComparer.OrdinalIgnoreCase)
            {
                [nic.Mac] = new Dictionary<string, string?>(StringComparer.Ordinal) { ["queues"] = queues > 1 ? Text(queues) : null },
            },
        });
    }
}
