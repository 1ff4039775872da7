// Rules about where a change is made: in the running VM, in its persistent configuration, or in both.
namespace KvmTune.Tuning.Rules;

/// <summary>Rules for every change.</summary>
public static class ScopeRules
{
    /// <summary>A live change needs a running VM.</summary>
    public static TuningRule LiveNeedsRunningVM { get; } = new(
        nameof(LiveNeedsRunningVM), TuningArea.General, RuleSeverity.Error,
        "A VM that does not run has nothing live to change; libvirt refuses it.",
        "libvirt 9.0 virDomainObjUpdateModificationImpact",
        static context => context.Change.Scope is not (ChangeScope.Live or ChangeScope.Both)
            ? null
            : context.VM.IsRunning
                ? RuleCheck.Kept("the VM runs")
                : RuleCheck.Broken($"The VM '{context.After.Name}' does not run. Start it, or use -Scope Config."));

    /// <summary>A persistent change needs a persistent VM.</summary>
    public static TuningRule ConfigNeedsPersistentVM { get; } = new(
        nameof(ConfigNeedsPersistentVM), TuningArea.General, RuleSeverity.Error,
        "A transient VM has no persistent configuration; libvirt refuses to change it.",
        "libvirt 9.0 virDomainObjUpdateModificationImpact",
        static context => context.Change.Scope is ChangeScope.Live || (context.Change.Scope is ChangeScope.Auto && context.Change.CanBeLive)
            ? null
            : context.VM.IsPersistent
                ? RuleCheck.Kept("the VM is persistent")
                : RuleCheck.Broken($"The VM '{context.After.Name}' is transient. Define it first (virsh define), or use -Scope Live where the change can be made live."));

    /// <summary>Some changes cannot be made in a running VM at all.</summary>
    public static TuningRule ChangeIsNotLive { get; } = new(
        nameof(ChangeIsNotLive), TuningArea.General, RuleSeverity.Error,
        "Cache, I/O mode, queues and the backing of memory are fixed when QEMU starts.",
        "libvirt 9.0 qemuDomainDiskChangeSupported, qemuDomainChangeNet",
        static context => context.Change.Scope is not ChangeScope.Live
            ? null
            : context.Change.CanBeLive
                ? RuleCheck.Kept("the change can be made live")
                : RuleCheck.Broken($"'{context.Change.Title}' cannot be made in a running VM. Use -Scope Config, and -Restart to put it in force."));

    /// <summary>A VM that resumes from a saved state uses the saved configuration.</summary>
    public static TuningRule SavedStateHidesChange { get; } = new(
        nameof(SavedStateHidesChange), TuningArea.General, RuleSeverity.Error,
        "A VM that was saved (managed save) goes on at its next start with the configuration that it was saved with; later changes come into force only without the saved state.",
        "virsh manual, managedsave; libvirt 9.0 qemuDomainObjStart; tried on libvirt 9.0.0",
        static context => !context.VM.HasManagedSave
            ? null
            : RuleCheck.Broken($"The state of '{context.After.Name}' is saved (managed save), and its next start resumes it with the saved configuration: this change would not be in force. Start the VM and let its guest shut down (Restart-VMDomain, then virsh shutdown {VirshName(context)}), and make the change then; or discard the saved state with virsh managedsave-remove {VirshName(context)}, which loses all that the guest had in memory, like a power cut."));

    /// <summary>A manager overwrites the configuration of its VMs.</summary>
    public static TuningRule ManagerOverwritesChange { get; } = new(
        nameof(ManagerOverwritesChange), TuningArea.General, RuleSeverity.Warning,
        "A manager keeps the configuration of its VMs elsewhere and defines them from there at each start: changes made here are then lost.",
        "OpenStack Nova, oVirt and KubeVirt, which define a domain again at each start",
        static context => context.After.Manager is not { } manager
            ? null
            : RuleCheck.Broken($"'{context.After.Name}' belongs to {manager}, which overwrites this change when it next starts the VM. Change the VM there (in its flavor, template or specification) once the change has proved good."));

    /// <summary>All rules of this file.</summary>
    public static IReadOnlyList<TuningRule> All { get; } = [LiveNeedsRunningVM, ConfigNeedsPersistentVM, ChangeIsNotLive, SavedStateHidesChange, ManagerOverwritesChange];

    private static string VirshName(RuleContext context) =>
        VirshText.Quote(context.After.Id is { } id ? VirshText.Domain(context.After.Name, id) : context.After.Name);
}
