// Puts a comparison into words: the result, its certainty, and how to make it more certain.
using System.Globalization;
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>Writes results as sentences.</summary>
internal static class ComparisonSentences
{
    /// <summary>The name of a metric in a sentence: its unit if that is the same word (IOPS), else its name.</summary>
    internal static string NameOf(MetricDefinition metric)
        => string.Equals(metric.Name, metric.Unit, StringComparison.OrdinalIgnoreCase) ? metric.Unit : metric.Name;

    /// <summary>The sentence for one metric.</summary>
    /// <param name="workload">The workload's name.</param>
    /// <param name="result">The comparison of the metric.</param>
    /// <param name="test">The test.</param>
    /// <param name="unit">What one value stands for.</param>
    /// <param name="correctedFor">How many metrics the p-value was corrected for.</param>
    internal static string OfMetric(string workload, MetricComparison result, ShiftTest test, ComparisonUnit unit, int correctedFor)
    {
        var subject = $"{workload} {NameOf(result.Metric)}";
        var evidence = Evidence(result, test, unit);
        if (test.Design != ComparisonDesign.Pairs && unit != ComparisonUnit.Run && test.SmallestPValue > result.Limits.Alpha)
        {
            return Direction(subject, result, test, unit);
        }

        return result.Verdict switch
        {
            Verdict.Improved or Verdict.Regressed
                => $"{subject} {(result.Verdict == Verdict.Improved ? "improved" : "regressed")} by {Size(result)}{Between(test, unit)} ({evidence}).",
            Verdict.NoDifference when test.Baseline.Concat(test.Candidate).Distinct().Count() == 1
                => $"{subject} did not change at all: every value is {Value(result.BaselineMedian!.Value, result.Metric.Unit)} "
                    + $"({Count(result, test, unit)}).",
            Verdict.NoDifference
                => $"{subject} {(result.AdjustedPValue <= result.Limits.Alpha ? "changed by less than matters" : "did not change")}: the "
                    + $"{Number(100 * result.Limits.SamenessLevel)} % interval {Signed(result.EquivalenceLowPercent!.Value)} to "
                    + $"{Signed(result.EquivalenceHighPercent!.Value)} lies within {Margin(result)} "
                    + $"(shift {Shift(result)}, p {P(result.PValue!.Value)}, {Count(result, test, unit)}).",
            _ => $"{subject} is inconclusive: shift {Shift(result)}{Between(test, unit)} ({evidence}). {Why(result, test, unit, correctedFor)}",
        };
    }

    /// <summary>The sentence for the verdict on all metrics together.</summary>
    /// <param name="verdict">The verdict.</param>
    /// <param name="metrics">All metrics.</param>
    /// <param name="shiftedControls">The negative controls that shifted.</param>
    /// <param name="failedRuns">The failed runs.</param>
    /// <param name="design">The design; null if the result is only a direction, because that sentence names the design itself.</param>
    internal static string OfComparison(
        Verdict verdict,
        IReadOnlyList<MetricComparison> metrics,
        IReadOnlyList<MetricComparison> shiftedControls,
        FailedRuns failedRuns,
        ComparisonDesign? design)
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

        if (failedRuns.IsMoreOften && (failedRuns.IsWorse || primary.Verdict == Verdict.Improved))
        {
            parts.Add($"But {failedRuns}: a side that fails more often did not improve.");
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

    // For a few boots: their direction, that it proves nothing, and which experiment would.
    private static string Direction(string subject, MetricComparison result, ShiftTest test, ComparisonUnit unit) =>
        $"{subject} {(test.Shift == 0 ? "was the same" : $"was {Size(result)} {(test.Shift > 0 ? "higher" : "lower")} with the change")} in {Count(result, test, unit)}: "
            + $"a direction, not a verdict. Only {Noun(unit)}s count here, since the runs of one are not independent, and so few cannot show anything (their smallest "
            + $"possible p is {Number(test.SmallestPValue)}). {LookPlan.Planned.Looks[0].Pairs.ToString(CultureInfo.InvariantCulture)} pairs of {Noun(unit)}s can: Invoke-VMExperiment -Design Pairs.";

    private static string Moved(MetricComparison result)
        => $"{NameOf(result.Metric)} {(result.Verdict == Verdict.Regressed ? "regressed" : "improved")} by {Size(result)}";

    private static string Size(MetricComparison result) => result.ShiftPercent is { } percent
        ? $"{Number(Math.Abs(percent))} %"
        : $"{Value(Math.Abs(result.ShiftInUnits!.Value), result.Metric.Unit)} from a baseline of 0";

    private static string Shift(MetricComparison result) => result.ShiftPercent is { } percent
        ? Signed(percent)
        : $"{Sign(result.ShiftInUnits!.Value)}{Value(Math.Abs(result.ShiftInUnits!.Value), result.Metric.Unit)}";

    private static string Evidence(MetricComparison result, ShiftTest test, ComparisonUnit unit)
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

        parts.Add(Count(result, test, unit));
        return string.Join(", ", parts);
    }

    // The shift is estimated from pairs of values, so it can differ from the difference of the two medians.
    private static string Between(ShiftTest test, ComparisonUnit unit) =>
        test.Design == ComparisonDesign.Pairs ? " in typical pairs" : $" between typical {Noun(unit)}s";

    private static string Count(MetricComparison result, ShiftTest test, ComparisonUnit unit) => test.Design == ComparisonDesign.Pairs
        ? Count(result.BaselineCount, "pair") + (unit == ComparisonUnit.Run ? null : $" of {Noun(unit)}s")
        : string.Create(CultureInfo.InvariantCulture, $"{Count(result.BaselineCount, Noun(unit))} against {result.CandidateCount}");

    private static string Count(int count, string noun)
        => string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? string.Empty : "s")}");

    private static string Noun(ComparisonUnit unit) => unit.ToString().ToLowerInvariant();

    private static string Why(MetricComparison result, ShiftTest test, ComparisonUnit unit, int correctedFor)
    {
        var alpha = Number(result.Limits.Alpha);
        var smallest = Math.Min(1, test.SmallestPValue * correctedFor);
        if (smallest > result.Limits.Alpha)
        {
            var values = test.Design == ComparisonDesign.Pairs ? "pairs" : $"{Noun(unit)}s a side";
            var fewest = Detectability.FewestToReach(test.Design, result.Limits.Alpha / correctedFor);
            return $"So few {values} cannot show anything: their smallest possible p is {Number(smallest)}{(correctedFor > 1 ? $", corrected for {Count(correctedFor, "metric")}" : null)}, "
                + $"and a verdict needs {alpha}. At least {fewest.ToString(CultureInfo.InvariantCulture)} {values} are needed.";
        }

        var why = result.AdjustedPValue <= result.Limits.Alpha
            ? $"The test shows a shift, but a smaller one than the {Number(result.Limits.ThresholdPercent)} % that matter in practice, and it does not show that the shift stays within {Margin(result)}."
            : $"A difference needs p ≤ {alpha}, sameness a {Number(100 * result.Limits.SamenessLevel)} % interval within {Margin(result)}.";
        return result.DetectablePercent is { } detectable ? $"{why} At this noise, this many find a shift of {Number(detectable)} % about 4 times in 5." : why;
    }

    // The margin as a factor upwards and the same factor downwards.
    private static string Margin(MetricComparison result) => result.ShiftInUnits is null
        ? $"{Signed((100 / (1 + (result.Limits.MarginPercent / 100))) - 100)} to {Signed(result.Limits.MarginPercent)}"
        : $"±{Number(result.Limits.MarginPercent)} %";

    private static string And(IEnumerable<string> phrases)
    {
        var all = phrases.ToList();
        return all.Count == 1 ? all[0] : $"{string.Join(", ", all.Take(all.Count - 1))} and {all[^1]}";
    }

    private static string P(double p) => p < 0.0001 ? "< 0.0001" : $"= {Number(p)}";

    private static string Signed(double percent) => $"{Sign(percent)}{Number(Math.Abs(percent))} %";

    private static string Sign(double value) => Number(Math.Abs(value)) is "0" ? string.Empty : value < 0 ? "-" : "+";

    private static string Value(double value, string unit)
    {
        var (divisor, shown) = MetricText.Scale(value, unit);
        return $"{Number(value / divisor)} {shown}";
    }

    // Two significant digits, and whole numbers from 10 on: runs do not support more.
    private static string Number(double value)
    {
        var size = Math.Abs(value);
        var format = size >= 10 ? "0" : size >= 1 ? "0.#" : size >= 0.1 ? "0.##" : size >= 0.01 ? "0.###" : "0.####";
        return value.ToString(format, CultureInfo.InvariantCulture);
    }
}
