// Rules about NICs: what several queues need, how many are useful, and what they cost.
using System.Globalization;
using KvmTune.Topology;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tuning.Rules;

/// <summary>Rules of the network area.</summary>
public static class NetworkRules
{
    /// <summary>The maximum number of queues of a tap device (Linux: MAX_TAP_QUEUES).</summary>
    public const int MostQueues = 256;

    /// <summary>The same maximum before Linux 4.0.</summary>
    public const int MostQueuesOfOldKernels = 8;

    /// <summary>The approximate number of interrupt vectors that a guest has for all its devices.</summary>
    public const int GuestVectors = 200;

    /// <summary>Only virtio NICs have queues, ring sizes and backends.</summary>
    public static TuningRule NicNeedsVirtioModel { get; } = new(
        nameof(NicNeedsVirtioModel), TuningArea.Network, RuleSeverity.Error,
        "Queues, ring sizes and backends are options of virtio NICs; libvirt ignores or refuses them for other models.",
        "libvirt formatdomain, driver-specific NIC options; libvirt 9.0 qemuValidateDomainDeviceDefNetwork",
        static context => ForNics(context, static nic => Sets(nic.Options, "queues", "name", "rx_queue_size", "tx_queue_size"), static (_, nics) => RuleCheck.BrokenBy(
            [.. nics.Where(nic => !IsVirtio(nic.After)).Select(nic => $"NIC {nic.After.Mac} has {(nic.After.Model is { } model ? $"model '{model}'" : "no model set")}")],
            "the model is virtio",
            "Several queues need model virtio, and a driver for it in the guest.")));

    /// <summary>Only some kinds of interface can have several queues.</summary>
    public static TuningRule MultiqueueNeedsInterfaceType { get; } = new(
        nameof(MultiqueueNeedsInterfaceType), TuningArea.Network, RuleSeverity.Error,
        "libvirt starts no VM with several queues on another kind of interface.",
        "libvirt 9.0 qemuDomainValidateActualNetDef; libvirt formatdomain",
        static context => ForNics(context, static nic => Sets(nic.Options, "queues"), static (_, nics) => RuleCheck.BrokenBy(
            [.. nics.Where(nic => !CanHaveQueues(nic.After)).Select(nic => $"NIC {nic.After.Mac} is of type '{nic.After.InterfaceType}'")],
            "the interface can have several queues",
            "Several queues need one of the types network, bridge, direct, ethernet, vhostuser, vdpa.")));

    /// <summary>The number of queues is at least 2 and at most the kernel's maximum.</summary>
    public static TuningRule NicQueuesInRange { get; } = new(
        nameof(NicQueuesInRange), TuningArea.Network, RuleSeverity.Error,
        "A NIC has one queue without this setting, and a tap device has 256 at most (8 before Linux 4.0).",
        "OpenStack Nova, vif driver; Linux drivers/net/tun.c",
        static context => ForNics(context, static nic => Sets(nic.Options, "queues"), static (context, nics) =>
        {
            var most = MostQueuesOn(context.Abilities.Kernel);
            return RuleCheck.BrokenBy(
                [.. nics.Where(nic => nic.After.Queues is not { } queues || queues < 2 || queues > most).Select(nic => $"NIC {nic.After.Mac} would have {Text(nic.After.Queues)} queue{(nic.After.Queues == 1 ? null : "s")}")],
                $"2 to {Text(most)} queues",
                $"Give it 2 to {Text(most)}: one for each vCPU of the VM, which has {Text(context.After.CurrentVcpus)}. For one queue use Disable-NicMultiqueue.");
        }));

    /// <summary>Queues beyond the number of vCPUs are not used.</summary>
    public static TuningRule NicQueuesAboveVcpus { get; } = new(
        nameof(NicQueuesAboveVcpus), TuningArea.Network, RuleSeverity.Warning,
        "A queue is served by one vCPU: those beyond the number of vCPUs cost memory and vectors and bring nothing.",
        "Red Hat, RHEL 7 tuning guide, multi-queue virtio-net; OpenStack Nova",
        static context => ForNics(context, static nic => Sets(nic.Options, "queues"), static (context, nics) => RuleCheck.BrokenBy(
            [.. nics.Where(nic => nic.After.Queues > context.After.CurrentVcpus).Select(nic => $"NIC {nic.After.Mac} would have {Text(nic.After.Queues)} queues for {Text(context.After.CurrentVcpus)} vCPUs")],
            "no more queues than vCPUs")));

    /// <summary>Queues take interrupt vectors in the guest and memory on the host.</summary>
    public static TuningRule NicQueueVectors { get; } = new(
        nameof(NicQueueVectors), TuningArea.Network, RuleSeverity.Warning,
        "N queues take 2N+2 interrupt vectors, of which a guest has about 200 for all devices, and 64 KiB each on the host.",
        "libvirt 9.0 qemuBuildNicDevProps (vectors); KubeVirt, virtio-net multi-queue",
        static context => ForNics(context, static nic => Sets(nic.Options, "queues"), static (context, _) =>
        {
            var vectors = context.After.Nics.Where(nic => nic.Queues is not null).Sum(nic => (2 * nic.Queues!.Value) + 2);
            var text = $"the queues of all its NICs take {Text(vectors)} interrupt vectors, and {Text(context.After.Nics.Sum(nic => nic.Queues ?? 0) * 64)} KiB on the host";
            return vectors > GuestVectors
                ? RuleCheck.Broken($"{char.ToUpperInvariant(text[0])}{text[1..]}; a guest has about {Text(GuestVectors)} vectors for all its devices.")
                : RuleCheck.Kept(text);
        }));

    /// <summary>The receive ring has 256, 512 or 1024 entries.</summary>
    public static TuningRule RxQueueSizeInRange { get; } = new(
        nameof(RxQueueSizeInRange), TuningArea.Network, RuleSeverity.Error,
        "QEMU takes a receive ring of 256, 512 or 1024 entries and nothing else.",
        "libvirt formatdomain, rx_queue_size",
        static context => ForNics(context, static nic => Sets(nic.Options, "rx_queue_size"), static (_, nics) => RuleCheck.BrokenBy(
            [.. nics.Where(nic => !IsRingSize(nic.After.RxQueueSize)).Select(nic => $"NIC {nic.After.Mac} would have rx_queue_size={Text(nic.After.RxQueueSize)}")],
            "a power of two from 256 to 1024",
            "Use 256, 512 or 1024.")));

    /// <summary>The transmit ring has 256 entries; 512 and 1024 need vhost-user.</summary>
    public static TuningRule TxQueueSizeInRange { get; } = new(
        nameof(TxQueueSizeInRange), TuningArea.Network, RuleSeverity.Error,
        "QEMU takes a transmit ring of 256 entries, and of 512 or 1024 only where vhost-user is behind it.",
        "libvirt formatdomain, tx_queue_size; QEMU 7.2 virtio_net_max_tx_queue_size",
        static context => ForNics(context, static nic => Sets(nic.Options, "tx_queue_size"), static (_, nics) => RuleCheck.BrokenBy(
            [.. nics.Where(nic => !(IsRingSize(nic.After.TxQueueSize) && (nic.After.TxQueueSize == 256 || nic.After.InterfaceType == "vhostuser")))
                .Select(nic => $"NIC {nic.After.Mac} of type '{nic.After.InterfaceType}' would have tx_queue_size={Text(nic.After.TxQueueSize)}")],
            "256, or up to 1024 with vhost-user",
            "Use 256; 512 and 1024 need an interface of type vhostuser.")));

    /// <summary>The vhost backend needs the kernel's device <c>/dev/vhost-net</c>.</summary>
    public static TuningRule VhostNeedsDevice { get; } = new(
        nameof(VhostNeedsDevice), TuningArea.Network, RuleSeverity.Error,
        "With name='vhost' libvirt starts no VM on a host without /dev/vhost-net.",
        "libvirt 9.0 qemuInterfaceOpenVhostNet",
        static context => ForNics(context, static nic => Sets(nic.Options, "name") && nic.After is { Backend: "vhost", InterfaceType: not ("vhostuser" or "vdpa") }, static (context, _) => context.Abilities.HasVhostNet switch
        {
            true => RuleCheck.Kept("the host has /dev/vhost-net"),
            false => RuleCheck.Broken("The host has no /dev/vhost-net, so the VM would not start. Load the module (modprobe vhost_net), or leave -Backend out."),
            null => RuleCheck.Kept("whether the host has /dev/vhost-net is not known here"),
        }));

    /// <summary>Without an explicit backend, libvirt does without a missing vhost and reports nothing.</summary>
    public static TuningRule VhostFallsBackSilently { get; } = new(
        nameof(VhostFallsBackSilently), TuningArea.Network, RuleSeverity.Warning,
        "Where no backend is named, libvirt uses vhost if the kernel has it and QEMU itself if not, without a message.",
        "libvirt formatdomain, driver name",
        static context => ForNics(context, static nic => Sets(nic.Options, "queues"), static (context, nics) => RuleCheck.BrokenBy(
            [.. nics.Where(nic => nic.After.Backend is null && nic.After.InterfaceType is not ("vhostuser" or "vdpa")).Select(nic => $"NIC {nic.After.Mac} names no backend")],
            "the backend is named",
            context.Abilities.HasVhostNet == false
                ? "This host has no /dev/vhost-net: QEMU itself moves the packets, in one thread for all queues."
                : "If vhost is missing, QEMU itself moves the packets, in one thread for all queues, without a message. Use -Backend vhost.")));

    /// <summary>Several queues can slow down small messages.</summary>
    public static TuningRule SmallMessagesCanSlow { get; } = new(
        nameof(SmallMessagesCanSlow), TuningArea.Network, RuleSeverity.Warning,
        "Traffic of small TCP messages has been seen to lose up to half of its throughput with several queues.",
        "Red Hat knowledge base 3569471; RHEL 7 tuning guide",
        static context => ForNics(context, nic => Sets(nic.Options, "queues"), static (context, nics) => RuleCheck.BrokenBy(
            [.. nics.Where(nic => nic.After.Queues > (NicQueuesChange.Find(context.VM.Current, nic.After.Mac)?.Queues ?? 1)).Select(nic => $"NIC {nic.After.Mac} gets more queues than it has")],
            "no NIC gets more queues than it has",
            "Traffic of small TCP messages can get slower (up to -50 %): measure before and after.")));

    /// <summary>All rules of this file.</summary>
    public static IReadOnlyList<TuningRule> All { get; } =
    [
        NicNeedsVirtioModel, MultiqueueNeedsInterfaceType, NicQueuesInRange, NicQueuesAboveVcpus, NicQueueVectors, RxQueueSizeInRange,
        TxQueueSizeInRange, VhostNeedsDevice, VhostFallsBackSilently, SmallMessagesCanSlow,
    ];

    /// <summary>The maximum number of queues of a tap device on a kernel; an unknown kernel counts as new.</summary>
    public static int MostQueuesOn(Version? kernel) => kernel is { Major: < 4 } ? MostQueuesOfOldKernels : MostQueues;

    /// <summary>Whether the NIC is a virtio one.</summary>
    internal static bool IsVirtio(NicConfiguration nic) => nic.Model is "virtio" or "virtio-transitional" or "virtio-non-transitional";

    /// <summary>Whether this type of interface can have several queues.</summary>
    internal static bool CanHaveQueues(NicConfiguration nic) =>
        nic.InterfaceType is "network" or "bridge" or "direct" or "ethernet" or "vhostuser" or "vdpa";

    private static RuleCheck? ForNics(RuleContext context, Func<ChangedNic, bool> applies, Func<RuleContext, IReadOnlyList<ChangedNic>, RuleCheck?> check)
    {
        if (context.Change is not NicQueuesChange change)
        {
            return null;
        }

        var nics = change.Nics.OrderBy(nic => nic.Key, StringComparer.Ordinal)
            .Select(nic => NicQueuesChange.Find(context.After, nic.Key) is { } after ? new ChangedNic(after, nic.Value) : null)
            .OfType<ChangedNic>().Where(applies).ToList();
        return nics.Count == 0 ? null : check(context, nics);
    }

    private static bool Sets(IReadOnlyDictionary<string, string?> options, params string[] names) =>
        names.Any(name => options.GetValueOrDefault(name) is not null);

    private static bool IsRingSize(int? size) => size is 256 or 512 or 1024;

    private static string Text(int? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "no";

    private sealed record ChangedNic(NicConfiguration After, IReadOnlyDictionary<string, string?> Options);
}
