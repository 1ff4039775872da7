// Gives NICs several queues, ring sizes and a backend, or removes them, and then sets the guest's queues.
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning.Rules;

namespace KvmTune.Tuning.Changes;

/// <summary>
/// Sets attributes of the <c>&lt;driver&gt;</c> of one or more NICs. A running NIC cannot take them (libvirt 9.0 qemuDomainChangeNet).
/// After the restart the guest switches the queues on (<c>ethtool -L</c>), and both sides are read back.
/// </summary>
public sealed record NicQueuesChange : VMChange
{
    private static readonly Setting[] NicSettings = [.. SettingCatalog.All.Where(setting => setting.Elements.Any(element => element.Name == "interface"))];

    /// <summary>
    /// The attributes of each NIC by its hardware address: <c>queues</c>, <c>name</c> (the backend), <c>rx_queue_size</c>,
    /// <c>tx_queue_size</c>; null for "not set".
    /// </summary>
    public required IReadOnlyDictionary<string, IReadOnlyDictionary<string, string?>> Nics { get; init => field = Map.Of(value); }

    /// <inheritdoc/>
    public override TuningArea Area => TuningArea.Network;

    /// <inheritdoc/>
    public override bool CanBeLive => false;

    /// <inheritdoc/>
    public override string Title => string.Join("; ", Ordered.GroupBy(nic => Words(nic.Value), StringComparer.Ordinal)
        .Select(group => $"NIC {string.Join(", ", group.Select(nic => nic.Key))}: {group.Key}"));

    /// <inheritdoc/>
    internal override IReadOnlyList<SettingValue> Settings => new List<SettingValue>(
    [
        .. from nic in Ordered
           from option in nic.Value.OrderBy(option => option.Key, StringComparer.Ordinal)
           select new SettingValue(OptionPath(nic.Key, option.Key), option.Value),
    ]);

    private IEnumerable<KeyValuePair<string, IReadOnlyDictionary<string, string?>>> Ordered => Nics.OrderBy(nic => nic.Key, StringComparer.Ordinal);

    /// <summary>One queue for each vCPU, at most as many as a tap device can have.</summary>
    public static int DefaultQueues(VMConfiguration vm, HostAbilities host) => Math.Min(vm.CurrentVcpus, NetworkRules.MostQueuesOn(host.Kernel));

    /// <summary>The NIC with this hardware address; null if there is none.</summary>
    public static NicConfiguration? Find(VMConfiguration vm, string mac) =>
        vm.Nics.FirstOrDefault(nic => string.Equals(nic.Mac, mac, StringComparison.OrdinalIgnoreCase));

    /// <inheritdoc/>
    internal override IReadOnlyList<Setting> Kinds => NicSettings;

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration)
    {
        foreach (var mac in Nics.Keys.Where(mac => Find(configuration, mac) is null))
        {
            throw NotFound(mac, configuration);
        }
    }

    /// <summary>The error for a NIC that does not exist.</summary>
    public static KvmTuneException NotFound(string nic, VMConfiguration vm) => new(
        "NicNotFound", KvmTuneErrorCategory.ObjectNotFound,
        $"The VM '{vm.Name}' has no NIC '{nic}'. {(vm.Nics.Count == 0 ? "It has none." : $"It has: {string.Join(", ", vm.Nics.Select((found, index) => FormattableString.Invariant($"{index} ({found.Mac})")))}.")}");

    /// <inheritdoc/>
    public override async Task<IReadOnlyList<Verification>> VerifyRestartedAsync(RestartedTarget target, CancellationToken cancellationToken)
    {
        var verifications = new List<Verification>();
        foreach (var (mac, options) in Ordered)
        {
            if (Find(target.Running, mac) is not { } nic)
            {
                continue;
            }

            if (target.Process is { } process)
            {
                verifications.AddRange(NicVerification.OfHost(nic, options, process));
            }

            if (options.ContainsKey("queues"))
            {
                using var access = new DomainAccess(target.Domain);
                var transport = new LibvirtAgentTransport(access);
                await using var channel = new AgentChannel(transport, target.Time);
                var guest = await new GuestNicQueues(channel, transport).SetAsync(
                    nic.Mac, Math.Min(nic.Queues ?? 1, target.Running.CurrentVcpus), cancellationToken);
                verifications.AddRange(guest.Verifications);
                guest.Notes.ToList().ForEach(target.Notes.Add);
                if (target.Process is not null && guest.QueuesInUse is { } inUse)
                {
                    verifications.AddRange(NicVerification.OfTap(nic, inUse));
                }
            }
        }

        return verifications;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> VirshCommands(VMIdentity vm, bool live, bool config, DomainDocument before, DomainDocument after) =>
        config ? [.. Ordered.Select(nic => VirshText.UpdateDevice(vm, after.Find(NicPath(nic.Key))!))] : [];

    /// <inheritdoc/>
    protected override VMChange WithSettings(Func<SettingPath, string?> valueOf) => this with
    {
        Nics = Nics.ToDictionary(
            nic => nic.Key,
            nic => (IReadOnlyDictionary<string, string?>)nic.Value.Keys.ToDictionary(name => name, name => valueOf(OptionPath(nic.Key, name)), StringComparer.Ordinal),
            StringComparer.OrdinalIgnoreCase),
    };

    private static string Words(IReadOnlyDictionary<string, string?> options) => string.Join(", ", options.OrderBy(option => option.Key, StringComparer.Ordinal)
        .Select(option => (option.Key, option.Value) switch
        {
            ("name", null) => "backend not set",
            ("name", var backend) => $"backend {backend}",
            ("queues", null) => "one queue",
            ("queues", var queues) => $"{queues} queues",
            (var name, null) => $"no {name}",
            var (name, value) => $"{name}={value}",
        }));

    private static SettingPath NicPath(string mac) => SettingPath.Of(
        new SettingElement("devices"), new SettingElement("interface", "mac", "address", mac));

    private static SettingPath OptionPath(string mac, string name) => NicPath(mac).Child("driver").At(name);
}
