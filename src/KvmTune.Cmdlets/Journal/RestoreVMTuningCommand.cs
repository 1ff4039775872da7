// Restore-VMTuning: goes back to a checkpoint, with the same steps as every change.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Journal;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Journal;

/// <summary>
/// Sets every tunable setting to its value at the checkpoint. Settings that this module cannot change, and newer devices, are left alone.
/// </summary>
[Cmdlet(VerbsData.Restore, "VMTuning", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class RestoreVMTuningCommand : VMChangeCmdlet
{
    /// <summary>The checkpoint's name. Not needed for a checkpoint from the pipeline.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(CheckpointNameCompleter))]
    public string? Name { get; set; }

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm)
    {
        var name = Name ?? (vm.Reference.Source as TuningCheckpoint)?.Name ?? throw new KvmTuneException(
            "CheckpointNameMissing", KvmTuneErrorCategory.InvalidArgument, $"Name a checkpoint of '{vm.Domain.Name}' with -Name. {Known(vm)}");
        var checkpoint = Journals.Current.FindCheckpoint(vm.Domain.Id, vm.Host.Uri, name)
            ?? throw new KvmTuneException(
                "CheckpointNotFound", KvmTuneErrorCategory.ObjectNotFound, $"'{vm.Domain.Name}' has no checkpoint '{name}'. {Known(vm)}");
        var document = PersistentDocument.Of(vm);
        if (checkpoint.State.MissingDevices(document) is { Count: > 0 } missing)
        {
            WriteWarning($"{vm.Domain.Name}: not restored, since the VM no longer has them: {string.Join(", ", missing)}.");
        }

        var change = TuningStateChange.To(checkpoint.State, $"checkpoint '{name}'", document);
        return [change with { Scope = Scope }];
    }

    private static string Known(VMTarget vm)
    {
        var names = Journals.Current.CheckpointNames(vm.Domain.Id, vm.Host.Uri);
        var others = Journals.Current.Namesakes(vm.Domain.Name, vm.Domain.Id);
        return (names.Count == 0 ? "It has none; Checkpoint-VMTuning makes one." : $"It has: {string.Join(", ", names)}.")
            + (others.Count == 0 ? null : $" What the journal has of {string.Join(", ", others)} is of another VM, which had the same name; this one is {vm.Domain.Id}.");
    }
}
