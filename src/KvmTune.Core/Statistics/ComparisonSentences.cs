// The words for a comparison: what happened, how sure that is, and what would make it surer.
using System.Globalization;
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>Writes results as sentences.</summary>
internal static class ComparisonSentences
{
    /// <summary>The name of a metric in a sentence: its unit where that is the same word (IOPS), else its name.</summary>
    internal static string NameOf(MetricDefinition metric)
        => string.Equals(metric.Name, metric.Unit, StringComparison.OrdinalIgnoreCase) ? metric.Unit : metric.Name;

    /// <summary>The result for one metric.</summary>
    internal static string OfMetric(string workload, MetricComparison result, ShiftTest test)
    {
        var subject = $"{workload} {NameOf(result.Metric)}";
        var evidence = Evidence(result, test);
        return result.Verdict switch
        {
            Verdict.Improved or Verdict.Regressed
                => $"{subject} {(result.Verdict == Verdict.Improved ? "improved" : "regressed")} by {Size(result)} ({evidence}).",
            Verdict.NoDifference when test.Baseline.Concat(test.Candidate).Distinct().Count() == 1
                => $"{subject} did not change at all: every value is {Number(result.BaselineMedian!.Value)} {result.Metric.Unit} "
                    + $"({Runs(result, test)}).",
            Verdict.NoDifference
                => $"{subject} {(result.AdjustedPValue <= result.Limits.Alpha ? "changed by less than matters" : "did not change")}: the 90 % interval {Signed(result.EquivalenceLowPercent!.Value)} to "
                    + $"{Signed(result.EquivalenceHighPercent!.Value)} lies within ±{Number(result.Limits.MarginPercent)} % "
                    + $"(shift {Shift(result)}, p {P(result.PValue!.Value)}, {Runs(result, test)}).",
            _ => $"{subject} is inconclusive: shift {Shift(result)} ({evidence}). {Why(result, test)}{Outlook(result, test)}",
        };
    }

    /// <summary>The verdict on all metrics together.</summary>
    internal static string OfComparison(
        Verdict verdict, IReadOnlyList<MetricComparison> metrics, IReadOnlyList<MetricComparison> shiftedControls, ComparisonDesign design)
    {
        var primary = metrics.Single(metric => metric.Role == MetricRole.Primary);
        var parts = new List<string> { primary.Sentence };
        if (shiftedControls.Count > 0)
        {
            parts.Add($"But {And(shiftedControls.Select(Moved))}, which the change cannot affect: something else changed too, "
                + "so this comparison is inconclusive.");
        }

        var regressed = metrics.Where(metric => metric is { Role: MetricRole.Guard, Verdict: Verdict.Regressed }).ToList();
        var improved = metrics.Where(metric => metric is { Role: MetricRole.Guard, Verdict: Verdict.Improved }).ToList();
        if (regressed.Count > 0)
        {
            parts.Add($"{(verdict == Verdict.Mixed ? "But " : "Beside it, ")}{And(regressed.Select(Moved))}.");
        }

        if (improved.Count > 0)
        {
            parts.Add($"{(regressed.Count > 0 ? "And " : "Beside it, ")}{And(improved.Select(Moved))}.");
        }

        if (design == ComparisonDesign.Sequential)
        {
            parts.Add("Provisional: runs were not interleaved, so drift of the host is not excluded.");
        }
        else if (design == ComparisonDesign.Blocks)
        {
            parts.Add("Provisional: runs were made in few blocks, so drift of the host is not wholly excluded.");
        }

        return string.Join(" ", parts);
    }

    private static string Moved(MetricComparison result)
        => $"{NameOf(result.Metric)} {(result.Verdict == Verdict.Regressed ? "regressed" : "improved")} by {Size(result)}";

    private static string Size(MetricComparison result) => result.ShiftPercent is { } percent
        ? $"{Number(Math.Abs(percent))} %"
        : $"{Number(Math.Abs(result.ShiftInUnits!.Value))} {result.Metric.Unit} from a baseline of 0";

    private static string Shift(MetricComparison result) => result.ShiftPercent is { } percent
        ? Signed(percent)
        : $"{Sign(result.ShiftInUnits!.Value)}{Number(Math.Abs(result.ShiftInUnits!.Value))} {result.Metric.Unit}";

    private static string Evidence(MetricComparison result, ShiftTest test)
    {
        var parts = new List<string>();
        if (result.Metric.Direction == MetricDirection.LowerIsBetter && result.Verdict is Verdict.Improved or Verdict.Regressed
            && result.ShiftPercent is { } percent)
        {
            parts.Add(percent < 0 ? "lower is better" : "higher is worse");
        }

        if (result is { IntervalLowPercent: { } low, IntervalHighPercent: { } high })
        {
            parts.Add($"{Number(100 * result.ConfidenceLevel)} % interval {Signed(low)} to {Signed(high)}");
        }

        parts.Add($"p {P(result.PValue!.Value)}");
        if (result.AdjustedPValue > result.PValue)
        {
            parts.Add($"p {P(result.AdjustedPValue.Value)} corrected for several metrics");
        }

        parts.Add(Runs(result, test));
        return string.Join(", ", parts);
    }

    private static string Runs(MetricComparison result, ShiftTest test) => test.Design == ComparisonDesign.Pairs
        ? Count(result.BaselineCount, "pair")
        : string.Create(CultureInfo.InvariantCulture, $"{Count(result.BaselineCount, "run")} against {result.CandidateCount}");

    private static string Count(int count, string noun)
        => string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? string.Empty : "s")}");

    private static string Why(MetricComparison result, ShiftTest test)
    {
        var alpha = Number(result.Limits.Alpha);
        if (test.SmallestPValue > result.Limits.Alpha)
        {
            return $"So few runs cannot show anything: their smallest possible p is {Number(test.SmallestPValue)}, and {alpha} is asked for.";
        }

        return result.AdjustedPValue <= result.Limits.Alpha
            ? $"The shift is beyond doubt but below the {Number(result.Limits.ThresholdPercent)} % that matter in practice, and likeness within "
                + $"±{Number(result.Limits.MarginPercent)} % is not shown."
            : $"A difference is asked to show p ≤ {alpha}, likeness a 90 % interval within ±{Number(result.Limits.MarginPercent)} %.";
    }

    private static string Outlook(MetricComparison result, ShiftTest test)
    {
        var (noun, aSide) = test.Design == ComparisonDesign.Pairs ? ("pair", string.Empty) : ("run", " a side");
        var found = result.DetectablePercent is { } detectable
            ? $" This many would have found a shift of {Number(detectable)} %."
            : string.Empty;
        return result.FurtherRunsNeeded switch
        {
            null => $"{found} Even {Count(NoiseLevel.MostRuns, noun)}{aSide} would probably not settle it at this noise.",
            { } further when test.SmallestPValue > result.Limits.Alpha => $"{found} At least {Count(further, $"more {noun}")}{aSide} are needed.",
            { } further => $"{found} About {Count(further, $"more {noun}")}{aSide} would probably settle it.",
        };
    }

    private static string And(IEnumerable<string> phrases)
    {
        var all = phrases.ToList();
        return all.Count == 1 ? all[0] : $"{string.Join(", ", all.Take(all.Count - 1))} and {all[^1]}";
    }

    private static string P(double p) => p < 0.0001 ? "< 0.0001" : $"= {Number(p)}";

    private static string Signed(double percent) => $"{Sign(percent)}{Number(Math.Abs(percent))} %";

    private static string Sign(double value) => Number(Math.Abs(value)) is "0" ? string.Empty : value < 0 ? "-" : "+";

    // Two significant digits, and whole numbers from 10 on: more would claim more than runs can show.
    private static string Number(double value)
    {
        var size = Math.Abs(value);
        var format = size >= 10 ? "0" : size >= 1 ? "0.#" : size >= 0.1 ? "0.##" : size >= 0.01 ? "0.###" : "0.####";
        return value.ToString(format, CultureInfo.InvariantCulture);
    }
}
