// Remove-VMTuningHistory: removes entries that are older than an age.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Journal;

namespace KvmTune.Cmdlets.Journal;

/// <summary>
/// Removes old changes, measurements and verdicts from the journal. Interrupted changes, and changes that may have left a setting behind, stay
/// until they are taken back; checkpoints stay.
/// </summary>
[Cmdlet(VerbsCommon.Remove, "VMTuningHistory", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(void))]
public sealed class RemoveVMTuningHistoryCommand : VMCmdlet
{
    /// <summary>Entries that began before that time: an age (90d, 12h), a time span, or a date. They cannot be undone any more.</summary>
    [Parameter(Mandatory = true)]
    [MomentTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public DateTimeOffset OlderThan { get; set; }

    /// <summary>Only of these VMs: names, wildcards, UUIDs, or objects of this module. Default: all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(JournalVMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (VMName.Length == 0)
        {
            Try(Journals.Current.Folder, () => Remove("all VMs and hosts", vmId: null));
        }

        foreach (var reference in VMName)
        {
            Try(reference.Name, () =>
            {
                // A VM that no longer exists still has history: the journal is searched for its name.
                var pattern = new WildcardPattern(reference.Name, WildcardOptions.IgnoreCase);
                var known = Journals.Current.KnownVMs()
                    .Where(vm => reference.Id is { } id ? vm.Id == id : pattern.IsMatch(vm.Name) || string.Equals(vm.Name, reference.Name, StringComparison.Ordinal))
                    .DistinctBy(vm => vm.Id).ToList();
                if (known.Count == 0 && !WildcardPattern.ContainsWildcardCharacters(reference.Name))
                {
                    throw new KvmTuneException("VMNotFound", KvmTuneErrorCategory.ObjectNotFound, $"The journal in {Journals.Current.Folder} has nothing of a VM '{reference.Name}'.");
                }

                foreach (var vm in known)
                {
                    Remove(vm.Name, vm.Id);
                }
            });
        }
    }

    private void Remove(string what, Guid? vmId)
    {
        var count = Journals.Current.CountOlder(OlderThan, vmId);
        if (count.IsNone)
        {
            WriteVerbose($"There is nothing of {what} older than {Formatting.Moment(OlderThan)}.");
        }
        else if (ShouldProcess(what, $"forget {count}, older than {Formatting.Moment(OlderThan)}; they cannot be undone any more"))
        {
            WriteVerbose($"{what}: {Journals.Current.Remove(OlderThan, vmId)} removed.");
        }
    }
}
