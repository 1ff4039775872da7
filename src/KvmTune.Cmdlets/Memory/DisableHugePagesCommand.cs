// Disable-HugePages: backs a VM's memory with ordinary pages again.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Memory;

/// <summary>
/// Removes huge pages from VMs. Memory locking and page merging stay unchanged unless a parameter changes them. The host's pools keep their size.
/// </summary>
[Cmdlet(VerbsLifecycle.Disable, "HugePages", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class DisableHugePagesCommand : VMChangeCmdlet
{
    /// <summary>Also unlocks the memory.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [FlagTransformation]
    public SwitchParameter Unlock { get; set; }

    /// <summary>Also lets the host merge the memory's pages again.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [FlagTransformation]
    public SwitchParameter SharePages { get; set; }

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm) =>
    [
        new HugePagesChange
        {
            Scope = Scope,
            Enabled = false,
            Pages = HugePagesChange.NoPages(HugePagesChange.PagesIn(PersistentDocument.Of(vm))),
            Locked = Unlock ? false : null,
            NoSharePages = SharePages ? false : null,
        },
    ];
}
