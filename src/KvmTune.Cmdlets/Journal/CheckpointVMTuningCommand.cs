// Checkpoint-VMTuning: saves the whole tuning state of a VM under a name, for Restore-VMTuning.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Journal;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Journal;

/// <summary>
/// Records every setting that this module can change, from the VM's persistent configuration (the running one for a transient VM).
/// </summary>
[Cmdlet(VerbsData.Checkpoint, "VMTuning", SupportsShouldProcess = true)]
[OutputType(typeof(TuningCheckpoint))]
public sealed class CheckpointVMTuningCommand : VMCmdlet
{
    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <summary>The checkpoint's name, unique for each VM.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(CheckpointNameCompleter))]
    public string Name { get; set; } = string.Empty;

    /// <summary>Replaces a checkpoint of the same name.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachVM(VMName, writable: false, vm =>
    {
        if (!ShouldProcess($"{vm.Domain.Name} on {vm.Host.Uri}", $"record the tuning state as '{Name}'"))
        {
            return;
        }

        var checkpoint = new TuningCheckpoint
        {
            VMName = TerminalText.Line(vm.Domain.Name),
            VMId = vm.Domain.Id,
            ConnectionUri = vm.Host.Uri,
            Name = Name,
            MadeAt = TimeProvider.System.GetUtcNow(),
            User = TuningJournal.User,
            State = TuningState.Of(PersistentDocument.Of(vm)),
        };
        Journals.Current.Record(checkpoint, replace: Force);
        WriteObject(checkpoint);
    });
}
