// Rules about where a change is made: in the running VM, in its persistent configuration, or in both.
namespace KvmTune.Tuning.Rules;

/// <summary>Rules that hold for every change.</summary>
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

    /// <summary>A saved state brings its own configuration.</summary>
    public static TuningRule SavedStateHidesChange { get; } = new(
        nameof(SavedStateHidesChange), TuningArea.General, RuleSeverity.Error,
        "A VM that was saved (managed save) goes on at its next start with the configuration that it was saved with; what is configured since comes into force only without the saved state.",
        "virsh manual, managedsave; libvirt 9.0 qemuDomainObjStart; tried on libvirt 9.0.0",
        static context => !context.VM.HasManagedSave
            ? null
            : RuleCheck.Broken($"The state of '{context.After.Name}' is saved (managed save), and its next start goes on from there with the configuration of then: this change would not be in force. Start the VM and let its guest shut down (Restart-VMDomain, then virsh shutdown {context.After.Name}), and make the change then; or throw the saved state away with virsh managedsave-remove {context.After.Name}, which loses what the guest had in memory, as a power cut does."));

    /// <summary>All rules of this file.</summary>
    public static IReadOnlyList<TuningRule> All { get; } = [LiveNeedsRunningVM, ConfigNeedsPersistentVM, ChangeIsNotLive, SavedStateHidesChange];
}
