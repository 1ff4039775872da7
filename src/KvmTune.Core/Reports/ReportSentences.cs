// The words of a report for somebody who decides and does not read intervals, and its numbers for everybody.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Reports;

/// <summary>Writes what a chapter says in plain words.</summary>
internal static class ReportSentences
{
    /// <summary>The verdict as one sentence without statistics.</summary>
    public static string Plainly(ReportChapter chapter)
    {
        var primary = chapter.Comparison.PrimaryMetric;
        var amount = Amount(primary);
        var provisional = chapter.Comparison.IsProvisional ? " This is provisional: the runs were not made in pairs." : null;
        var said = chapter.Verdict switch
        {
            Verdict.Improved => $"It helped: {amount}.",
            Verdict.Regressed => $"It made things worse: {amount}.",
            Verdict.Mixed => $"It has two sides: {amount}, but something else got worse ({string.Join(", ", Worse(chapter.Comparison))}).",
            Verdict.NoDifference => $"It made no difference that matters: {Kind(primary.Metric, chapter)} is the same with and without it.",
            _ => "It cannot be said whether it helped: the runs are too few or too unsteady to tell the change from chance.",
        };
        return said + provisional;
    }

    /// <summary>The unit that values are shown in, and what they are divided by for it: nanoseconds are for machines.</summary>
    public static (double Divisor, string Unit) Scale(string unit, double? typical) => unit == "ns" ? MetricText.Scale(typical ?? 0, unit) : (1, unit);

    /// <summary>A number with four significant digits and narrow spaces between thousands.</summary>
    public static string Number(double value)
    {
        if (value == 0 || !double.IsFinite(value))
        {
            return value.ToString(CultureInfo.InvariantCulture);
        }

        var decimals = Math.Clamp(3 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, 9);
        var text = Math.Round(value, decimals).ToString("#,0." + new string('#', decimals), CultureInfo.InvariantCulture);
        return text.Replace(',', '\u202f').Replace('-', '\u2212');
    }

    /// <summary>A value with its unit.</summary>
    public static string Value(double value, string unit)
    {
        var (divisor, shown) = Scale(unit, value);
        return $"{Number(value / divisor)} {shown}";
    }

    /// <summary>A shift in per cent with its sign.</summary>
    public static string Percent(double value) => $"{(value > 0 ? "+" : null)}{Number(Math.Round(value, Math.Abs(value) < 10 ? 1 : 0))} %";

    private static string Amount(MetricComparison metric)
    {
        if (metric is not { BaselineMedian: { } before, CandidateMedian: { } after })
        {
            return "the measurements have no value in common";
        }

        var subject = ComparisonSentences.NameOf(metric.Metric);
        var by = metric.ShiftPercent is { } percent ? $" by {Number(Math.Round(Math.Abs(percent), Math.Abs(percent) < 10 ? 1 : 0))} %" : null;
        return $"{subject} {(after >= before ? "rose" : "fell")}{by}, from {Value(before, metric.Metric.Unit)} to {Value(after, metric.Metric.Unit)}"
            + (metric.Metric.Direction == MetricDirection.LowerIsBetter ? " (less is better)" : null);
    }

    private static IEnumerable<string> Worse(VMComparison comparison) => comparison.Metrics
        .Where(metric => metric is { Role: MetricRole.Guard, Verdict: Verdict.Regressed })
        .Select(metric => ComparisonSentences.NameOf(metric.Metric));

    private static string Kind(MetricDefinition metric, ReportChapter chapter) =>
        $"{chapter.Baseline.Workload.Name} {ComparisonSentences.NameOf(metric)}";
}
