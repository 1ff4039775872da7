// Creates reports: of an experiment from the pipeline, or of the journal's entries for a VM.
using System.Globalization;
using KvmTune.Experiments;
using KvmTune.Journal;
using KvmTune.Measurement;
using KvmTune.Statistics;
using KvmTune.Tuning;

namespace KvmTune.Reports;

/// <summary>Makes reports.</summary>
public static class TuningReportReader
{
    /// <summary>The report of one experiment.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="madeAt">When the report is made.</param>
    public static TuningReport OfExperiment(VMExperiment experiment, DateTimeOffset madeAt)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        var plans = experiment.Changes.Select(change => change.Plan).ToList();
        var (before, after) = PinMaps.Of(experiment.Plan, experiment.Change.Inverse, experiment.Plan.HostCpus);
        var chapter = new ReportChapter
        {
            Title = experiment.Title,
            StartedAt = experiment.StartedAt,
            Outcome = experiment.Reason,
            Differences = [.. plans.SelectMany(plan => plan.Differences)],
            Reasons = [.. plans.SelectMany(Reasons).Distinct()],
            XmlDifference = Joined(plans, plan => plan.XmlDifference),
            VirshCommand = Joined(plans, plan => plan.VirshCommand),
            Comparison = experiment.Comparison,
            Verdict = experiment.Verdict,
            Sentence = experiment.Comparison.Sentence,
            Notes = [.. experiment.Notes.Concat(experiment.Comparison.Notes).Distinct(StringComparer.Ordinal)],
            MapBefore = before,
            MapAfter = after,
        };
        return new TuningReport
        {
            VMName = experiment.VMName,
            VMId = experiment.VMId,
            ConnectionUri = experiment.ConnectionUri,
            MadeAt = madeAt,
            Chapters = [chapter],
        };
    }

    /// <summary>The report of a VM's history.</summary>
    /// <param name="journal">The journal.</param>
    /// <param name="vmId">The VM's UUID.</param>
    /// <param name="madeAt">When the report is made.</param>
    /// <exception cref="KvmTuneException">The journal has no entries of the VM (<c>HistoryEmpty</c>), or cannot be used.</exception>
    public static TuningReport OfHistory(TuningJournal journal, Guid vmId, DateTimeOffset madeAt)
    {
        ArgumentNullException.ThrowIfNull(journal);
        var changes = journal.Entries(new JournalFilter { VMId = vmId, Kind = JournalKind.Change });
        var measurements = journal.Entries(new JournalFilter { VMId = vmId, Kind = JournalKind.Measurement });
        var last = changes.Concat(measurements).MaxBy(entry => entry.StartedAt) ?? throw HistoryEmpty(vmId.ToString(), journal);
        return new TuningReport
        {
            VMName = last.VMName,
            VMId = vmId,
            ConnectionUri = last.ConnectionUri,
            MadeAt = madeAt,
            Changes = changes,
            Measurements = measurements,
            Chapters = [.. changes.Select(entry => Chapter(journal, entry, changes)).OfType<ReportChapter>()],
        };
    }

    /// <summary>The error of a VM without a history.</summary>
    /// <param name="vm">The name that the user gave.</param>
    /// <param name="journal">The journal that was searched.</param>
    public static KvmTuneException HistoryEmpty(string vm, TuningJournal journal)
    {
        ArgumentNullException.ThrowIfNull(journal);
        return new("HistoryEmpty", KvmTuneErrorCategory.ObjectNotFound,
            $"The journal in {journal.Folder} has no change and no measurement of the VM '{vm}', so there is nothing to report. Measure it first (Measure-VMPerformance) or try a change (Invoke-VMExperiment); Get-VMTuningHistory shows what the journal has.");
    }

    // The chapter of a change with a verdict; null for a change without one, or whose measurements no longer exist.
    private static ReportChapter? Chapter(TuningJournal journal, JournalEntry entry, IReadOnlyList<JournalEntry> all)
    {
        if (entry is not { Verdict: { } verdict, Design: { } design, Intent: { } intent, Baseline: { } from, Candidate: { } to }
            || journal.FindMeasurement(from.Id) is not { } baseline || journal.FindMeasurement(to.Id) is not { } candidate)
        {
            return null;
        }

        candidate = candidate with { Change = entry.ToResult() };
        var comparison = entry.ComparisonDocument is { } document
            ? ComparisonDocument.Read(document, baseline, candidate)
            : ComparedAnew(baseline, candidate, design, intent);
        var (before, after) = PinMaps.Of(intent.Plan, [intent.Inverse], intent.HostCpus);
        return new ReportChapter
        {
            Title = entry.Title,
            StartedAt = baseline.StartedAt,
            Outcome = Outcome(entry, all),
            Differences = entry.Differences,
            Reasons = Reasons(intent.Plan),
            XmlDifference = intent.Plan.XmlDifference,
            VirshCommand = intent.Plan.VirshCommand,
            Comparison = comparison,
            Verdict = verdict,
            Sentence = entry.VerdictSentence ?? comparison.Sentence,
            Notes = comparison.Notes,
            MapBefore = before,
            MapAfter = after,
        };
    }

    // Older versions recorded only the verdict and its sentence, not the whole comparison. Both are kept, and the numbers are computed
    // again.
    private static VMComparison ComparedAnew(VMPerformance baseline, VMPerformance candidate, ComparisonDesign design, ChangeIntent intent)
    {
        var comparison = VMComparer.Compare(baseline, candidate, new ComparisonOptions
        {
            Design = design,
            RunsPerUnit = design == ComparisonDesign.Pairs && intent.Plan.RequiresRestart ? ExperimentSchedule.RunsOfABoot : 1,
            Force = true,
        });
        return comparison with
        {
            Notes = [.. comparison.Notes, "The journal has only the verdict of this comparison and its sentence. The table was computed for this report, by the rules of this version of KvmTune, and may differ."],
        };
    }

    // An experiment makes its change and takes it back many times; only the last time counts.
    private static string Outcome(JournalEntry entry, IReadOnlyList<JournalEntry> all)
    {
        if (entry.ExperimentId is not { } experiment)
        {
            return entry.Explanation;
        }

        var stands = all.LastOrDefault(other => other.ExperimentId == experiment && other is { Undoes: null, UndoneAt: null });
        return stands is null ? "The change was taken back in the end." : string.Create(
            CultureInfo.InvariantCulture, $"The change was kept (entry {stands.Id} of the journal). {stands.Explanation}");
    }

    private static List<ReportReason> Reasons(VMTuningPlan plan) =>
        [.. plan.Findings.Select(finding => new ReportReason(finding.RuleId, finding.IsKept, finding.Evidence, finding.Reason, finding.Source))];

    private static string Joined(List<VMTuningPlan> plans, Func<VMTuningPlan, string> text) =>
        string.Join('\n', plans.Select(text).Where(part => part.Length > 0));
}
