// Findings about disks: what the host caches, which writes it delays, and which thread does the work.
using System.Globalization;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using static KvmTune.NumberText;

namespace KvmTune.Diagnosis.Findings;

/// <summary>Kinds of findings of the disk area.</summary>
public static class DiskFindings
{
    /// <summary>Guest and host cache the same data.</summary>
    public static FindingKind DoubleCaching { get; } = new(
        nameof(DoubleCaching), TuningArea.Disk, FindingSeverity.Medium, WorkloadKinds.Disk,
        "Guest and host keep the same data in two page caches: it is copied twice, and the host's memory holds what the guest has already. No cache mode means writeback: what the guest has not flushed is lost when the host loses power.",
        "QEMU manual, cache modes; RHEL 7 Virtualization Tuning and Optimization Guide, caching",
        static context => ForDisks(context, static (context, source, disk) => IsDirect(disk) || disk.Cache is "writeback" or "unsafe"
            ? null
            : new FindingObservation(
                $"disk {disk.Target}", [Cache(disk, source), Backing(disk, source)],
                $"Try cache='none' on disk {disk.Target}.",
                FindingRemedy.By(DiskDriverChange.Of(disk.Target, "cache", "none")))));

    /// <summary>A cache mode that ignores flushes.</summary>
    public static FindingKind UnsafeLosesData { get; } = OfCache(
        DiskRules.UnsafeLosesData, FindingSeverity.High, "unsafe",
        "Try cache='{0}' on disk {1}, unless its data can be made again.");

    /// <summary>A cache mode that holds data in the host's memory.</summary>
    public static FindingKind WritebackHoldsData { get; } = OfCache(
        DiskRules.WritebackHoldsData, FindingSeverity.Medium, "writeback",
        "Try cache='{0}' on disk {1}, unless every program in the guest is known to flush what it must not lose.");

    /// <summary>Threads do work that the kernel's asynchronous I/O could do.</summary>
    public static FindingKind ThreadsWithDirectCache { get; } = new(
        nameof(ThreadsWithDirectCache), TuningArea.Disk, FindingSeverity.Low, WorkloadKinds.RandomDisk,
        "Past the page cache Linux AIO needs no pool of threads that take turns; io='threads' pays for one at each request.",
        "RHEL 7 Virtualization Tuning and Optimization Guide, I/O mode; QEMU manual, aio",
        static context => ForDisks(context, static (context, source, disk) => !IsDirect(disk) || disk.IO is "native" or "io_uring"
            ? null
            : new FindingObservation(
                $"disk {disk.Target}",
                [Cache(disk, source), new FindingEvidence($"disk {disk.Target} io", disk.IO ?? "(not set, so threads)", source)],
                $"Try io='native' on disk {disk.Target}; on a sparse image threads can be faster.",
                FindingRemedy.By(DiskDriverChange.Of(disk.Target, "io", "native")))));

    /// <summary>The main loop does the I/O.</summary>
    public static FindingKind DiskWithoutIOThread { get; } = new(
        nameof(DiskWithoutIOThread), TuningArea.Disk, FindingSeverity.Low, WorkloadKinds.RandomDisk,
        "Without an I/O thread QEMU's main loop does the disk's work, in turn with all its other work.",
        "libvirt formatdomain, iothreads; IBM, KVM I/O threads",
        static context => ForDisks(context, static (context, source, disk) =>
        {
            var controller = VirtioScsi(context.Planned.Configuration, disk);
            if (disk.IOThread is not null || disk.IOThreads.Count > 0 || controller?.IOThread is not null || (disk.Bus != "virtio" && controller is null))
            {
                return null;
            }

            return new FindingObservation(
                $"disk {disk.Target}",
                [
                    new FindingEvidence(controller is null ? $"disk {disk.Target} iothread" : $"SCSI controller {Text(controller.Index)} iothread", "(not set)", source),
                    new FindingEvidence("I/O threads of the VM", context.Planned.Configuration.IOThreadIds is { Count: > 0 } ids ? string.Join(", ", ids) : "(none)", source),
                ],
                $"Try an I/O thread for disk {disk.Target}.",
                FindingRemedy.By(document => new DiskIOThreadRequest(disk.Target).ToChange(document)));
        }));

    /// <summary>A disk that QEMU emulates a whole controller for.</summary>
    public static FindingKind NonVirtioDisk { get; } = new(
        nameof(NonVirtioDisk), TuningArea.Disk, FindingSeverity.Medium, WorkloadKinds.Disk,
        "Each access to an emulated controller leaves the guest several times; a virtio disk shares memory with the host.",
        "RHEL 7 Virtualization Tuning and Optimization Guide, virtio; libvirt formatdomain, disk target bus",
        static context => ForDisks(context, static (context, source, disk) => disk.Bus is null or "virtio" || VirtioScsi(context.Planned.Configuration, disk) is not null
            ? null
            : new FindingObservation(
                $"disk {disk.Target}",
                [
                    new FindingEvidence($"disk {disk.Target} bus", disk.Bus, source),
                    .. disk.Bus == "scsi" ? new[] { new FindingEvidence("SCSI controller model", context.Planned.Configuration.ScsiControllerOf(disk)?.Model ?? "(not set)", source) } : [],
                ],
                $"Try bus='virtio' for disk {disk.Target} (virsh edit), once the guest has the driver and names the disk by label or UUID.",
                FindingRemedy.None("another bus gives the disk another name in the guest and needs a driver there: setting the old bus again does not undo that"))));

    /// <summary>All kinds of this file.</summary>
    public static IReadOnlyList<FindingKind> All { get; } =
        [UnsafeLosesData, WritebackHoldsData, DoubleCaching, NonVirtioDisk, ThreadsWithDirectCache, DiskWithoutIOThread];

    // Applies a rule of cache modes to the disk's present mode.
    private static FindingKind OfCache(TuningRule rule, FindingSeverity severity, string cacheMode, string suggestion) => new(
        rule.Id, rule.Area, severity, WorkloadKinds.DiskWrite, rule.Reason, rule.Source,
        context => ForDisks(context, (context, source, disk) =>
        {
            if (disk.Cache != cacheMode)
            {
                return null;
            }

            var cache = Probe(context, disk) is { IsTaken: false } ? "writethrough" : "none";
            return new FindingObservation(
                $"disk {disk.Target}", [Cache(disk, source), Backing(disk, source)],
                string.Format(CultureInfo.InvariantCulture, suggestion, cache, disk.Target),
                FindingRemedy.By(DiskDriverChange.Of(disk.Target, "cache", cache)));
        }));

    private static Hosts.DirectIOProbe? Probe(FindingContext context, DiskConfiguration disk) =>
        disk is { SourceType: "file" or "block" or "volume", Source: not null } ? context.Abilities.ProbeDirectIO(new(disk.SourceType, disk.Source, disk.Format)) : null;

    // Writable disks in files, devices or volumes of the host; other disks do not use the host's page cache.
    private static IEnumerable<FindingObservation> ForDisks(
        FindingContext context, Func<FindingContext, string, DiskConfiguration, FindingObservation?> look)
    {
        var (source, vm) = context.Planned;
        return context.IsQemu
            ?
            [
                .. vm.Disks.DistinctBy(disk => disk.Target, StringComparer.Ordinal)
                    .Where(disk => disk is { Device: "disk" or "lun", ReadOnly: false, SourceType: "file" or "block" or "volume", Source: not null, Target.Length: > 0 })
                    .Select(disk => look(context, source, disk)).OfType<FindingObservation>(),
            ]
            : [];
    }

    private static bool IsDirect(DiskConfiguration disk) => disk.Cache is "none" or "directsync";

    private static ControllerConfiguration? VirtioScsi(VMConfiguration vm, DiskConfiguration disk) =>
        vm.ScsiControllerOf(disk) is { } controller && DiskIOThreadRules.IsVirtioScsi(controller) ? controller : null;

    private static FindingEvidence Cache(DiskConfiguration disk, string source) =>
        new($"disk {disk.Target} cache", disk.Cache is null or "default" ? "(not set, so writeback)" : disk.Cache, source);

    private static FindingEvidence Backing(DiskConfiguration disk, string source) =>
        new($"disk {disk.Target} source", $"{disk.SourceType} {disk.Source}", source);
}
