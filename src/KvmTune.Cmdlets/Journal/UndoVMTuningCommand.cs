// Undo-VMTuning: takes changes back, each by its inverse only; or keeps changes that improved the VM.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Cmdlets.Serialization;
using KvmTune.Experiments;
using KvmTune.Hosts;
using KvmTune.Journal;
using KvmTune.Measurement;
using KvmTune.Statistics;
using KvmTune.Tuning;
using KvmTune.Tuning.HugePages;

namespace KvmTune.Cmdlets.Journal;

/// <summary>When a change is kept.</summary>
public enum UndoCondition
{
    /// <summary>It is kept if it improved the measured metric.</summary>
    Improved,

    /// <summary>It is kept if it improved the measured metric, or was shown to make no difference.</summary>
    NotWorse,
}

/// <summary>
/// Takes changes back. Later edits by others are kept; a setting that was changed again is an error, unless -Force.
/// </summary>
[Cmdlet(VerbsCommon.Undo, "VMTuning", SupportsShouldProcess = true, DefaultParameterSetName = ByObject)]
[OutputType(typeof(VMTuningResult), typeof(HugePagePoolResult))]
public sealed class UndoVMTuningCommand : TuningCmdlet
{
    private const string ById = "ById";
    private const string ByVM = "ByVM";
    private const string ByObject = "ByObject";

    /// <summary>
    /// A change: the result of a cmdlet that changes a VM, a comparison or measurement that carries one, or an entry of Get-VMTuningHistory.
    /// </summary>
    [Parameter(ParameterSetName = ByObject, ValueFromPipeline = true)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public PSObject[] InputObject { get; set; } = [];

    /// <summary>The changes' entries in the journal.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ById)]
    [ArgumentCompleter(typeof(JournalIdCompleter))]
    public long[] Id { get; set; } = [];

    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = ByVM)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <summary>Takes back the last change of the VM that is still in force. A repeated call takes back the one before it.</summary>
    [Parameter(ParameterSetName = ByVM)]
    public SwitchParameter Last { get; set; }

    /// <summary>Keeps the change if its measurements justify it. Without a verdict it is an error, and the change stays.</summary>
    [Parameter]
    public UndoCondition? Unless { get; set; }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        // The cmdlet never guesses the change, and PowerShell's prompt for a mandatory parameter would not show the choices.
        if (ParameterSetName == ByVM && !Last)
        {
            ThrowTerminatingError(ErrorRecords.Make(
                new KvmTuneException(
                    "ChangeMissing", KvmTuneErrorCategory.InvalidArgument,
                    $"Choose the change of {string.Join(", ", VMName.Select(vm => $"'{vm.Name}'"))} to take back: -Last for the latest one, or -Id with an entry of Get-VMTuningHistory."),
                null));
        }

        if (ParameterSetName == ByObject && !MyInvocation.ExpectingInput && InputObject.Length == 0)
        {
            ThrowTerminatingError(ErrorRecords.Make(
                new KvmTuneException(
                    "ChangeMissing", KvmTuneErrorCategory.InvalidArgument,
                    "Choose the change to take back: a VM with -Last, -Id with an entry of Get-VMTuningHistory, or pipe the result of a Set- cmdlet."),
                null));
        }
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var id in Id)
        {
            Try(id, () => Undo(Journals.Current.Find(id), known: null, verdict: null));
        }

        foreach (var item in InputObject)
        {
            Try(item.BaseObject, () => Undo(SerializationTypes.Living(item)));
        }

        ForEachVM(VMName, writable: true, vm =>
        {
            if (Journals.Current.LastStanding(vm.Domain.Id) is { } entry)
            {
                Undo(entry, known: null, verdict: null);
            }
            else
            {
                var others = Journals.Current.Namesakes(vm.Domain.Name, vm.Domain.Id);
                WriteWarning($"{vm.Domain.Name}: the journal has no change of it that can be taken back. Nothing was done; Get-VMTuningHistory {vm.Domain.Name} shows its entries.{(others.Count == 0 ? null : $" What the journal has of {string.Join(", ", others)} is of another VM, which had the same name; this one is {vm.Domain.Id}.")}");
            }
        });
    }

    private void Undo(object item)
    {
        if (item is VMExperiment { Changes.Count: > 1 } several)
        {
            // The changes of one experiment belong together; they are taken back in reverse order.
            foreach (var each in several.Changes.Reverse())
            {
                Undo(each);
            }

            return;
        }

        var (change, verdict) = item switch
        {
            VMTuningResult result => (result, (VMComparison?)null),
            VMComparison comparison => (comparison.Change, comparison),
            VMExperiment experiment => (experiment.Change, experiment.Comparison),
            VMPerformance performance => (performance.Change, null),
            _ => (null, null),
        };
        switch (item)
        {
            // Their numbers are not those of changes.
            case JournalEntry { Kind: JournalKind.Measurement or JournalKind.Checkpoint } recorded:
                throw new KvmTuneException(
                    "NotUndoable", KvmTuneErrorCategory.InvalidArgument,
                    recorded.Kind == JournalKind.Measurement
                        ? $"'{recorded.Title}' of '{recorded.VMName}' is a measurement: it changed nothing, so there is nothing to take back. Get-VMTuningHistory without -Kind shows the changes."
                        : $"'{recorded.Title}' of '{recorded.VMName}' is a checkpoint: it changed nothing, so there is nothing to take back. Restore-VMTuning goes back to it.");
            case JournalEntry { EntryIds.Count: > 1, ExperimentId: { } experiment } row:
                // All changes of the experiment that are still in force, the last first.
                var standing = Journals.Current.StandingOf(experiment, row.VMId);
                foreach (var each in standing.DefaultIfEmpty(Find(row.Id, row.VMId, row.StartedAt, row.Title, row.VMName)))
                {
                    Undo(each, known: null, verdict: null);
                }

                return;
            case JournalEntry entry:
                Undo(Find(entry.Id, entry.VMId, entry.StartedAt, entry.Title, entry.VMName), known: null, verdict: null);
                return;
            case HugePagePoolResult:
                throw new KvmTuneException(
                    "NotUndoable", KvmTuneErrorCategory.InvalidArgument, "A pool is taken back by its entry: Get-VMTuningHistory -Kind HostChange | Undo-VMTuning.");
            case var _ when change is null:
                throw new KvmTuneException(
                    "ChangeMissing", KvmTuneErrorCategory.InvalidArgument,
                    $"The {item.GetType().Name} has no change to take back. Pipe the result of a Set- cmdlet, a comparison made after it, or an entry of Get-VMTuningHistory.");
        }

        if (change!.JournalId is not { } id)
        {
            WriteWarning($"{change.VMName}: '{change.Title}' changed nothing ({change.Outcome}), so there is nothing to take back.");
            WriteObject(change);
            return;
        }

        Undo(Find(id, change.VMId, change.AppliedAt, change.Title, change.VMName), change, verdict);
    }

    // Finds the entry of this journal. An object can come from a file or another machine, whose journal may use the same number for another entry.
    private static JournalEntry Find(long id, Guid? vm, DateTimeOffset startedAt, string title, string name)
    {
        var found = Journals.Current.Find(id);
        return found.VMId == vm && found.StartedAt == startedAt
            ? found
            : throw new KvmTuneException(
                "JournalEntryNotFound", KvmTuneErrorCategory.ObjectNotFound,
                FormattableString.Invariant($"Entry {id} of the journal in {Journals.Current.Folder} is not the change '{title}' of '{name}': that one is in another journal ({JournalPlace.Variable}, or another user's or machine's)."));
    }

    private void Undo(JournalEntry entry, VMTuningResult? known, VMComparison? verdict)
    {
        PlanCollector.Refuse("Undo-VMTuning");
        if (Unless is { } condition && IsKept(entry, condition, verdict, out var why))
        {
            WriteVerbose($"{entry.VMName}: '{entry.Title}' is kept. {why}");
            WriteObject((known ?? entry.ToResult())! with { Outcome = TuningOutcome.Kept, Notes = new[] { why } });
            return;
        }

        var host = HostConnections.Get(entry.ConnectionUri);
        if (entry.Kind == JournalKind.HostChange)
        {
            UndoPools(host, entry);
            return;
        }

        var undo = new TuningUndo(Journals.Current, host, TimeProvider.System);
        var plan = undo.Plan(entry, Force, CancellationToken);
        var options = new UndoOptions
        {
            Force = Force,
            Restart = MyInvocation.BoundParameters.ContainsKey(nameof(Restart)) ? Restart : ParameterSetName == ByObject && entry.Restarted,
            RestartOptions = RestartOptions,
        };
        VMPlanner.RefuseErrors(plan);
        // An undo asks no extra question about a risk; the warning names the risk of the old setting.
        PlanApplication.Show(this, plan, plan.Confirmations);
        using var planner = VMPlanner.Find(host, plan.VMName, plan.VMId);
        var way = PlanApplication.WayOf(this, planner, plan, options.Restart, options.RestartOptions);
        if (ShouldProcess(
            FormattableString.Invariant($"take back entry {entry.Id}, '{entry.Title}'\n{PlanApplication.Description(plan, way)}"),
            FormattableString.Invariant($"{entry.VMName}: take back '{entry.Title}' (entry {entry.Id}){PlanApplication.And(way)}?"),
            "KvmTune"))
        {
            var result = Await((post, token) => new RestartProgress(this, plan.VMName, plan.VMId).ShowAsync(
                post,
                progress => undo.UndoAsync(entry.Id, options with { Way = way, RestartOptions = options.RestartOptions with { Progress = progress } }, token)));
            if (result.Outcome == TuningOutcome.NoChange)
            {
                WriteWarning(FormattableString.Invariant($"{entry.VMName}: nothing of '{entry.Title}' (entry {entry.Id}) was left to take back."));
            }

            PlanApplication.Emit(this, result);
        }
    }

    private void UndoPools(HostConnection host, JournalEntry entry)
    {
        var undo = new PoolUndo(Journals.Current, host);
        var plans = undo.Plan(entry, Force);
        if (ShouldProcess(
            $"{host.Uri}: take back '{entry.Title}'{string.Concat(plans.Select(plan => $"\n  {plan.Title}\n  the same with virsh:\n{plan.VirshCommand}"))}",
            $"{host.Uri}: take back '{entry.Title}'?",
            "KvmTune"))
        {
            WriteObject(
                Await((post, token) => undo.UndoAsync(entry, Force, warning => post(() => WriteWarning($"{host.Uri}: {warning}")), token)),
                enumerateCollection: true);
        }
    }

    private static bool IsKept(JournalEntry entry, UndoCondition condition, VMComparison? comparison, out string why)
    {
        var verdict = comparison?.Verdict ?? entry.Verdict ?? throw new KvmTuneException(
            "VerdictMissing", KvmTuneErrorCategory.InvalidArgument,
            FormattableString.Invariant($"'{entry.Title}' on '{entry.VMName}' (entry {entry.Id}) has no verdict yet, so -Unless {condition} cannot decide, and the change stays. Pipe a comparison (… | Measure-VMPerformance | Compare-VMPerformance | Undo-VMTuning -Unless {condition})."));
        why = $"Verdict {verdict}: {comparison?.Sentence ?? entry.VerdictSentence}";
        return verdict == Verdict.Improved || (condition == UndoCondition.NotWorse && verdict == Verdict.NoDifference);
    }
}
