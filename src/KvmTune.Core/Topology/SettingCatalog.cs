// The one list of all settings of a VM. Comparison, differences, the check for edits by others, collisions at undo, checkpoints and the need
// for a restart follow from these entries. ElementOrder defines the place of new elements.
using System.Globalization;

namespace KvmTune.Topology;

/// <summary>The settings of a VM.</summary>
/// <remarks>Sources: libvirt formatdomain; live changes: libvirt 9.0 qemu_driver.c; visibility to the guest: QEMU's virtio devices.</remarks>
public static class SettingCatalog
{
    private static readonly SettingGroup CpuTopologyGroup = new("CPU topology", CpuTopologyText);
    private static readonly SettingGroup HugePagesGroup = new("huge pages", HugePagesText);
    private static readonly SettingGroup IOThreadsGroup = new("I/O threads", static threads => Joined(threads.Select(thread => thread.Key!)));
    private static readonly SettingGroup DiskThreadGroup = new("disk * iothread", ServingText);
    private static readonly SettingGroup ControllerThreadGroup = new("SCSI controller * iothread", ServingText);

    /// <summary>The limits of a disk by libvirt's names, in libvirt's order.</summary>
    internal static IReadOnlyList<string> DiskLimits { get; } =
    [
        "total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "total_iops_sec", "read_iops_sec", "write_iops_sec",
        "total_bytes_sec_max", "read_bytes_sec_max", "write_bytes_sec_max", "total_iops_sec_max", "read_iops_sec_max", "write_iops_sec_max",
        "size_iops_sec", "total_bytes_sec_max_length", "read_bytes_sec_max_length", "write_bytes_sec_max_length",
        "total_iops_sec_max_length", "read_iops_sec_max_length", "write_iops_sec_max_length",
    ];

    /// <summary>All settings.</summary>
    public static IReadOnlyList<Setting> All { get; } =
    [
        // This module does not set them, but a restart would change them.
        new("vcpu", "most vCPUs", LiveChange.Never, IsSeen) { IsTunable = false },
        new("vcpu/@current", "vCPUs", LiveChange.Always, IsSeen) { IsTunable = false },
        new("vcpu/@cpuset", "vCPU cpuset", LiveChange.Never) { IsTunable = false },
        new("memory", "memory", LiveChange.Never, IsSeen) { IsTunable = false },
        new("devices/disk[target/@dev]/source/@file", "disk * source", LiveChange.Never, IsSeen) { IsTunable = false },
        new("devices/disk[target/@dev]/source/@dev", "disk * source device", LiveChange.Never, IsSeen) { IsTunable = false },
        new("devices/disk[target/@dev]/source/@name", "disk * source name", LiveChange.Never, IsSeen) { IsTunable = false },
        new("devices/disk[target/@dev]/source/@pool", "disk * source pool", LiveChange.Never, IsSeen) { IsTunable = false },
        new("devices/disk[target/@dev]/source/@volume", "disk * source volume", LiveChange.Never, IsSeen) { IsTunable = false },
        new("devices/disk[target/@dev]/source/@dir", "disk * source folder", LiveChange.Never, IsSeen) { IsTunable = false },

        // The host CPUs of threads. A running thread without a pin shows all CPUs that it may use as its pin.
        new("cputune/vcpupin[@vcpu]/@cpuset", "vCPU * pin", LiveChange.Always) { Running = RunningForm.Pin },
        new("cputune/emulatorpin/@cpuset", "emulator pin", LiveChange.Always) { Running = RunningForm.Pin },
        new("cputune/iothreadpin[@iothread]/@cpuset", "I/O thread * pin", LiveChange.Always) { Running = RunningForm.Pin },

        // The schedulers of threads: threads with the same scheduler share one element.
        new("cputune/emulatorsched/@scheduler", "emulator scheduler", LiveChange.Never) { IsTunable = false },
        new("cputune/emulatorsched/@priority", "emulator priority", LiveChange.Never) { IsTunable = false },
        new("cputune/vcpusched[each @vcpus]/@scheduler", "vCPU * scheduler", LiveChange.Never) { IsTunable = false },
        new("cputune/vcpusched[each @vcpus]/@priority", "vCPU * priority", LiveChange.Never) { IsTunable = false },
        new("cputune/iothreadsched[each @iothreads]/@scheduler", "I/O thread * scheduler", LiveChange.Never) { IsTunable = false },
        new("cputune/iothreadsched[each @iothreads]/@priority", "I/O thread * priority", LiveChange.Never) { IsTunable = false },

        // IOThreadElements derives the number in <iothreads> from these.
        new("iothreadids/iothread[@id]", "I/O thread *", LiveChange.Never, form: SettingForm.Presence) { Group = IOThreadsGroup },

        // The guest's CPU. libvirt writes a running model out in full, with the features from QEMU.
        new("cpu/@mode", "CPU mode", LiveChange.Never, IsSeen) { Running = RunningForm.Chosen },
        new("cpu/@match", "CPU match", LiveChange.Never, IsSeen) { Running = RunningForm.Expanded },
        new("cpu/@check", "CPU check", LiveChange.Never, IsSeen) { Running = RunningForm.Expanded },
        new("cpu/model", "CPU model", LiveChange.Never, IsSeen) { Running = RunningForm.Chosen },
        new("cpu/model/@fallback", "CPU model fallback", LiveChange.Never, IsSeen) { Running = RunningForm.Expanded },
        new("cpu/model/@vendor_id", "CPU model vendor", LiveChange.Never, IsSeen) { Running = RunningForm.Expanded },
        new("cpu/topology/@sockets", "CPU sockets", LiveChange.Never, IsSeen) { Group = CpuTopologyGroup },
        new("cpu/topology/@dies", "CPU dies", LiveChange.Never, IsSeen) { Group = CpuTopologyGroup },
        new("cpu/topology/@clusters", "CPU clusters", LiveChange.Never, IsSeen) { Group = CpuTopologyGroup, Missing = "1" },
        new("cpu/topology/@cores", "CPU cores", LiveChange.Never, IsSeen) { Group = CpuTopologyGroup },
        new("cpu/topology/@threads", "CPU threads", LiveChange.Never, IsSeen) { Group = CpuTopologyGroup },
        new("cpu/feature[@name]/@policy", "CPU feature *", LiveChange.Never, IsSeen) { Running = RunningForm.Expanded },

        // Memory: its pages and its NUMA nodes.
        new("memoryBacking/hugepages", "huge pages", LiveChange.Never, form: SettingForm.Presence) { Group = HugePagesGroup },
        new("memoryBacking/hugepages/page[#]/@size", "huge page * size", LiveChange.Never) { Group = HugePagesGroup },
        new("memoryBacking/hugepages/page[#]/@unit", "huge page * unit", LiveChange.Never) { Group = HugePagesGroup },
        new("memoryBacking/hugepages/page[#]/@nodeset", "huge page * guest nodes", LiveChange.Never) { Group = HugePagesGroup },
        new("memoryBacking/nosharepages", "memory nosharepages", LiveChange.Never, form: SettingForm.Presence),
        new("memoryBacking/locked", "memory locked", LiveChange.Never, form: SettingForm.Presence),
        new("numatune/memory/@mode", "NUMA mode", LiveChange.Never),
        new("numatune/memory/@nodeset", "NUMA nodes", LiveChange.Sometimes),
        new("numatune/memory/@placement", "NUMA placement", LiveChange.Never),
        new("numatune/memnode[@cellid]/@mode", "guest cell * NUMA mode", LiveChange.Never),
        new("numatune/memnode[@cellid]/@nodeset", "guest cell * NUMA nodes", LiveChange.Never),

        // Disks. A guest with a write-through disk sends no flushes, so the write cache must not be enabled without its knowledge.
        new("devices/disk[target/@dev]/driver/@cache", "disk * cache", LiveChange.Never, static (before, after) => HasWriteCache(before) != HasWriteCache(after)),
        new("devices/disk[target/@dev]/driver/@io", "disk * io", LiveChange.Never),
        new("devices/disk[target/@dev]/driver/@discard", "disk * discard", LiveChange.Never),
        new("devices/disk[target/@dev]/driver/@detect_zeroes", "disk * detect_zeroes", LiveChange.Never),
        new("devices/disk[target/@dev]/driver/@iothread", "disk * iothread", LiveChange.Never) { Group = DiskThreadGroup },
        new("devices/disk[target/@dev]/driver/iothreads/iothread[@id]", "disk * iothread *", LiveChange.Never, form: SettingForm.Presence) { Group = DiskThreadGroup },
        new("devices/disk[target/@dev]/driver/@queues", "disk * queues", LiveChange.Never, IsSeen),
        .. DiskLimits.Select(static limit => new Setting($"devices/disk[target/@dev]/iotune/{limit}", $"disk * {limit}", LiveChange.Always)),
        new("devices/disk[target/@dev]/iotune/group_name", "disk * throttle group", LiveChange.Always),
        new("devices/controller[@type='scsi'][@index]/driver/@iothread", "SCSI controller * iothread", LiveChange.Never) { Group = ControllerThreadGroup },
        new("devices/controller[@type='scsi'][@index]/driver/iothreads/iothread[@id]", "SCSI controller * iothread *", LiveChange.Never, form: SettingForm.Presence) { Group = ControllerThreadGroup },
        new("devices/controller[@type='scsi'][@index]/driver/@queues", "SCSI controller * queues", LiveChange.Never, IsSeen),

        // NICs. vhost and QEMU's own backend offer different features.
        new("devices/interface[mac/@address]/driver/@name", "NIC * backend", LiveChange.Never, IsSeen),
        new("devices/interface[mac/@address]/driver/@queues", "NIC * queues", LiveChange.Never, IsSeen),
        new("devices/interface[mac/@address]/driver/@rx_queue_size", "NIC * rx_queue_size", LiveChange.Never, IsSeen),
        new("devices/interface[mac/@address]/driver/@tx_queue_size", "NIC * tx_queue_size", LiveChange.Never, IsSeen),
    ];

    private static readonly Dictionary<string, Setting> ByPattern = All.ToDictionary(setting => setting.Pattern, StringComparer.Ordinal);

    /// <summary>The setting at an address; null if there is none.</summary>
    public static Setting? Find(SettingPath path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return ByPattern.GetValueOrDefault(path.Pattern);
    }

    /// <summary>The setting at an address.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static Setting Get(SettingPath path) => Find(path) ?? throw NotThere(path.Pattern);

    /// <summary>The setting with a pattern, as written in <see cref="All"/>.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    internal static Setting Get(string pattern) => ByPattern.TryGetValue(pattern, out var setting) ? setting : throw NotThere(pattern);

    private static InvalidOperationException NotThere(string pattern) =>
        new($"'{pattern}' is not a setting of the catalog (src/KvmTune.Core/Topology/SettingCatalog.cs), so it would be changed without being seen.");

    private static bool IsSeen(string? before, string? after) => true;

    // QEMU's cache modes (qemu manual, -drive cache): only these two show the guest a disk without a write cache.
    private static bool HasWriteCache(string? mode) => mode is not ("writethrough" or "directsync");

    private static string? Joined(IEnumerable<string> texts) => string.Join(',', texts) is { Length: > 0 } joined ? joined : null;

    private static string? ServingText(IReadOnlyList<SettingReading> threads) =>
        Joined(threads.Select(thread => thread.Setting.Form == SettingForm.Presence ? thread.SubKey! : thread.Value));

    private static string? CpuTopologyText(IReadOnlyList<SettingReading> numbers) => numbers.Count == 0 ? null : new CpuTopology(
        Number(numbers, "sockets"), Number(numbers, "dies"), Number(numbers, "cores"), Number(numbers, "threads"))
    {
        Clusters = Number(numbers, "clusters"),
    }.ToString();

    private static int Number(IReadOnlyList<SettingReading> numbers, string attribute) =>
        int.TryParse(ValueOf(numbers, attribute), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 1;

    private static string? HugePagesText(IReadOnlyList<SettingReading> settings)
    {
        var pages = settings.Where(setting => setting.Key is not null).GroupBy(setting => setting.Key, StringComparer.Ordinal).Select(page => page.ToList()).Select(page =>
            (ValueOf(page, "size") is { } size ? SizeText(size, ValueOf(page, "unit")) : "default")
            + (ValueOf(page, "nodeset") is { } nodes ? $" for guest nodes {nodes}" : null)).ToList();
        return pages.Count > 0 ? string.Join(", ", pages) : settings.Count > 0 ? "default" : null;
    }

    // In KiB, as libvirt itself writes it; an unknown unit stays as it is.
    private static string SizeText(string size, string? unit) => unit is not (null or "KiB" or "k" or "K") && XmlReading.ToKiB("1", unit) == 1
        ? $"{size} {unit}"
        : $"{XmlReading.ToKiB(size, unit).ToString(CultureInfo.InvariantCulture)} KiB";

    private static string? ValueOf(IReadOnlyList<SettingReading> settings, string attribute) =>
        settings.FirstOrDefault(setting => setting.Setting?.Attribute == attribute).Value;
}
