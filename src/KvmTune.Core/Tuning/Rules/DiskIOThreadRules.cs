// Rules about I/O threads and queues of disks: which disks can have them, and how many are useful.
using System.Globalization;
using KvmTune.Topology;
using KvmTune.Tuning.Changes;
using static KvmTune.NumberText;

namespace KvmTune.Tuning.Rules;

/// <summary>Rules of the disk area about I/O threads.</summary>
public static class DiskIOThreadRules
{
    private static readonly Version LibvirtOfSharedDisks = new(10, 0);
    private static readonly Version QemuOfSharedDisks = new(9, 0);

    /// <summary>Only virtio disks have I/O threads and queues.</summary>
    public static TuningRule IOThreadNeedsVirtio { get; } = new(
        nameof(IOThreadNeedsVirtio), TuningArea.Disk, RuleSeverity.Error,
        "An I/O thread serves a virtio-blk disk, or a virtio-scsi controller with all disks on it; libvirt refuses others.",
        "libvirt formatdomain, driver iothread; libvirt 9.0 qemuDomainCheckIOThreads, qemuDomainCheckSCSIControllerIOThreads",
        static context => For(context, static (context, change, disk) =>
        {
            if (!change.Settings.Any(setting => setting.Value is not null))
            {
                return null;
            }

            if (change.Controller is not { } index)
            {
                return disk.Bus == "virtio"
                    ? RuleCheck.Kept($"disk '{disk.Target}' is a virtio disk")
                    : RuleCheck.Broken($"Disk '{disk.Target}' is on bus '{disk.Bus ?? "not set"}'. I/O threads and queues need bus virtio, or scsi with a virtio-scsi controller.");
            }

            var controller = context.After.Controllers.FirstOrDefault(candidate => candidate.Type == "scsi" && candidate.Index == index);
            return IsVirtioScsi(controller)
                ? RuleCheck.Kept($"the I/O thread serves SCSI controller {Text(index)} with the disks {string.Join(", ", context.After.Disks.Where(other => other.Bus == "scsi" && (other.Controller ?? 0) == index).Select(other => other.Target))}")
                : RuleCheck.Broken($"The SCSI controller {Text(index)} of disk '{disk.Target}' has {(controller?.Model is { } model ? $"model '{model}'" : "no model set")}. I/O threads and queues need model virtio-scsi.");
        }));

    /// <summary>A disk's I/O thread must exist.</summary>
    public static TuningRule IOThreadMustExist { get; } = new(
        nameof(IOThreadMustExist), TuningArea.Disk, RuleSeverity.Error,
        "libvirt refuses a disk whose I/O thread is not among the VM's; ids begin at 1.",
        "tried on libvirt 9.0.0 with QEMU 7.2",
        static context => For(context, static (context, change, _) => Wanted(change) is not { Count: > 0 } wanted
            ? null
            : RuleCheck.BrokenBy(
                [.. wanted.Where(id => id < 1 || !context.After.IOThreadIds.Contains(id)).Select(id => $"the VM has no I/O thread {Text(id)}")],
                $"the VM has the I/O threads {string.Join(", ", context.After.IOThreadIds.Order())}",
                "Ids are numbers from 1 on; Set-DiskIOThread makes those that are missing.")));

    /// <summary>Several I/O threads for one disk need recent versions of libvirt and QEMU.</summary>
    public static TuningRule SeveralIOThreadsNeedVersions { get; } = new(
        nameof(SeveralIOThreadsNeedVersions), TuningArea.Disk, RuleSeverity.Error,
        "Several I/O threads for one virtio-blk disk came with libvirt 10.0 and QEMU 9.0.",
        "libvirt 10.0 release notes; QEMU 9.0 change log, iothread-vq-mapping",
        static context => For(context, static (context, change, disk) => !change.SharedBy.Any(thread => thread.Value)
            ? null
            : change.Controller is not null
                ? RuleCheck.Broken($"Disk '{disk.Target}' is on a SCSI controller, which has one I/O thread. Name one.")
                : RuleCheck.BrokenBy(
                    [
                        .. DiskRules.TooOld("libvirt", context.Abilities.Libvirt, LibvirtOfSharedDisks),
                        .. DiskRules.TooOld("QEMU", context.Abilities.Qemu, QemuOfSharedDisks),
                    ],
                    $"libvirt {DiskRules.Known(context.Abilities.Libvirt)}, QEMU {DiskRules.Known(context.Abilities.Qemu)}",
                    "Name one I/O thread.")));

    /// <summary>I/O threads beyond the number of host CPUs take turns.</summary>
    public static TuningRule IOThreadsAboveHostCpus { get; } = new(
        nameof(IOThreadsAboveHostCpus), TuningArea.Disk, RuleSeverity.Warning,
        "I/O threads beyond the number of host CPUs only take turns.",
        "libvirt formatdomain, iothreads (1 or 2 for each host CPU); IBM, KVM I/O threads",
        static context => Added(context, static context => context.After.IOThreadIds.Count > context.HostCpus.OnlineCpus.Count
            ? RuleCheck.Broken($"The VM would have {Text(context.After.IOThreadIds.Count)} I/O threads, and the host has {Text(context.HostCpus.OnlineCpus.Count)} CPUs.")
            : RuleCheck.Kept($"{Text(context.After.IOThreadIds.Count)} I/O threads, {Text(context.HostCpus.OnlineCpus.Count)} host CPUs")));

    /// <summary>I/O threads beyond the number of disks are idle.</summary>
    public static TuningRule IOThreadsAboveDisks { get; } = new(
        nameof(IOThreadsAboveDisks), TuningArea.Disk, RuleSeverity.Warning,
        "An I/O thread that no disk uses has nothing to do.",
        "IBM, KVM I/O threads",
        static context => Added(context, static context =>
        {
            var users = context.After.Disks.Count(disk => disk.Bus == "virtio")
                + context.After.Controllers.Count(controller => IsVirtioScsi(controller));
            var sharing = context.After.Disks.Any(disk => disk.IOThreads.Count > 0);
            return context.After.IOThreadIds.Count > users && !sharing
                ? RuleCheck.Broken($"The VM would have {Text(context.After.IOThreadIds.Count)} I/O threads, and {Text(users)} virtio disks and virtio-scsi controllers to use them.")
                : RuleCheck.Kept($"{Text(context.After.IOThreadIds.Count)} I/O threads, {Text(users)} virtio disks and virtio-scsi controllers");
        }));

    /// <summary>Queues beyond the number of vCPUs are not used.</summary>
    public static TuningRule DiskQueuesAboveVcpus { get; } = new(
        nameof(DiskQueuesAboveVcpus), TuningArea.Disk, RuleSeverity.Warning,
        "Each vCPU submits to one queue: those beyond the number of vCPUs are accepted without a message and not used.",
        "tried on libvirt 9.0.0 with QEMU 7.2",
        static context => For(context, static (context, change, disk) => change.Options.GetValueOrDefault("queues") is not { } text
            || !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var queues)
                ? null
                : queues > context.After.CurrentVcpus
                    ? RuleCheck.Broken($"Disk '{disk.Target}' would have {Text(queues)} queues for {Text(context.After.CurrentVcpus)} vCPUs.")
                    : RuleCheck.Kept($"{Text(queues)} queues for {Text(context.After.CurrentVcpus)} vCPUs")));

    /// <summary>All rules of this file.</summary>
    public static IReadOnlyList<TuningRule> All { get; } =
    [
        IOThreadNeedsVirtio, IOThreadMustExist, SeveralIOThreadsNeedVersions, IOThreadsAboveHostCpus, IOThreadsAboveDisks, DiskQueuesAboveVcpus,
    ];

    /// <summary>Whether a controller can have an I/O thread.</summary>
    internal static bool IsVirtioScsi(ControllerConfiguration? controller) =>
        controller is { Type: "scsi", Model: "virtio-scsi" or "virtio-transitional" or "virtio-non-transitional" };

    private static List<int> Wanted(DiskIOThreadChange change) =>
    [
        .. change.SharedBy.Where(thread => thread.Value).Select(thread => thread.Key),
        .. int.TryParse(change.Options.GetValueOrDefault("iothread"), NumberStyles.Integer, CultureInfo.InvariantCulture, out var id) ? [id] : Array.Empty<int>(),
    ];

    private static RuleCheck? For(RuleContext context, Func<RuleContext, DiskIOThreadChange, DiskConfiguration, RuleCheck?> check) =>
        context.Change is DiskIOThreadChange change && DiskSettings.Find(context.After, change.Disk) is { } disk ? check(context, change, disk) : null;

    // Runs the check only if the change gives a disk an I/O thread.
    private static RuleCheck? Added(RuleContext context, Func<RuleContext, RuleCheck> check) =>
        For(context, (_, change, _) => Wanted(change).Count == 0 ? null : check(context));
}
