// The numbers for the charts, as JSON inside the page.
using System.Text.Json;
using System.Text.Json.Serialization;
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Reports;

/// <summary>The numbers that the page's script draws for one chapter. Values have the displayed unit; times are seconds from the first run.</summary>
internal sealed record ChapterChart(
    string Metric, string Unit, IReadOnlyList<ChartSide> Sides, IReadOnlyList<ChartRun> Runs, IReadOnlyList<ChartCounter> Counters,
    IReadOnlyList<ChartSlot> Slots, IReadOnlyList<ChartPair> Pairs);

/// <summary>A slot of a load during which the side changes: the time from which it counts, and the load's reports in it.</summary>
internal sealed record ChartSlot(string Side, double From, double To, double? Value, bool IsCounted, IReadOnlyList<ChartSample> Samples);

/// <summary>One report of the load.</summary>
internal sealed record ChartSample(double At, double Value, bool IsUsed);

/// <summary>The difference between the two slots of a pair, and its time.</summary>
internal sealed record ChartPair(int Number, double At, double Percent);

/// <summary>One side of a chapter.</summary>
internal sealed record ChartSide(string Name, double? Median, double? Low, double? High, IReadOnlyList<double> Distribution);

/// <summary>One run.</summary>
internal sealed record ChartRun(string Side, int Number, double Seconds, double? Value, bool IsCounted, string State);

/// <summary>One counter over all runs, null for a run that does not have it.</summary>
internal sealed record ChartCounter(string Name, string Unit, IReadOnlyList<double?> Values);

/// <summary>Computes the numbers of the charts.</summary>
internal static class ReportCharts
{
    /// <summary>The name of the side without the change, which comes first.</summary>
    public const string Before = "without";

    /// <summary>The side with the change.</summary>
    public const string After = "with";

    /// <summary>The level of the medians' intervals.</summary>
    public const double ConfidenceLevel = 0.95;

    // The default encoder writes <, >, & and everything outside ASCII as \u escapes, so no name can end the script element.
    private static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.Never };

    /// <summary>The charts of all chapters as JSON that is safe in a script element.</summary>
    public static string ToJson(TuningReport report) => JsonSerializer.Serialize(report.Chapters.Select(Of), Options);

    /// <summary>The charts of one chapter.</summary>
    public static ChapterChart Of(ReportChapter chapter)
    {
        var metric = chapter.Comparison.PrimaryMetric.Metric;
        var (divisor, unit) = ReportSentences.Scale(metric.Unit, chapter.Comparison.PrimaryMetric.BaselineMedian ?? chapter.Comparison.PrimaryMetric.CandidateMedian);
        var runs = Runs(chapter);
        var start = runs.Count == 0 ? chapter.StartedAt : runs[0].Run.StartedAt;
        return new ChapterChart(
            ComparisonSentences.NameOf(metric),
            unit,
            [Side(chapter, Before, chapter.Baseline, metric, divisor), Side(chapter, After, chapter.Candidate, metric, divisor)],
            [.. runs.Select(entry => new ChartRun(
                entry.Side, entry.Run.Number, Math.Round((entry.Run.StartedAt - start).TotalSeconds, 3),
                entry.Run.Values.TryGetValue(metric.Name, out var value) && double.IsFinite(value) ? value / divisor : null,
                State(entry.Run) == Counted, State(entry.Run)))],
            [.. ReportCounter.Of([.. runs.Select(entry => entry.Run)]).Select(counter => new ChartCounter(
                counter.Name, counter.Unit, [.. runs.Select(entry => counter.In(entry.Run.Counters))]))],
            Slots(chapter, divisor),
            Pairs(chapter));
    }

    private static IReadOnlyList<ChartSlot> Slots(ReportChapter chapter, double divisor) =>
    [
        .. SwitchbackTimeline.Of(chapter.Comparison)?.Slots.Select(slot => new ChartSlot(
            slot.IsCandidate ? After : Before,
            slot.StartSeconds + slot.GuardSeconds,
            slot.StartSeconds + slot.Seconds,
            slot.Value / divisor,
            slot.IsCounted,
            [.. slot.Samples.Select(sample => new ChartSample(
                slot.StartSeconds + ((sample.StartSeconds + sample.EndSeconds) / 2), sample.Rate / divisor, sample.IsUsed))])) ?? [],
    ];

    private static IReadOnlyList<ChartPair> Pairs(ReportChapter chapter) =>
    [
        .. SwitchbackTimeline.Of(chapter.Comparison)?.Slots.Where(slot => slot.IsCounted).GroupBy(slot => slot.Pair)
            .Select(pair => (pair.Key, At: pair.Average(slot => slot.StartSeconds), A: pair.FirstOrDefault(slot => !slot.IsCandidate)?.Value, B: pair.FirstOrDefault(slot => slot.IsCandidate)?.Value))
            .Where(pair => pair is { A: > 0, B: not null })
            .Select(pair => new ChartPair(pair.Key, pair.At, 100 * ((pair.B!.Value / pair.A!.Value) - 1))) ?? [],
    ];

    /// <summary>The state of a run that counts.</summary>
    public const string Counted = "counted";

    /// <summary>Whether a run counts, or the reason why not.</summary>
    public static string State(MeasuredRun run) => run switch
    {
        { Failure: not null } => "failed",
        { IsWarmup: true } => "warm-up",
        { IsScreened: true, Slot: not null } => "left out",
        { IsScreened: true } => "made again",
        _ => Counted,
    };

    /// <summary>The runs of both sides in the order they were made.</summary>
    public static IReadOnlyList<(string Side, MeasuredRun Run)> Runs(ReportChapter chapter) =>
    [
        .. chapter.Baseline.Runs.Select(run => (Before, run)).Concat(chapter.Candidate.Runs.Select(run => (After, run))).OrderBy(entry => entry.run.StartedAt),
    ];

    /// <summary>
    /// The values of the distributions: the work in each second if the workload reports it on both sides, else one value for each run. In the
    /// metric's own unit.
    /// </summary>
    public static IReadOnlyList<double> Distribution(ReportChapter chapter, VMPerformance side, MetricDefinition metric) => HasRates(chapter)
        ? [.. side.CountedRuns.SelectMany(run => run.PerSecondRates).Where(double.IsFinite)]
        : side.ValuesOf(metric.Name);

    /// <summary>Whether the distributions consist of values per second.</summary>
    public static bool HasRates(ReportChapter chapter) => chapter.Comparison.PrimaryMetric.Metric.Kind == MetricKind.Rate
        && new[] { chapter.Baseline, chapter.Candidate }.All(side => side.CountedRuns.Sum(run => run.PerSecondRates.Count) > side.CountedRuns.Count);

    /// <summary>The interval of a side's median; null if there is none: the runs of few boots are not independent.</summary>
    public static MedianInterval? Interval(ReportChapter chapter, IReadOnlyList<double> values) =>
        chapter.Comparison.Design == ComparisonDesign.Blocks ? null : MedianInterval.Of(values, ConfidenceLevel);

    private static ChartSide Side(ReportChapter chapter, string name, VMPerformance performance, MetricDefinition metric, double divisor)
    {
        var values = performance.ValuesOf(metric.Name);
        var interval = Interval(chapter, values);
        return new ChartSide(
            name, values.Count == 0 ? null : Estimators.Median(values) / divisor, interval?.Low / divisor, interval?.High / divisor,
            [.. Distribution(chapter, performance, metric).Select(value => value / divisor)]);
    }
}
