// The tuning state of a VM: every setting that this module can change, as a domain XML has it.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>The tunable settings and the devices of a domain XML.</summary>
/// <param name="Values">The settings that are set, each with its value.</param>
/// <param name="Devices">
/// The addresses of the disks, SCSI controllers and NICs. Only for these does a missing value mean that the setting was not set.
/// </param>
public sealed record TuningState(IReadOnlyList<SettingValue> Values, IReadOnlyList<string> Devices)
{
    // Kinds of setting that states of the first version did not include: a missing value says nothing there.
    private static readonly string[] UnknownAtFirst =
    [
        "numatune/memnode[@cellid]/@mode", "numatune/memnode[@cellid]/@nodeset", "cpu/feature[@name]/@policy",
        "devices/controller[@type='scsi'][@index]/driver/iothreads/iothread[@id]",
    ];

    /// <summary>The settings that are set, each with its value.</summary>
    public IReadOnlyList<SettingValue> Values { get; init => field = Items.Of(value); } = Items.Of(Values);

    /// <summary>
    /// The addresses of the disks, SCSI controllers and NICs. Only for these does a missing value mean that the setting was not set.
    /// </summary>
    public IReadOnlyList<string> Devices { get; init => field = Items.Of(value); } = Items.Of(Devices);

    /// <summary>The kinds of setting that could be among the values, by their patterns; null in a state of the first version.</summary>
    public IReadOnlyList<string>? Known { get; init => field = Items.Of(value); }

    /// <summary>Whether the document named its I/O threads, and not only their number; null in a state of the first version.</summary>
    public bool? NamesIOThreads { get; init; }

    /// <summary>The state of a document.</summary>
    public static TuningState Of(DomainDocument document)
    {
        ArgumentNullException.ThrowIfNull(document);
        return new TuningState(
            [.. document.Settings.All.Where(setting => setting.Setting.IsTunable).Select(setting => new SettingValue(setting.Path, setting.Value)).DistinctBy(setting => setting.Path)],
            [.. document.Settings.Devices.Select(device => device.ToString())])
        {
            NamesIOThreads = document.Domain.Element("iothreadids") is not null,
            Known = [.. SettingCatalog.All.Where(setting => setting.IsTunable).Select(setting => setting.Pattern)],
        };
    }

    /// <summary>The settings that return a document to this state. Devices that were added since stay as they are.</summary>
    public IReadOnlyList<SettingValue> ChangesOf(DomainDocument document)
    {
        var now = Of(document);
        List<SettingValue> then = [.. Values.Where(setting => SettingCatalog.Find(setting.Path) is { IsTunable: true }), .. ThreadsOfNumber()];
        var wanted = then.Select(setting => setting.Path).ToHashSet();
        var present = now.Values.ToDictionary(setting => setting.Path, setting => setting.Value);
        var set = then.Where(setting => IsHere(setting.Path, now.Devices) && !SettingCatalog.Get(setting.Path).IsSame(present.GetValueOrDefault(setting.Path), setting.Value)).ToList();
        var unset = now.Values.Where(setting => !wanted.Contains(setting.Path) && IsKnown(setting.Path) && !IsAbove(setting.Path, then) && IsHere(setting.Path, Devices))
            .Select(setting => setting with { Value = null }).ToList();

        // Elements without a value are set too if anything else changes, because a removal also removes elements that it leaves empty.
        return new List<SettingValue>(
        [
            .. set.Where(setting => setting.Value!.Length > 0),
            .. unset,
            .. then.Where(setting => setting.Value!.Length == 0 && (set.Contains(setting) || set.Count > 0 || unset.Count > 0) && IsHere(setting.Path, now.Devices)),
        ]);
    }

    /// <summary>
    /// The settings of this state that a running VM does not have in force although its configuration has them. Devices that only one of the two has
    /// are left out.
    /// </summary>
    /// <param name="running">The document of the running VM.</param>
    /// <param name="configured">The configuration, already in this state.</param>
    /// <param name="hostCpus">All host CPUs.</param>
    public IReadOnlyList<SettingValue> NotInForce(DomainDocument running, DomainDocument configured, CpuSet hostCpus)
    {
        ArgumentNullException.ThrowIfNull(running);
        ArgumentNullException.ThrowIfNull(configured);
        return [.. SettingComparer.PendingSettings(running.Settings, configured.Settings, hostCpus)
            .Where(pending => pending.Setting.IsTunable && IsKnown(pending.Path) && IsHere(pending.Path, Devices)
                && running.HasDeviceOf(pending.Path) && configured.HasDeviceOf(pending.Path))
            .Select(pending => new SettingValue(pending.Path, pending.Configured))];
    }

    /// <summary>The devices of this state that a document no longer has, for example <c>disk vdb</c>.</summary>
    public IReadOnlyList<string> MissingDevices(DomainDocument document) => [.. Devices.Except(Of(document).Devices, StringComparer.Ordinal).Select(NameOf)];

    // The names of its settings begin with the name of the device: "disk vdb" of devices/disk[target/@dev='vdb'].
    private static string NameOf(string device)
    {
        var key = device.LastIndexOf("='", StringComparison.Ordinal);
        var setting = key < 0 ? null : SettingCatalog.All.FirstOrDefault(known => known.Pattern.StartsWith($"{device[..key]}]/", StringComparison.Ordinal));
        return setting is null ? device : $"{setting.Name[..setting.Name.IndexOf('*', StringComparison.Ordinal)]}{device[(key + 2)..^2]}";
    }

    // A state of the first version has the number of I/O threads in addition to the named ids.
    private IEnumerable<SettingValue> ThreadsOfNumber()
    {
        var count = Values.FirstOrDefault(setting => setting.Path == IOThreadElements.CountPath)?.Value;
        var named = Values.Select(setting => IOThreadElements.ThreadOf(setting.Path)).OfType<int>().ToHashSet();
        return int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? IOThreadElements.Unnamed(named, number).Select(id => new SettingValue(IOThreadElements.PathOf(id), string.Empty))
            : [];
    }

    private bool IsKnown(SettingPath path)
    {
        var pattern = SettingCatalog.Get(path).Pattern;
        return Known is null ? !UnknownAtFirst.Contains(pattern, StringComparer.Ordinal) : Known.Contains(pattern, StringComparer.Ordinal);
    }

    // An element that is empty now but has content in this state must not be removed.
    private static bool IsAbove(SettingPath path, IReadOnlyList<SettingValue> values) =>
        path.Attribute is null && $"{path}/" is var above && values.Any(setting => setting.Path.ToString().StartsWith(above, StringComparison.Ordinal));

    private static bool IsHere(SettingPath path, IReadOnlyList<string> devices) =>
        path.Device is not { } device || devices.Contains(device.ToString(), StringComparer.Ordinal);

    /// <summary>For example <c>14 settings</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Values.Count} settings");
}
