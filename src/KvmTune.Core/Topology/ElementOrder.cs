// The order in which libvirt writes the children of elements that edits can add children to.
namespace KvmTune.Topology;

/// <summary>The places of elements among their siblings (libvirt 9.0 to 11: virDomainDefFormatInternalSetRootName and its callees).</summary>
internal sealed class ElementOrder
{
    private static readonly Dictionary<string, string[]> Children = new(StringComparer.Ordinal)
    {
        [""] =
        [
            "name", "uuid", "hwuuid", "genid", "title", "description", "metadata", "maxMemory", "memory", "currentMemory", "blkiotune", "memtune",
            "memoryBacking", "vcpu", "vcpus", "iothreads", "iothreadids", "defaultiothread", "throttlegroups", "cputune", "numatune", "resource",
            "sysinfo", "bootloader", "bootloader_args", "os", "idmap", "features", "cpu", "clock", "on_poweroff", "on_reboot", "on_crash",
            "on_lockfailure", "pm", "perf", "devices", "seclabel", "keywrap", "launchSecurity",
        ],
        ["memoryBacking"] = ["hugepages", "nosharepages", "locked", "source", "access", "allocation", "discard"],
        ["memoryBacking/hugepages"] = ["page"],
        ["iothreadids"] = ["iothread"],
        ["cputune"] =
        [
            "shares", "period", "quota", "global_period", "global_quota", "emulator_period", "emulator_quota", "iothread_period", "iothread_quota",
            "vcpupin", "emulatorpin", "iothreadpin", "emulatorsched", "vcpusched", "iothreadsched", "cachetune", "memorytune",
        ],
        ["numatune"] = ["memory", "memnode"],
        ["cpu"] = ["arch", "model", "vendor", "microcode", "signature", "topology", "cache", "maxphysaddr", "feature", "numa"],
        ["devices/disk"] =
        [
            "driver", "auth", "source", "backingStore", "backenddomain", "geometry", "blockio", "mirror", "target", "throttlefilters", "iotune",
            "readonly", "shareable", "transient", "serial", "wwn", "vendor", "product", "encryption", "boot", "acpi", "alias", "address",
        ],
        ["devices/disk/driver"] = ["iothreads", "metadata_cache", "statistics"],
        ["devices/disk/driver/iothreads"] = ["iothread"],
        ["devices/disk/iotune"] =
        [
            .. SettingCatalog.DiskLimits.TakeWhile(limit => limit != "size_iops_sec"), "size_iops_sec", "group_name",
            .. SettingCatalog.DiskLimits.SkipWhile(limit => limit != "size_iops_sec").Skip(1),
        ],
        ["devices/controller"] = ["model", "target", "driver", "master", "pcihole64", "boot", "acpi", "alias", "address"],
        ["devices/controller/driver"] = ["iothreads"],
        ["devices/controller/driver/iothreads"] = ["iothread"],
        ["devices/interface"] =
        [
            "mac", "source", "actual", "teaming", "vlan", "virtualport", "ip", "route", "script", "downscript", "backenddomain", "target", "guest",
            "model", "driver", "backend", "filterref", "bandwidth", "link", "tune", "mtu", "coalesce", "boot", "rom", "acpi", "alias", "address",
        ],
    };

    private readonly string _path;
    private readonly string[] _names;

    private ElementOrder(string path, string[] names) => (_path, _names) = (path, names);

    /// <summary>The order of the children of an element.</summary>
    /// <param name="parent">The names of the elements on the path from below <c>&lt;domain&gt;</c> to the parent.</param>
    public static ElementOrder Of(IEnumerable<string> parent)
    {
        var path = string.Join('/', parent);
        return new ElementOrder(path, Children.GetValueOrDefault(path, []));
    }

    /// <summary>The place of a new element.</summary>
    /// <exception cref="InvalidOperationException">The order does not include it, so it has no known place.</exception>
    public int RankOf(string name) => RankOfSibling(name) ?? throw new InvalidOperationException(
        $"Where <{name}> stands in <{(_path.Length == 0 ? "domain" : _path)}> is not known (src/KvmTune.Core/Topology/ElementOrder.cs), so it cannot be made.");

    /// <summary>The place of an existing sibling; null if the order does not include it: the caller ignores it.</summary>
    public int? RankOfSibling(string name) => Array.IndexOf(_names, name) is >= 0 and var rank ? rank : null;
}
