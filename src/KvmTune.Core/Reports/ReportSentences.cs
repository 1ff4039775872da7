// The sentences of a report for a reader who decides without statistics, and its numbers for all readers.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Reports;

/// <summary>Writes the result of a chapter in plain words.</summary>
internal static class ReportSentences
{
    /// <summary>The verdict as one sentence without statistics.</summary>
    public static string Plainly(ReportChapter chapter)
    {
        var comparison = chapter.Comparison;
        var primary = comparison.PrimaryMetric;
        var subject = $"{chapter.Baseline.Workload.Name} {ComparisonSentences.NameOf(primary.Metric)}";
        var provisional = comparison.IsProvisional ? " This is provisional: the runs were not made in pairs." : null;
        var said = chapter.Verdict switch
        {
            Verdict.Improved => $"It helped: {Amount(comparison)}.",
            Verdict.Regressed => $"It made things worse: {Amount(comparison)}.",
            Verdict.Mixed => "It has two sides: " + primary.Verdict switch
            {
                Verdict.NoDifference => $"{subject} is the same with and without it",
                Verdict.Inconclusive => $"it cannot be said whether {subject} changed",
                _ => Amount(comparison),
            } + $", but something else got worse ({string.Join(", ", Worse(comparison))}).",
            Verdict.NoDifference => $"It made no difference that matters: {subject} is the same with and without it.",
            _ when comparison.IsDirectionOnly => $"It cannot be said whether it helped: so few {comparison.Unit.ToString().ToLowerInvariant()}s only show a direction.",
            _ => "It cannot be said whether it helped: the runs are too few or too unsteady to tell the change from chance.",
        };
        return said + provisional;
    }

    /// <summary>The displayed unit and its divisor: the raw nanoseconds are not readable.</summary>
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

    // The shift is that of typical pairs of values, with its interval. The difference between the two medians, which are in the table, is
    // another number.
    private static string Amount(VMComparison comparison)
    {
        var metric = comparison.PrimaryMetric;
        if ((metric.ShiftPercent ?? metric.ShiftInUnits) is not { } shift)
        {
            return "the measurements have no value in common";
        }

        var typical = comparison.Design == ComparisonDesign.Pairs ? "in typical pairs" : $"between typical {comparison.Unit.ToString().ToLowerInvariant()}s";
        var by = metric.ShiftPercent is null ? Value(Math.Abs(shift), metric.Metric.Unit) : $"{Number(Math.Round(Math.Abs(shift), Math.Abs(shift) < 10 ? 1 : 0))} %";
        var interval = metric is { IntervalLowPercent: { } low, IntervalHighPercent: { } high }
            ? $" (somewhere from {Percent(low)} to {Percent(high)})"
            : null;
        return $"{ComparisonSentences.NameOf(metric.Metric)} {(shift >= 0 ? "rose" : "fell")} by {by} {typical}{interval}"
            + (metric.Metric.Direction == MetricDirection.LowerIsBetter ? "; less is better" : null);
    }

    private static IEnumerable<string> Worse(VMComparison comparison) => comparison.Metrics
        .Where(metric => metric is { Role: MetricRole.Guard, Verdict: Verdict.Regressed })
        .Select(metric => ComparisonSentences.NameOf(metric.Metric))
        .Concat(comparison.FailedRuns is { IsMoreOften: true } ? ["runs that failed"] : []);
}
