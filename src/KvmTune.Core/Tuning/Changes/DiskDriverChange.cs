// Sets driver options of a disk: cache mode, I/O mode, discard, detection of zeroes.
using KvmTune.Hosts;
using KvmTune.Topology;

namespace KvmTune.Tuning.Changes;

/// <summary>
/// Sets attributes of a disk's <c>&lt;driver&gt;</c>. QEMU opens a disk once, so a running VM takes them at its next start
/// (libvirt: qemuDomainDiskChangeSupported).
/// </summary>
public sealed record DiskDriverChange : VMChange
{
    private static readonly Setting[] DriverSettings =
    [
        SettingCatalog.Get("devices/disk[target/@dev]/driver/@cache"),
        SettingCatalog.Get("devices/disk[target/@dev]/driver/@io"),
        SettingCatalog.Get("devices/disk[target/@dev]/driver/@discard"),
        SettingCatalog.Get("devices/disk[target/@dev]/driver/@detect_zeroes"),
    ];

    /// <summary>The disk's target name, for example <c>vdb</c>.</summary>
    public required string Disk { get; init; }

    /// <summary>The attributes by libvirt's names (<c>cache</c>, <c>io</c>, <c>discard</c>, <c>detect_zeroes</c>); null for "not set".</summary>
    public required IReadOnlyDictionary<string, string?> Options { get; init => field = Map.Of(value); }

    /// <summary>A change of one option.</summary>
    public static DiskDriverChange Of(string disk, string option, string? value) =>
        new() { Disk = disk, Options = new Dictionary<string, string?>(StringComparer.Ordinal) { [option] = value } };

    /// <inheritdoc/>
    public override TuningArea Area => TuningArea.Disk;

    /// <inheritdoc/>
    public override bool CanBeLive => false;

    /// <inheritdoc/>
    public override string Title =>
        $"disk {Disk}: {string.Join(", ", OrderedOptions.Select(option => option.Value is null ? $"no {option.Key}" : $"{option.Key}={option.Value}"))}";

    /// <inheritdoc/>
    internal override IReadOnlyList<SettingValue> Settings =>
        OrderedOptions.Select(option => new SettingValue(OptionPath(option.Key), option.Value)).ToList();

    private IEnumerable<KeyValuePair<string, string?>> OrderedOptions => Options.OrderBy(option => option.Key, StringComparer.Ordinal);

    private SettingPath DiskPath => DiskSettings.Path(Disk);

    /// <inheritdoc/>
    internal override IReadOnlyList<Setting> Kinds => DriverSettings;

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration) => DiskSettings.Require(configuration, Disk);

    /// <inheritdoc/>
    public override Task<IReadOnlyList<Verification>> VerifyRestartedAsync(RestartedTarget target, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Verification>>(target.Process is { } process && DiskSettings.Find(target.Running, Disk) is { } disk
            ? DiskVerification.OfDriver(DomainDocument.Parse(target.Domain.GetXml()), disk, Options.Keys.ToHashSet(StringComparer.Ordinal), process)
            : []);

    /// <inheritdoc/>
    public override IReadOnlyList<string> VirshCommands(VMIdentity vm, bool live, bool config, DomainDocument before, DomainDocument after) =>
        [VirshText.UpdateDevice(vm, after.Find(DiskPath)!)];

    /// <inheritdoc/>
    protected override VMChange WithSettings(Func<SettingPath, string?> valueOf) => this with
    {
        Options = Options.Keys.ToDictionary(name => name, name => valueOf(OptionPath(name)), StringComparer.Ordinal),
    };

    private SettingPath OptionPath(string name) => DiskPath.Child("driver").At(name);
}
