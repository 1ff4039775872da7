// Gives a disk its own I/O thread, with queues, or removes both.
using KvmTune.Hosts;
using KvmTune.Topology;
using static KvmTune.NumberText;

namespace KvmTune.Tuning.Changes;

/// <summary>
/// Assigns I/O threads to a virtio disk, or to the virtio-scsi controller of a SCSI disk, and adds or removes the VM's I/O threads for
/// that in the same change (libvirt formatdomain: iothreads, iothreadids, driver). QEMU reads them only at its start. Create it with
/// <see cref="DiskIOThreadRequest"/>, which knows the present threads.
/// </summary>
public sealed record DiskIOThreadChange : VMChange
{
    private static readonly Setting[] ThreadSettings =
    [
        SettingCatalog.Get("iothreadids/iothread[@id]"),
        SettingCatalog.Get("devices/disk[target/@dev]/driver/@iothread"),
        SettingCatalog.Get("devices/disk[target/@dev]/driver/iothreads/iothread[@id]"),
        SettingCatalog.Get("devices/disk[target/@dev]/driver/@queues"),
        SettingCatalog.Get("devices/controller[@type='scsi'][@index]/driver/@iothread"),
        SettingCatalog.Get("devices/controller[@type='scsi'][@index]/driver/iothreads/iothread[@id]"),
        SettingCatalog.Get("devices/controller[@type='scsi'][@index]/driver/@queues"),
    ];

    /// <summary>The disk's target name, for example <c>vdb</c>.</summary>
    public required string Disk { get; init; }

    /// <summary>The index of the SCSI controller that has the settings; null if the disk has its own.</summary>
    public int? Controller { get; init; }

    /// <summary>The attributes of the <c>&lt;driver&gt;</c> (<c>iothread</c>, <c>queues</c>); null for "not set".</summary>
    public required IReadOnlyDictionary<string, string?> Options { get; init => field = Map.Of(value); }

    /// <summary>The I/O threads in the <c>&lt;driver&gt;</c>'s list, for a disk with several: each id, and whether it is in the list.</summary>
    public IReadOnlyDictionary<int, bool> SharedBy { get; init => field = Map.Of(value); } = Map<int, bool>.None;

    /// <summary>
    /// The VM's I/O threads that the change adds or removes: each id, and whether it exists afterwards. A thread that another disk uses by then
    /// is not removed.
    /// </summary>
    public IReadOnlyDictionary<int, bool> Threads { get; init => field = Map.Of(value); } = Map<int, bool>.None;

    /// <inheritdoc/>
    public override TuningArea Area => TuningArea.Disk;

    /// <inheritdoc/>
    public override bool CanBeLive => false;

    /// <inheritdoc/>
    public override string Title
    {
        get
        {
            var shared = SharedBy.Where(thread => thread.Value).Select(thread => Text(thread.Key)).ToList();
            var parts = new List<string>();
            if (shared.Count > 0)
            {
                parts.Add($"I/O threads {string.Join(", ", shared)}");
            }
            else if (Options.TryGetValue("iothread", out var thread))
            {
                parts.Add(thread is null ? "no I/O thread" : $"I/O thread {thread}");
            }

            if (Options.TryGetValue("queues", out var queues))
            {
                parts.Add(queues is null ? "queues not set" : $"{queues} queues");
            }

            return $"disk {Disk}{(Controller is { } index ? $" (SCSI controller {Text(index)})" : null)}: {string.Join(", ", parts)}";
        }
    }

    /// <inheritdoc/>
    internal override IReadOnlyList<SettingValue> Settings => new List<SettingValue>(
    [
        .. Threads.OrderBy(thread => thread.Key).Select(thread => new SettingValue(IOThreadElements.PathOf(thread.Key), Presence(thread.Value))),
        .. Options.OrderBy(option => option.Key, StringComparer.Ordinal).Select(option => new SettingValue(DriverPath.At(option.Key), option.Value)),
        .. SharedBy.OrderBy(thread => thread.Key).Select(thread => new SettingValue(SharedPath(thread.Key), Presence(thread.Value))),
    ]);

    private SettingPath OwnerPath => Controller is { } index ? ControllerPath(index) : DiskSettings.Path(Disk);

    private SettingPath DriverPath => OwnerPath.Child("driver");

    /// <inheritdoc/>
    internal override IReadOnlyList<Setting> Kinds => ThreadSettings;

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration)
    {
        DiskSettings.Require(configuration, Disk);
        if (Controller is { } index && !configuration.Controllers.Any(controller => controller.Type == "scsi" && controller.Index == index))
        {
            throw new KvmTuneException(
                "ControllerNotFound", KvmTuneErrorCategory.ObjectNotFound, $"The VM '{configuration.Name}' has no SCSI controller {Text(index)}.");
        }
    }

    /// <inheritdoc/>
    public override Task<IReadOnlyList<Verification>> VerifyRestartedAsync(RestartedTarget target, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Verification>>(target.Process is { } process && DiskSettings.Find(target.Running, Disk) is { } disk
            ? DiskVerification.OfIOThread(DomainDocument.Parse(target.Domain.GetXml()), OwnerPath, disk, this, process)
            : []);

    /// <inheritdoc/>
    public override IReadOnlyList<string> VirshCommands(VMIdentity vm, bool live, bool config, DomainDocument before, DomainDocument after)
    {
        // virsh cannot update a controller. It would also lose the ids of threads that follow a gap after the removal.
        var (existing, left) = (before.ToConfiguration().IOThreadIds, after.ToConfiguration().IOThreadIds);
        var removed = existing.Except(left).ToList();
        if (!config || Controller is not null || (removed.Count > 0 && before.Domain.Element("iothreadids") is null && left.Any(id => id > left.Count)))
        {
            return base.VirshCommands(vm, live, config, before, after);
        }

        return
        [
            .. left.Except(existing).Order()
                .Select(id => VirshText.Command(vm.ConnectionUri, "iothreadadd", vm.VirshName, Text(id), "--config")),
            VirshText.UpdateDevice(vm, after.Find(OwnerPath)!),
            .. removed.Select(id => VirshText.Command(vm.ConnectionUri, "iothreaddel", vm.VirshName, Text(id), "--config")),
        ];
    }

    /// <summary>Whether the change gives the disk this thread.</summary>
    internal bool Serves(int thread) => SharedBy.GetValueOrDefault(thread) || Options.GetValueOrDefault("iothread") == Text(thread);

    /// <summary>The address of a SCSI controller.</summary>
    internal static SettingPath ControllerPath(int index) => SettingPath.Of(
        new SettingElement("devices"), new SettingElement("controller", null, "index", Text(index), Type: "scsi"));

    /// <inheritdoc/>
    protected override VMChange WithSettings(Func<SettingPath, string?> valueOf) => this with
    {
        Options = Options.Keys.ToDictionary(name => name, name => valueOf(DriverPath.At(name)), StringComparer.Ordinal),
        SharedBy = SharedBy.Keys.ToDictionary(id => id, id => valueOf(SharedPath(id)) is not null),
        Threads = Threads.Keys.ToDictionary(id => id, id => valueOf(IOThreadElements.PathOf(id)) is not null),
    };

    private SettingPath SharedPath(int id) => DriverPath.Child("iothreads").Child("iothread", "id", Text(id));

    // An empty element that exists has the empty text as its value.
    private static string? Presence(bool isPresent) => isPresent ? string.Empty : null;
}
