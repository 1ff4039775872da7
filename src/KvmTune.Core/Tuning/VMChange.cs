// One tuning edit as a value that can be planned, displayed, applied, verified and undone. It holds the change; a plan adds the VM.
using System.Globalization;
using System.Text.Json.Serialization;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning.Rules;

namespace KvmTune.Tuning;

/// <summary>
/// A change of a VM, defined as values of settings in the domain XML. The difference, the inverse and the edit of the persistent
/// configuration follow from these values. Each kind of change implements only its calls to libvirt for a live change.
/// </summary>
public abstract record VMChange
{
    /// <summary>The requested place of the change.</summary>
    public ChangeScope Scope { get; init; }

    /// <summary>For a change that takes another one back: where elements stood before the other one.</summary>
    [JsonInclude]
    internal EditTrace? Trace { get; init; }

    /// <summary>
    /// For a change that takes another one back: the change of the running VM, if it differs from the change of the configuration because
    /// the two were different before. Null for the same change.
    /// </summary>
    [JsonInclude]
    internal VMChange? RunningPart { get; init; }

    /// <summary>The change for the running VM.</summary>
    internal VMChange ForRunning => RunningPart ?? this;

    /// <summary>The area of the change.</summary>
    public abstract TuningArea Area { get; }

    /// <summary>The change in words without the VM's name, for example <c>pin vCPU 0 to host CPU 2</c>.</summary>
    public abstract string Title { get; }

    /// <summary>Whether it returns to a former state, which the running VM may never have left.</summary>
    public virtual bool IsReturn => Trace is not null;

    /// <summary>Whether a running VM can take it without a restart.</summary>
    public abstract bool CanBeLive { get; }

    /// <summary>The parts of the change, each of one kind, for the rules. For most changes the only part is the change itself.</summary>
    internal virtual IReadOnlyList<VMChange> Parts => new[] { this };

    /// <summary>The settings of the change in a domain XML, each with its value or null for "not set".</summary>
    internal abstract IReadOnlyList<SettingValue> Settings { get; }

    /// <summary>The kinds of setting that this kind of change can set, regardless of its values: a change from outside may name others.</summary>
    internal abstract IReadOnlyList<Setting> Kinds { get; }

    // The generated text of a record would never end, because a change contains itself (its parts, its change of the running VM).
    /// <summary>The title.</summary>
    public sealed override string ToString() => Title;

    /// <summary>The change that sets the same settings to their values in the given document: "not set" stays "not set".</summary>
    public VMChange Inverse(DomainDocument before) =>
        WithSettings(path => before.Get(path)) with { Trace = before.Trace(Settings.Select(setting => setting.Path)), RunningPart = null };

    /// <summary>
    /// Sets the settings in a document. Settings of a device that the document does not have are left out: a running VM gets a device that only its
    /// configuration has at its next start. <see cref="CheckTarget"/> refuses a device that the VM does not have at all.
    /// </summary>
    /// <exception cref="KvmTuneException">The change has settings that do not belong to its kind (<c>ForeignSetting</c>).</exception>
    public void Edit(DomainDocument document)
    {
        ArgumentNullException.ThrowIfNull(document);
        var settings = ChangeCheck.Settings(this).Where(setting => document.HasDeviceOf(setting.Path) && !IsOfMissingVcpu(setting, document)).ToList();
        foreach (var setting in EditOrder.Of(settings, Trace))
        {
            document.Set(setting.Path, setting.Value, Trace);
        }
    }

    // The running VM and the configuration can have different numbers of vCPUs, and libvirt drops the pin of a vCPU that a document does not have.
    private static bool IsOfMissingVcpu(SettingValue setting, DomainDocument document) =>
        setting is { Value: not null, Path.Elements: [.., { Name: "vcpupin", KeyValue: { } vcpu }] } && int.Parse(vcpu, CultureInfo.InvariantCulture) >= document.ToConfiguration().MaxVcpus;

    /// <summary>
    /// Checks first of all that the VM has what the change refers to (a disk, a vCPU).
    /// </summary>
    /// <exception cref="KvmTuneException">Something that the change names does not exist in the VM.</exception>
    public abstract void CheckTarget(VMConfiguration configuration);

    /// <summary>The preparation that the host needs before the change comes into force; null for none, as for most changes.</summary>
    /// <param name="context">The VM before and after the change, and the host.</param>
    /// <param name="host">The host.</param>
    public virtual HostPreparation? Preparation(RuleContext context, HostConnection host) => null;

    /// <summary>Makes the change in the running VM.</summary>
    /// <exception cref="Libvirt.LibvirtException">libvirt refuses.</exception>
    public virtual void ApplyLive(LiveTarget target) =>
        throw new InvalidOperationException($"'{Title}' cannot be made in a running VM.");

    /// <summary>Reads the running VM's values back from the most direct source: the kernel if the host is local, otherwise libvirt.</summary>
    public virtual IReadOnlyList<Verification> VerifyLive(LiveTarget target) => [];

    /// <summary>
    /// Checks from outside libvirt that are possible only after a restart: the kernel's counters, QEMU's command line, the guest. It
    /// also makes the step inside the guest that the change needs.
    /// </summary>
    public virtual Task<IReadOnlyList<Verification>> VerifyRestartedAsync(RestartedTarget target, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Verification>>([]);

    /// <summary>
    /// The equivalent virsh commands. If a kind of change has no command of its own, the persistent configuration is dumped,
    /// edited and defined again.
    /// </summary>
    /// <param name="vm">The VM.</param>
    /// <param name="live">Whether the running VM is changed.</param>
    /// <param name="config">Whether the persistent configuration is changed.</param>
    /// <param name="before">The document before the change: the persistent one, or the running one for a live-only change.</param>
    /// <param name="after">The same document after the change.</param>
    public virtual IReadOnlyList<string> VirshCommands(VMIdentity vm, bool live, bool config, DomainDocument before, DomainDocument after)
    {
        ArgumentNullException.ThrowIfNull(vm);
        return config ? [VirshEdit.Command(vm, before, after)] : [];
    }

    /// <summary>The same kind of change of the same settings, with other values: for a change that contains this one.</summary>
    internal VMChange With(Func<SettingPath, string?> valueOf) => WithSettings(valueOf);

    /// <summary>The same kind of change of the same settings, with other values.</summary>
    protected abstract VMChange WithSettings(Func<SettingPath, string?> valueOf);
}
