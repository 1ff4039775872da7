// Limits the I/O of a disk, or removes limits.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using static KvmTune.NumberText;

namespace KvmTune.Tuning.Changes;

/// <summary>
/// Sets limits of a disk's <c>&lt;iotune&gt;</c> (virsh <c>blkdeviotune</c>). libvirt sets limits by category (bytes, I/O operations, and
/// the bursts of each): setting one limit removes all others of its category that are not named (libvirt 9.0,
/// qemuDomainSetBlockIoTuneDefaults). So the change always holds whole categories, completed by <see cref="WholeCategories"/>.
/// </summary>
public sealed record DiskThrottleChange : VMChange
{
    private static readonly Setting[] LimitSettings = [.. SettingCatalog.All.Where(setting => setting.Elements.Any(element => element.Name == "iotune"))];

    /// <summary>The disk's target name, for example <c>vdb</c>.</summary>
    public required string Disk { get; init; }

    /// <summary>The limits by libvirt's names, in bytes/s, operations/s and seconds; null for "no limit".</summary>
    public required IReadOnlyDictionary<string, ulong?> Limits { get; init => field = Map.Of(value); }

    /// <summary>Whether the change also sets the disk's throttle group, to <see cref="Group"/>.</summary>
    public bool SetsGroup { get; init; }

    /// <summary>The throttle group if <see cref="SetsGroup"/> is true; null for none.</summary>
    public string? Group { get; init; }

    /// <summary>libvirt's categories: the limits that are set together.</summary>
    public static IReadOnlyList<IReadOnlyList<string>> Categories { get; } =
    [
        Triple("bytes_sec"), Triple("iops_sec"), Triple("bytes_sec_max"), Triple("iops_sec_max"),
        Triple("bytes_sec_max_length"), Triple("iops_sec_max_length"), ["size_iops_sec"],
    ];

    /// <inheritdoc/>
    public override TuningArea Area => TuningArea.Disk;

    /// <inheritdoc/>
    public override bool CanBeLive => true;

    /// <inheritdoc/>
    public override string Title
    {
        get
        {
            var set = Ordered.Where(limit => limit.Value is not null).Select(limit => $"{DiskLimitNames.Of(limit.Key)}={Text(limit.Value!.Value)}").ToList();
            return set.Count > 0
                ? $"disk {Disk}: {string.Join(", ", set)}"
                : Limits.Count == Categories.Sum(category => category.Count)
                    ? $"disk {Disk}: no limits"
                    : $"disk {Disk}: no {string.Join(", ", Ordered.Select(limit => DiskLimitNames.Of(limit.Key)))}";
        }
    }

    /// <inheritdoc/>
    internal override IReadOnlyList<SettingValue> Settings => new List<SettingValue>(
    [
        .. Ordered.Select(limit => new SettingValue(LimitPath(limit.Key), limit.Value is { } value ? Text(value) : null)),
        .. SetsGroup ? new[] { new SettingValue(LimitPath("group_name"), Group) } : [],
    ]);

    private IEnumerable<KeyValuePair<string, ulong?>> Ordered =>
        from category in Categories
        from name in category
        where Limits.ContainsKey(name)
        select KeyValuePair.Create(name, Limits[name]);

    /// <summary>
    /// The limits, completed with "no limit" for the others of each category. Without a limit the bursts are "no limit" too, and without
    /// bursts their lengths.
    /// </summary>
    public static IReadOnlyDictionary<string, ulong?> WholeCategories(IReadOnlyDictionary<string, ulong?> limits)
    {
        var whole = Categories.Where(category => category.Any(limits.ContainsKey)).SelectMany(category => category)
            .ToDictionary(name => name, name => limits.TryGetValue(name, out var value) && value > 0 ? value : null, StringComparer.Ordinal);
        foreach (var kind in (string[])["bytes_sec", "iops_sec", "bytes_sec_max", "iops_sec_max"])
        {
            var dependent = Triple(kind.EndsWith("_max", StringComparison.Ordinal) ? $"{kind}_length" : $"{kind}_max");
            if (Triple(kind).All(name => whole.TryGetValue(name, out var value) && value is null))
            {
                dependent.ToList().ForEach(name => whole.TryAdd(name, null));
            }
        }

        return whole;
    }

    /// <inheritdoc/>
    internal override IReadOnlyList<Setting> Kinds => LimitSettings;

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration) => DiskSettings.Require(configuration, Disk);

    /// <inheritdoc/>
    public override void ApplyLive(LiveTarget target) => target.Domain.SetBlockIoTune(
        Disk, Limits.ToDictionary(limit => limit.Key, limit => limit.Value ?? 0, StringComparer.Ordinal), AffectTarget.Live, Group);

    /// <inheritdoc/>
    public override IReadOnlyList<Verification> VerifyLive(LiveTarget target)
    {
        var actual = target.Domain.GetBlockIoTune(Disk, AffectTarget.Live);
        return [.. Ordered.Where(limit => actual.ContainsKey(limit.Key)).Select(limit =>
        {
            var value = Convert.ToUInt64(actual[limit.Key], CultureInfo.InvariantCulture);

            // Without a length QEMU reports bursts of one second.
            var isDefault = limit.Value is null && value == 1 && limit.Key.EndsWith("_length", StringComparison.Ordinal);
            return new Verification($"disk {Disk} {DiskLimitNames.Of(limit.Key)}", VerifiedBy.Qemu, "QEMU, asked by libvirt", Shown(limit.Value), Shown(isDefault ? null : value));
        })];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> VirshCommands(VMIdentity vm, bool live, bool config, DomainDocument before, DomainDocument after)
    {
        var options = Categories.Where(category => category.Any(Limits.ContainsKey)).SelectMany(category =>
            category.Where(name => Limits[name] is not null) is var set && set.Any() ? set : category.Take(1));
        var words = options.SelectMany(name => new[] { $"--{name.Replace('_', '-')}", Text(Limits[name] ?? 0) });
        return live || config ? [VirshText.Command(vm.ConnectionUri, ["blkdeviotune", vm.VirshName, Disk, .. words, .. VirshText.Flags(live, config)])] : [];
    }

    /// <inheritdoc/>
    protected override VMChange WithSettings(Func<SettingPath, string?> valueOf) => this with
    {
        Limits = Limits.Keys.ToDictionary(
            name => name,
            name => ulong.TryParse(valueOf(LimitPath(name)), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : (ulong?)null,
            StringComparer.Ordinal),
        Group = SetsGroup ? valueOf(LimitPath("group_name")) : null,
    };

    private static string[] Triple(string suffix) => [$"total_{suffix}", $"read_{suffix}", $"write_{suffix}"];

    private SettingPath LimitPath(string name) => DiskSettings.Path(Disk).Child("iotune").Child(name);

    private static string Shown(ulong? value) => value is > 0 ? Text(value.Value) : "no limit";
}
