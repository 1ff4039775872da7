// The tuning state of a VM: every setting that this module can change, as a domain XML has it.
using System.Globalization;
using System.Xml.Linq;

namespace KvmTune.Tuning;

/// <summary>The tunable settings of a domain XML, and the devices that it had.</summary>
/// <param name="Values">The settings that are set, each with its value.</param>
/// <param name="Devices">The disks, SCSI controllers and NICs, by their addresses: of these, and only these, a setting that is not among the values was not set.</param>
public sealed record TuningState(IReadOnlyList<SettingValue> Values, IReadOnlyList<string> Devices)
{
    private static readonly string[] DriverOfDisk = ["cache", "io", "discard", "detect_zeroes", "iothread", "queues"];
    private static readonly string[] DriverOfController = ["iothread", "queues"];
    private static readonly string[] DriverOfNic = ["name", "queues", "rx_queue_size", "tx_queue_size"];

    /// <summary>The state that a document has.</summary>
    public static TuningState Of(DomainDocument document)
    {
        ArgumentNullException.ThrowIfNull(document);
        var devices = DevicesOf(document.Domain).DistinctBy(device => device.Path).ToList();
        var values = Common(document.Domain).Concat(devices.SelectMany(device => device.Settings))
            .Select(path => new SettingValue(path, document.Get(path)))
            .Where(setting => setting.Value is not null)
            .DistinctBy(setting => setting.Path)
            .ToList();
        return new TuningState(values, devices.Select(device => device.Path.ToString()).ToList());
    }

    /// <summary>What must be set in a document so that it has this state again. Devices that came since are left alone.</summary>
    public IReadOnlyList<SettingValue> ChangesOf(DomainDocument document)
    {
        var now = Of(document);
        var wanted = Values.ToDictionary(setting => setting.Path, setting => setting.Value);
        var present = now.Values.ToDictionary(setting => setting.Path, setting => setting.Value);
        var set = Values.Where(setting => IsHere(setting.Path, now.Devices) && present.GetValueOrDefault(setting.Path) != setting.Value).ToList();
        var unset = now.Values.Where(setting => !wanted.ContainsKey(setting.Path) && !IsAbove(setting.Path, Values) && IsHere(setting.Path, Devices))
            .Select(setting => setting with { Value = null });

        // Elements that only their order tells apart go from the last one back, and what is only there or not comes at the end:
        // a removal before it takes empty elements away.
        return new List<SettingValue>(
        [
            .. set.Where(setting => setting.Value!.Length > 0),
            .. unset.Reverse(),
            .. Values.Where(setting => setting.Value!.Length == 0 && (set.Contains(setting) || set.Count > 0 || unset.Any()) && IsHere(setting.Path, now.Devices)),
        ]);
    }

    /// <summary>The devices of this state that a document does not have any more.</summary>
    public IReadOnlyList<string> MissingDevices(DomainDocument document) => [.. Devices.Except(Of(document).Devices, StringComparer.Ordinal)];

    // An element that is set alone now, and has something in it in this state, is not to be taken away.
    private static bool IsAbove(SettingPath path, IReadOnlyList<SettingValue> values) =>
        path.Attribute is null && $"{path}/" is var above && values.Any(setting => setting.Path.ToString().StartsWith(above, StringComparison.Ordinal));

    private static bool IsHere(SettingPath path, IReadOnlyList<string> devices) =>
        DeviceOf(path) is not { } device || devices.Contains(device, StringComparer.Ordinal);

    private static string? DeviceOf(SettingPath path) => path.Elements is [{ Name: "devices" }, var device, ..]
        ? SettingPath.Of(path.Elements[0], device).ToString()
        : null;

    private static IEnumerable<SettingPath> Common(XElement domain)
    {
        var tune = SettingPath.Of(new SettingElement("cputune"));
        foreach (var pin in domain.Elements("cputune").Elements())
        {
            var key = pin.Name.LocalName switch { "vcpupin" => "vcpu", "iothreadpin" => "iothread", _ => null };
            if (key is not null && (string?)pin.Attribute(key) is { } number)
            {
                yield return tune.Child(pin.Name.LocalName, key, number).At("cpuset");
            }
        }

        yield return tune.Child("emulatorpin").At("cpuset");
        yield return SettingPath.Of(new SettingElement("iothreads"));
        foreach (var id in domain.Elements("iothreadids").Elements("iothread").Select(thread => (string?)thread.Attribute("id")).OfType<string>())
        {
            yield return SettingPath.Of(new SettingElement("iothreadids")).Child("iothread", "id", id);
        }

        var cpu = SettingPath.Of(new SettingElement("cpu"));
        foreach (var path in At(cpu, "mode", "match", "check").Concat(At(cpu.Child("model"), "fallback", "vendor_id")).Append(cpu.Child("model"))
            .Concat(At(cpu.Child("topology"), "sockets", "dies", "cores", "threads")))
        {
            yield return path;
        }

        var backing = SettingPath.Of(new SettingElement("memoryBacking"));
        var pages = domain.Elements("memoryBacking").Elements("hugepages").Elements("page").Count();
        foreach (var path in Enumerable.Range(0, pages).SelectMany(index => At(backing.Child("hugepages").Child("page", index), "size", "unit", "nodeset")))
        {
            yield return path;
        }

        if (pages == 0)
        {
            yield return backing.Child("hugepages");
        }

        yield return backing.Child("nosharepages");
        yield return backing.Child("locked");
        foreach (var path in At(SettingPath.Of(new SettingElement("numatune")).Child("memory"), "mode", "nodeset", "placement"))
        {
            yield return path;
        }
    }

    private static IEnumerable<(SettingPath Path, IEnumerable<SettingPath> Settings)> DevicesOf(XElement domain)
    {
        foreach (var device in domain.Elements("devices").Elements())
        {
            switch (device.Name.LocalName)
            {
                case "disk" when (string?)device.Element("target")?.Attribute("dev") is { } target:
                    var disk = Changes.DiskSettings.Path(target);
                    yield return (disk, Driver(device, disk, DriverOfDisk).Concat(device.Elements("iotune").Elements().Select(limit => disk.Child("iotune").Child(limit.Name.LocalName))));
                    break;
                case "controller" when (string?)device.Attribute("type") == "scsi" && int.TryParse((string?)device.Attribute("index"), NumberStyles.None, CultureInfo.InvariantCulture, out var index):
                    var controller = Changes.DiskIOThreadChange.ControllerPath(index);
                    yield return (controller, Driver(device, controller, DriverOfController));
                    break;
                case "interface" when (string?)device.Element("mac")?.Attribute("address") is { } mac:
                    var nic = SettingPath.Of(new SettingElement("devices"), new SettingElement("interface", "mac", "address", mac));
                    yield return (nic, Driver(device, nic, DriverOfNic));
                    break;
            }
        }
    }

    private static IEnumerable<SettingPath> Driver(XElement device, SettingPath path, string[] attributes) =>
        At(path.Child("driver"), attributes).Concat(device.Elements("driver").Elements("iothreads").Elements("iothread")
            .Select(thread => (string?)thread.Attribute("id")).OfType<string>()
            .Select(id => path.Child("driver").Child("iothreads").Child("iothread", "id", id)));

    private static IEnumerable<SettingPath> At(SettingPath element, params string[] attributes) => attributes.Select(element.At);
}
