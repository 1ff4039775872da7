// Rules about disks: which cache and I/O modes fit together, and which data each can lose.
using KvmTune.Topology;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tuning.Rules;

/// <summary>Rules of the disk area.</summary>
public static class DiskRules
{
    /// <summary>The cache modes of libvirt and QEMU.</summary>
    public static IReadOnlyList<string> CacheModes { get; } = ["default", "none", "writeback", "writethrough", "directsync", "unsafe"];

    /// <summary>The I/O modes of libvirt and QEMU.</summary>
    public static IReadOnlyList<string> IOModes { get; } = ["threads", "native", "io_uring"];

    /// <summary>Native I/O needs a cache mode that bypasses the host's page cache.</summary>
    public static TuningRule NativeNeedsDirectCache { get; } = new(
        nameof(NativeNeedsDirectCache), TuningArea.Disk, RuleSeverity.Error,
        "Linux AIO works only on files opened with O_DIRECT: QEMU refuses io='native' with any other cache mode, an unset one too.",
        "tried on libvirt 9.0.0 with QEMU 7.2",
        static context => context.Disk is not { IO: "native" } disk
            ? null
            : disk.Cache is "none" or "directsync"
                ? RuleCheck.Kept($"io='native' with cache='{disk.Cache}'")
                : RuleCheck.Broken($"io='native' needs cache='none' or 'directsync', and disk '{disk.Target}' would have {(disk.Cache is null ? "no cache mode set" : $"cache='{disk.Cache}'")}. Add -Cache none, or use -IO threads."));

    /// <summary>The host must not cache a disk that several VMs use.</summary>
    public static TuningRule ShareableNeedsNoCache { get; } = new(
        nameof(ShareableNeedsNoCache), TuningArea.Disk, RuleSeverity.Error,
        "Another host that shares the disk does not see what this host's page cache still holds.",
        "OpenStack Nova, libvirt driver; libvirt 9.0 qemuMigrationSrcIsSafe",
        static context => context.Disk is not { Shareable: true, Cache: not null } disk
            ? null
            : disk.Cache is "none"
                ? RuleCheck.Kept("a shareable disk with cache='none'")
                : RuleCheck.Broken($"Disk '{disk.Target}' is shareable and would have cache='{disk.Cache}'. Use -Cache none."));

    /// <summary>The cache mode unsafe ignores flushes.</summary>
    public static TuningRule UnsafeLosesData { get; } = new(
        nameof(UnsafeLosesData), TuningArea.Disk, RuleSeverity.Confirm,
        "cache='unsafe' ignores the guest's flushes: when the host fails, data loss is certain, not possible.",
        "QEMU manual, cache modes",
        static context => Turned(context, "unsafe") is { Count: > 0 } disks
            ? RuleCheck.Broken($"With cache='unsafe' {Doing(disks, "ignore")} the guest's flushes: when the host loses power, data that the guest believes to be on disk is lost, and file systems are damaged. Only for data that can be made again.")
            : null);

    /// <summary>The cache mode writeback holds written data in the host's memory.</summary>
    public static TuningRule WritebackHoldsData { get; } = new(
        nameof(WritebackHoldsData), TuningArea.Disk, RuleSeverity.Confirm,
        "cache='writeback' acknowledges data that is still in the host's memory.",
        "QEMU manual, cache modes; the course that the method comes from",
        static context => Turned(context, "writeback") is { Count: > 0 } disks
            ? RuleCheck.Broken($"With cache='writeback' {Doing(disks, "acknowledge")} writes that are still in the host's memory: what the guest has not flushed is lost when the host loses power. Is every program in the guest known to flush what it must not lose?")
            : null);

    /// <summary>Cache modes other than none and directsync can prevent a live migration.</summary>
    public static TuningRule CacheBlocksMigration { get; } = new(
        nameof(CacheBlocksMigration), TuningArea.Disk, RuleSeverity.Warning,
        "libvirt refuses to migrate a VM live whose disks are cached by the host, unless QEMU can drop the cache.",
        "libvirt 9.0 qemuMigrationSrcIsSafe",
        static context => context.Change is not DiskDriverChange change || !change.Options.ContainsKey("cache") || context.Disk is not { ReadOnly: false } disk
            ? null
            : disk.Cache is "none" or "directsync"
                ? RuleCheck.Kept($"cache='{disk.Cache}' can be migrated live")
                : RuleCheck.Broken($"Live migration may be refused with {(disk.Cache is null ? "no cache mode set" : $"cache='{disk.Cache}'")} on disk '{disk.Target}'."));

    /// <summary>The file system under an image must support O_DIRECT.</summary>
    public static TuningRule DirectNeedsODirect { get; } = new(
        nameof(DirectNeedsODirect), TuningArea.Disk, RuleSeverity.Error,
        "With cache='none' or 'directsync' QEMU opens the image with O_DIRECT, and does not start where the file system refuses that.",
        "OpenStack Nova, privsep/utils supports_direct_io; QEMU block.c, bdrv_backing_options; tried on kernel 6.18, whose tmpfs takes it",
        static context => context.Change is not DiskDriverChange change
            || !(change.Options.GetValueOrDefault("cache") is not null || change.Options.GetValueOrDefault("io") is not null)
            || context.Disk is not { Cache: "none" or "directsync", Source: { } image } disk
                ? null
                : disk.SourceType is not ("file" or "block" or "volume")
                    ? RuleCheck.Kept($"O_DIRECT was not probed: '{image}' is not a file (type '{disk.SourceType}')")
                    : context.Abilities.ProbeDirectIO(new(disk.SourceType, disk.Source, disk.Format)) switch
                    {
                        { IsTaken: false } probe => RuleCheck.Broken($"cache='{disk.Cache}' of disk '{disk.Target}' needs O_DIRECT, which the file system refuses: {probe.Evidence}. Move that image, or use -Cache writeback or writethrough with -IO threads."),
                        var probe => RuleCheck.Kept($"O_DIRECT: {probe.Evidence}"),
                    });

    /// <summary>io_uring needs recent versions of libvirt and QEMU.</summary>
    public static TuningRule IoUringNeedsVersions { get; } = new(
        nameof(IoUringNeedsVersions), TuningArea.Disk, RuleSeverity.Error,
        "io='io_uring' came with libvirt 6.3, QEMU 5.0 and Linux 5.1.",
        "libvirt formatdomain, driver io",
        static context => context.Change is not DiskDriverChange change || change.Options.GetValueOrDefault("io") != "io_uring"
            ? null
            : RuleCheck.BrokenBy(
                [
                    .. TooOld("libvirt", context.Abilities.Libvirt, new Version(6, 3)),
                    .. TooOld("QEMU", context.Abilities.Qemu, new Version(5, 0)),
                    .. TooOld("Linux", context.Abilities.Kernel, new Version(5, 1)),
                ],
                $"libvirt {Known(context.Abilities.Libvirt)}, QEMU {Known(context.Abilities.Qemu)}, Linux {Known(context.Abilities.Kernel)}",
                "Use -IO native or threads."));

    /// <summary>On a host that blocks io_uring, QEMU falls back to threads.</summary>
    public static TuningRule IoUringCanFallBack { get; } = new(
        nameof(IoUringCanFallBack), TuningArea.Disk, RuleSeverity.Warning,
        "Where io_uring is blocked (seccomp, kernel.io_uring_disabled), QEMU falls back to threads with only a line in its log.",
        "winpodx issue 732; QEMU block/file-posix.c",
        static context => context.Change is DiskDriverChange change && change.Options.GetValueOrDefault("io") == "io_uring"
            ? RuleCheck.Broken($"QEMU may fall back to threads on disk '{change.Disk}' without an error. With -Restart that is looked at; otherwise look for 'falling back' in /var/log/libvirt/qemu/{context.After.Name}.log.")
            : null);

    /// <summary>No cache mode means writeback.</summary>
    public static TuningRule UnsetCacheIsWriteback { get; } = new(
        nameof(UnsetCacheIsWriteback), TuningArea.Disk, RuleSeverity.Warning,
        "Where no cache mode is set QEMU uses writeback: data is safe only as far as the guest flushes.",
        "QEMU manual, cache modes",
        static context => context.Change is TuningStateChange
            ? Turned(context, null) is { Count: > 0 } disks ? Unset(disks) : null
            : context.Change is not DiskDriverChange change || !change.Options.TryGetValue("cache", out var cache) || context.Disk is null
                ? null
                : cache is null ? Unset([context.Disk]) : RuleCheck.Kept($"cache='{cache}' is set explicitly"));

    /// <summary>A network disk has no I/O mode.</summary>
    public static TuningRule IOModeNeedsLocalImage { get; } = new(
        nameof(IOModeNeedsLocalImage), TuningArea.Disk, RuleSeverity.Error,
        "QEMU reads and writes a network disk with its own library: the I/O mode is not even passed to it.",
        "tried with virsh domxml-to-native, libvirt 9.0.0",
        static context => context.Change is not DiskDriverChange { IsReturn: false } change || change.Options.GetValueOrDefault("io") is not { } mode || context.Disk is not { } disk
            ? null
            : disk.SourceType == "network"
                ? RuleCheck.Broken($"Disk '{disk.Target}' is a network disk, on which io='{mode}' has no effect. Leave -IO out.")
                : RuleCheck.Kept($"disk '{disk.Target}' is of type '{disk.SourceType}'"));

    /// <summary>CD-ROM and floppy drives have no discard.</summary>
    public static TuningRule DiscardNeedsWritableDevice { get; } = new(
        nameof(DiscardNeedsWritableDevice), TuningArea.Disk, RuleSeverity.Error,
        "A CD-ROM or floppy drive passes no discards on and writes no zeroes that could be found.",
        "tried with virsh domxml-to-native, libvirt 9.0.0",
        static context => context.Change is not DiskDriverChange { IsReturn: false } change || context.Disk is not { } disk
            || (change.Options.GetValueOrDefault("discard") ?? change.Options.GetValueOrDefault("detect_zeroes")) is null
                ? null
                : disk.Device is "cdrom" or "floppy"
                    ? RuleCheck.Broken($"'{disk.Target}' is a {disk.Device} drive, on which discard and detection of zeroes have no effect. Leave -Discard and -DetectZeroes out.")
                    : RuleCheck.Kept($"'{disk.Target}' is a {disk.Device}"));

    /// <summary>All rules of this file.</summary>
    public static IReadOnlyList<TuningRule> All { get; } =
    [
        IOModeNeedsLocalImage, DiscardNeedsWritableDevice, NativeNeedsDirectCache, DirectNeedsODirect, ShareableNeedsNoCache, UnsafeLosesData, WritebackHoldsData, CacheBlocksMigration,
        UnsetCacheIsWriteback, IoUringNeedsVersions, IoUringCanFallBack,
    ];

    /// <summary>A phrase that names the program and its version if that is too old; empty if the version is unknown or new enough.</summary>
    internal static IEnumerable<string> TooOld(string program, Version? version, Version needed) =>
        version is not null && version < needed ? [$"{program} {version} is older than {needed}"] : [];

    /// <summary>A version as text.</summary>
    internal static string Known(Version? version) => version?.ToString() ?? "(version not known)";

    // The disks that get this cache mode from the change and did not have it before. The change is of one disk, or a return to a checkpoint.
    private static IReadOnlyList<DiskConfiguration> Turned(RuleContext context, string? cache) => context.Change switch
    {
        DiskDriverChange change when change.Options.TryGetValue("cache", out var wanted) && wanted == cache && context.Disk is { } disk =>
            Has(context.VM.Current, disk, cache) ? [] : [disk],
        TuningStateChange => [.. context.After.Disks.Where(disk => disk.Cache == cache && !Has(context.VM.Configured ?? context.VM.Current, disk, cache))],
        _ => [],
    };

    private static bool Has(VMConfiguration vm, DiskConfiguration disk, string? cache) =>
        vm.Disks.FirstOrDefault(candidate => candidate.Target == disk.Target)?.Cache == cache;

    private static string Doing(IReadOnlyList<DiskConfiguration> disks, string verb) => disks.Count == 1
        ? $"disk '{disks[0].Target}' {verb}s"
        : $"disks {string.Join(", ", disks.Select(disk => $"'{disk.Target}'"))} {verb}";

    private static RuleCheck Unset(IReadOnlyList<DiskConfiguration> disks) => RuleCheck.Broken(
        $"With no cache mode set, which QEMU takes as writeback, {Doing(disks, "acknowledge")} writes that are still in the host's memory: what the guest has not flushed is lost when the host loses power.");
}
