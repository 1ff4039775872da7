// One tuning edit, as a value that can be planned for a VM, shown, applied, verified and undone: it says what, and a plan says where.
using System.Text.Json.Serialization;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning.Rules;

namespace KvmTune.Tuning;

/// <summary>
/// A change of a VM. What it does is said once, as values of settings in the domain XML; the difference, the inverse and the
/// edit of the persistent configuration follow from that. Only what a live change needs of libvirt is written for each kind.
/// </summary>
public abstract record VMChange
{
    /// <summary>Where the change is asked for.</summary>
    public ChangeScope Scope { get; init; }

    /// <summary>For a change that takes another one back: where elements stood before that one.</summary>
    [JsonInclude]
    internal EditTrace? Trace { get; init; }

    /// <summary>
    /// For a change that takes another one back: what the running VM gets, where that is not what its configuration gets (the two were
    /// not alike before that change). Null for the same.
    /// </summary>
    [JsonInclude]
    internal VMChange? RunningPart { get; init; }

    /// <summary>The change as the running VM gets it.</summary>
    internal VMChange ForRunning => RunningPart ?? this;

    /// <summary>The area that it belongs to.</summary>
    public abstract TuningArea Area { get; }

    /// <summary>What it does, in words without the VM's name, for example <c>pin vCPU 0 to host CPU 2</c>.</summary>
    public abstract string Title { get; }

    /// <summary>Whether it goes back to a former state, which the running VM may never have left.</summary>
    public virtual bool IsReturn => Trace is not null;

    /// <summary>Whether a running VM can take it without a restart.</summary>
    public abstract bool CanBeLive { get; }

    /// <summary>The changes of one kind each that it is made of, which rules judge one by one: itself, for all but a change of several kinds.</summary>
    internal virtual IReadOnlyList<VMChange> Parts => new[] { this };

    /// <summary>The settings that it sets in a domain XML, each with its value or null for "not set".</summary>
    internal abstract IReadOnlyList<SettingValue> Settings { get; }

    /// <summary>The kinds of setting that a change of this kind can set, whatever it says: one from outside may say anything.</summary>
    internal abstract IReadOnlyList<Setting> Kinds { get; }

    // A record's own text would show what it is made of, and a change is made of itself (its parts, what the running VM gets).
    /// <summary>The title.</summary>
    public sealed override string ToString() => Title;

    /// <summary>The change that sets the same settings to what they are in the given document: "not set" stays "not set".</summary>
    public VMChange Inverse(DomainDocument before) =>
        WithSettings(path => before.Get(path)) with { Trace = before.Trace(Settings.Select(setting => setting.Path)), RunningPart = null };

    /// <summary>Sets the settings in a document.</summary>
    /// <exception cref="KvmTuneException">The change sets what changes of its kind do not set (<c>ForeignSetting</c>).</exception>
    public void Edit(DomainDocument document)
    {
        ArgumentNullException.ThrowIfNull(document);
        foreach (var setting in EditOrder.Of(ChangeCheck.Settings(this), Trace))
        {
            document.Set(setting.Path, setting.Value, Trace);
        }
    }

    /// <summary>
    /// What must exist for the change to make sense (a disk, a vCPU), checked before anything else.
    /// </summary>
    /// <exception cref="KvmTuneException">Something that the change names does not exist in the VM.</exception>
    public abstract void CheckTarget(VMConfiguration configuration);

    /// <summary>What must be done on the host before the change can come into force; null for nothing, as for most changes.</summary>
    /// <param name="context">The VM before and after the change, and the host.</param>
    /// <param name="host">The host.</param>
    public virtual HostPreparation? Preparation(RuleContext context, HostConnection host) => null;

    /// <summary>Makes the change in the running VM.</summary>
    /// <exception cref="Libvirt.LibvirtException">libvirt refuses.</exception>
    public virtual void ApplyLive(LiveTarget target) =>
        throw new InvalidOperationException($"'{Title}' cannot be made in a running VM.");

    /// <summary>Reads back what the running VM has now, from the nearest source to the truth: the kernel where the host is local, else libvirt.</summary>
    public virtual IReadOnlyList<Verification> VerifyLive(LiveTarget target) => [];

    /// <summary>
    /// What can be seen only after a restart, from outside libvirt: the kernel's counters, QEMU's command line, the guest. A
    /// step inside the guest that the change needs is made here.
    /// </summary>
    public virtual Task<IReadOnlyList<Verification>> VerifyRestartedAsync(RestartedTarget target, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Verification>>([]);

    /// <summary>
    /// The virsh commands that do the same to the VM. Unless a kind of change has a command of its own, the persistent
    /// configuration is edited by a define of the dumped XML.
    /// </summary>
    /// <param name="vm">The VM.</param>
    /// <param name="live">Whether the running VM is changed.</param>
    /// <param name="config">Whether the persistent configuration is changed.</param>
    /// <param name="before">The document before the change: the persistent one, or the running one for a live-only change.</param>
    /// <param name="after">The same document as the change leaves it.</param>
    public virtual IReadOnlyList<string> VirshCommands(VMIdentity vm, bool live, bool config, DomainDocument before, DomainDocument after)
    {
        ArgumentNullException.ThrowIfNull(vm);
        return config ? [VirshEdit.Command(vm, before, after)] : [];
    }

    /// <summary>The same kind of change of the same settings, with other values: for a change that this one is a part of.</summary>
    internal VMChange With(Func<SettingPath, string?> valueOf) => WithSettings(valueOf);

    /// <summary>The same kind of change of the same settings, with other values.</summary>
    protected abstract VMChange WithSettings(Func<SettingPath, string?> valueOf);
}
