// The place of each setting of the catalog in the typed model of the inventory, or that it has none.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Tests.Topology;

/// <summary>Finds settings in the typed model.</summary>
internal static class TypedModel
{
    // Settings that the inventory does not show: only the catalog compares them.
    private static readonly string[] NotInIt =
    [
        "cpu/@match", "cpu/@check", "cpu/model/@fallback", "cpu/model/@vendor_id", "cpu/feature[@name]/@policy",
        "devices/controller[@type='scsi'][@index]/driver/iothreads/iothread[@id]", "memoryBacking/hugepages/page[#]/@unit",
        .. new[] { "emulatorsched", "vcpusched[@vcpus]", "iothreadsched[@iothreads]" }.SelectMany(element => new[] { $"cputune/{element}/@scheduler", $"cputune/{element}/@priority" }),
    ];

    /// <summary>Whether this class knows the place of a setting in the model.</summary>
    public static bool Knows(Setting setting) =>
        NotInIt.Contains(setting.Pattern.Replace("page/", "page[#]/", StringComparison.Ordinal)) || Value(DomainXmlReader.Read("<domain/>"), setting, null, null) is not "(unknown)";

    /// <summary>Whether the model has the same value as a document.</summary>
    public static bool Has(VMConfiguration vm, SettingReading setting)
    {
        if (NotInIt.Contains(setting.Setting.Pattern.Replace("page/", "page[#]/", StringComparison.Ordinal)))
        {
            return true;
        }

        var value = Value(vm, setting.Setting, setting.Key, setting.SubKey);
        return value is null
            ? !IsUsable(setting)
            : setting.Setting.IsSame(value, setting.Value.Trim()) || !IsUsable(setting) || double.TryParse(value, CultureInfo.InvariantCulture, out var number) && double.TryParse(setting.Value, CultureInfo.InvariantCulture, out var other) && number == other;
    }

    // Documents of the corpus have values that the model cannot represent: numbers beyond an int, empty lists, unknown units.
    private static bool IsUsable(SettingReading setting) => setting.Setting.Attribute switch
    {
        "cpuset" or "nodeset" => CpuSet.TryParse(setting.Value, out _),
        "queues" or "iothread" or "rx_queue_size" or "tx_queue_size" or "current" => int.TryParse(setting.Value, NumberStyles.None, CultureInfo.InvariantCulture, out _),
        "size" => false,
        _ => setting.Setting.Pattern is not "memory" && setting.Value.Length > 0,
    };

    private static string? Value(VMConfiguration vm, Setting setting, string? key, string? subKey)
    {
        var disk = vm.Disks.FirstOrDefault(candidate => candidate.Target == key);
        var controller = vm.Controllers.FirstOrDefault(candidate => candidate.Type == "scsi" && Text(candidate.Index) == key);
        var nic = vm.Nics.FirstOrDefault(candidate => candidate.Mac == key);
        var number = int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed) ? parsed : -1;
        var cell = vm.Memory.CellPolicies.FirstOrDefault(policy => policy.CellId == number);
        return setting.Pattern switch
        {
            "vcpu" => Text(vm.MaxVcpus),
            "vcpu/@current" => Text(vm.CurrentVcpus),
            "vcpu/@cpuset" => vm.VcpuCpuSet?.ToString(),
            "memory" => Text(vm.Memory.MaximumKiB),
            "cputune/vcpupin[@vcpu]/@cpuset" => vm.VcpuPins.GetValueOrDefault(number)?.ToString(),
            "cputune/emulatorpin/@cpuset" => vm.EmulatorPin?.ToString(),
            "cputune/iothreadpin[@iothread]/@cpuset" => vm.IOThreadPins.GetValueOrDefault(number)?.ToString(),
            "iothreadids/iothread[@id]" => vm.IOThreadIds.Contains(number) ? string.Empty : null,
            "cpu/@mode" => vm.Cpu.Mode,
            "cpu/model" => vm.Cpu.Model,
            "cpu/topology/@sockets" => Text(vm.Cpu.Topology?.Sockets),
            "cpu/topology/@dies" => Text(vm.Cpu.Topology?.Dies),
            "cpu/topology/@clusters" => Text(vm.Cpu.Topology?.Clusters),
            "cpu/topology/@cores" => Text(vm.Cpu.Topology?.Cores),
            "cpu/topology/@threads" => Text(vm.Cpu.Topology?.Threads),
            "memoryBacking/hugepages" => vm.Memory.UsesHugePages ? string.Empty : null,
            "memoryBacking/hugepages/page/@size" => Text(vm.Memory.HugePages.ElementAtOrDefault(number)?.PageSizeKiB),
            "memoryBacking/hugepages/page/@nodeset" => vm.Memory.HugePages.ElementAtOrDefault(number)?.GuestNodes?.ToString(),
            "memoryBacking/nosharepages" => vm.Memory.NoSharePages ? string.Empty : null,
            "memoryBacking/locked" => vm.Memory.Locked ? string.Empty : null,
            "numatune/memory/@mode" => vm.Memory.NumaMode,
            "numatune/memory/@nodeset" => vm.Memory.NumaNodes?.ToString(),
            "numatune/memory/@placement" => vm.Memory.NumaPlacement,
            "numatune/memnode[@cellid]/@mode" => cell?.Mode,
            "numatune/memnode[@cellid]/@nodeset" => cell?.HostNodes.ToString(),
            "devices/disk[target/@dev]/driver/@cache" => disk?.Cache,
            "devices/disk[target/@dev]/driver/@io" => disk?.IO,
            "devices/disk[target/@dev]/driver/@discard" => disk?.Discard,
            "devices/disk[target/@dev]/driver/@detect_zeroes" => disk?.DetectZeroes,
            "devices/disk[target/@dev]/driver/@iothread" => Text(disk?.IOThread),
            "devices/disk[target/@dev]/driver/iothreads/iothread[@id]" => disk?.IOThreads.Any(id => Text(id) == subKey) == true ? string.Empty : null,
            "devices/disk[target/@dev]/driver/@queues" => Text(disk?.Queues),
            "devices/disk[target/@dev]/iotune/group_name" => disk?.ThrottleGroup,
            "devices/controller[@type='scsi'][@index]/driver/@iothread" => Text(controller?.IOThread),
            "devices/controller[@type='scsi'][@index]/driver/@queues" => Text(controller?.Queues),
            "devices/interface[mac/@address]/driver/@name" => nic?.Backend,
            "devices/interface[mac/@address]/driver/@queues" => Text(nic?.Queues),
            "devices/interface[mac/@address]/driver/@rx_queue_size" => Text(nic?.RxQueueSize),
            "devices/interface[mac/@address]/driver/@tx_queue_size" => Text(nic?.TxQueueSize),
            var source when source.StartsWith("devices/disk[target/@dev]/source/", StringComparison.Ordinal) => SourceOf(disk, setting.Attribute!),
            var limit when limit.StartsWith("devices/disk[target/@dev]/iotune/", StringComparison.Ordinal) =>
                disk?.Throttle.TryGetValue(setting.Elements[^1].Name, out var value) == true ? value.ToString(CultureInfo.InvariantCulture) : null,
            _ => "(unknown)",
        };
    }

    // The model has one text for all sources: pool/volume for a volume.
    private static string? SourceOf(DiskConfiguration? disk, string attribute) => attribute switch
    {
        "pool" => disk?.Source?.Split('/')[0],
        "volume" => disk?.Source is { } source ? source[(source.IndexOf('/', StringComparison.Ordinal) + 1)..] : null,
        _ => disk?.Source,
    };

    private static string? Text(long? number) => number?.ToString(CultureInfo.InvariantCulture);
}
