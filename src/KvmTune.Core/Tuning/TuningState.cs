// The tuning state of a VM: every setting that this module can change, as a domain XML has it.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>The tunable settings of a domain XML, and the devices that it had.</summary>
/// <param name="Values">The settings that are set, each with its value.</param>
/// <param name="Devices">The disks, SCSI controllers and NICs, by their addresses: of these, and only these, a setting that is not among the values was not set.</param>
public sealed record TuningState(IReadOnlyList<SettingValue> Values, IReadOnlyList<string> Devices)
{
    // What states of the first version did not hold: that it is not among their values says nothing.
    private static readonly string[] UnknownAtFirst =
    [
        "numatune/memnode[@cellid]/@mode", "numatune/memnode[@cellid]/@nodeset", "cpu/feature[@name]/@policy",
        "devices/controller[@type='scsi'][@index]/driver/iothreads/iothread[@id]",
    ];

    /// <summary>The kinds of setting that could be among the values, by their patterns; null in a state of the first version.</summary>
    public IReadOnlyList<string>? Known { get; init => field = Items.Of(value); }

    /// <summary>Whether the document named its I/O threads, and not only their number; null in a state of the first version.</summary>
    public bool? NamesIOThreads { get; init; }

    /// <summary>The state that a document has.</summary>
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

    /// <summary>What must be set in a document so that it has this state again. Devices that came since are left alone.</summary>
    public IReadOnlyList<SettingValue> ChangesOf(DomainDocument document)
    {
        var now = Of(document);
        List<SettingValue> then = [.. Values.Where(setting => SettingCatalog.Find(setting.Path) is { IsTunable: true }), .. ThreadsOfNumber()];
        var wanted = then.Select(setting => setting.Path).ToHashSet();
        var present = now.Values.ToDictionary(setting => setting.Path, setting => setting.Value);
        var set = then.Where(setting => IsHere(setting.Path, now.Devices) && !SettingCatalog.Get(setting.Path).IsSame(present.GetValueOrDefault(setting.Path), setting.Value)).ToList();
        var unset = now.Values.Where(setting => !wanted.Contains(setting.Path) && IsKnown(setting.Path) && !IsAbove(setting.Path, then) && IsHere(setting.Path, Devices))
            .Select(setting => setting with { Value = null }).ToList();

        // What is only there or not is named where anything else changes: a removal takes elements along that it leaves empty.
        return new List<SettingValue>(
        [
            .. set.Where(setting => setting.Value!.Length > 0),
            .. unset,
            .. then.Where(setting => setting.Value!.Length == 0 && (set.Contains(setting) || set.Count > 0 || unset.Count > 0) && IsHere(setting.Path, now.Devices)),
        ]);
    }

    /// <summary>The devices of this state that a document does not have any more.</summary>
    public IReadOnlyList<string> MissingDevices(DomainDocument document) => [.. Devices.Except(Of(document).Devices, StringComparer.Ordinal)];

    // A state of the first version held the number of I/O threads beside the ids that were named.
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

    // An element that is set alone now, and has something in it in this state, is not to be taken away.
    private static bool IsAbove(SettingPath path, IReadOnlyList<SettingValue> values) =>
        path.Attribute is null && $"{path}/" is var above && values.Any(setting => setting.Path.ToString().StartsWith(above, StringComparison.Ordinal));

    private static bool IsHere(SettingPath path, IReadOnlyList<string> devices) =>
        DeviceOf(path) is not { } device || devices.Contains(device, StringComparer.Ordinal);

    private static string? DeviceOf(SettingPath path) => path.Elements is [{ Name: "devices" }, var device, ..]
        ? SettingPath.Of(path.Elements[0], device).ToString()
        : null;

    /// <summary>For example <c>14 settings</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Values.Count} settings");
}
