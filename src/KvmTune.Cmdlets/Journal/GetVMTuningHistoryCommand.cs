// Get-VMTuningHistory: the changes with their time and user, the measurements on each side, and the outcome.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Journal;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Journal;

/// <summary>Shows the journal. A VM that no longer exists has the name that was recorded.</summary>
[Cmdlet(VerbsCommon.Get, "VMTuningHistory")]
[OutputType(typeof(JournalEntry))]
public sealed class GetVMTuningHistoryCommand : CancellableCmdlet
{
    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module. Default: all VMs, and the hosts.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(JournalVMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <summary>Only this entry.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(JournalIdCompleter))]
    public long[] Id { get; set; } = [];

    /// <summary>What to show: changes (of VMs and hosts, by default), measurements, or checkpoints.</summary>
    [Parameter]
    public JournalKind[] Kind { get; set; } = [];

    /// <summary>Only changes of these areas.</summary>
    [Parameter]
    public TuningArea[] Area { get; set; } = [];

    /// <summary>Only entries that began at that time or later: a date, or an age (30m, 12h, 7d).</summary>
    [Parameter]
    [MomentTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public DateTimeOffset? Since { get; set; }

    /// <summary>Only entries with this outcome.</summary>
    [Parameter]
    public JournalOutcome[] Outcome { get; set; } = [];

    /// <summary>Only the changes of one experiment.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(ExperimentIdCompleter))]
    public Guid? ExperimentId { get; set; }

    /// <summary>Shows each switch of an experiment, instead of one row for it.</summary>
    [Parameter]
    public SwitchParameter Detailed { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => Try(Journals.Current.Folder, () =>
    {
        var filter = new JournalFilter { Since = Since, Outcomes = Outcome, ExperimentId = ExperimentId };
        var filters = Kind.Length == 0 ? [filter] : Kind.Distinct().Select(kind => filter with { Kind = kind });
        var unreadable = new List<UnreadableEntry>();
        var entries = filters
            .SelectMany(each => Id.Length == 0 ? Journals.Current.Entries(each, unreadable.Add) : Id.Distinct().SelectMany(id => Journals.Current.Entries(each with { Id = id }, unreadable.Add)))
            .OrderBy(entry => entry.StartedAt)
            .Where(entry => (VMName.Length == 0 || VMName.Any(vm => vm.Means(entry.VMName, entry.VMId))) && (Area.Length == 0 || Area.Contains(entry.Area)))
            .ToList();
        WriteObject(Detailed || Id.Length > 0 ? entries : ExperimentRows.Of(entries), enumerateCollection: true);
        foreach (var entry in unreadable.Where(entry => entry.VMName is not { } name || VMName.Length == 0 || VMName.Any(vm => vm.Means(name, vm.Id))).DistinctBy(entry => entry.Id))
        {
            WriteError(ErrorRecords.Make(Journals.Current.Unreadable(entry), entry.Id));
        }

        foreach (var unknown in VMName.Where(vm => !WildcardPattern.ContainsWildcardCharacters(vm.Name) && !entries.Exists(entry => vm.Means(entry.VMName, entry.VMId))))
        {
            WriteVerbose($"The journal has no such entry of '{unknown.Name}'.");
        }

        foreach (var unknown in Id.Where(id => !entries.Exists(entry => entry.Id == id) && !unreadable.Exists(entry => entry.Id == id)))
        {
            WriteError(ErrorRecords.Make(
                new KvmTuneException(
                    "JournalEntryNotFound", KvmTuneErrorCategory.ObjectNotFound,
                    FormattableString.Invariant($"The journal in {Journals.Current.Folder} has no entry {unknown}.")),
                unknown));
        }
    });
}
