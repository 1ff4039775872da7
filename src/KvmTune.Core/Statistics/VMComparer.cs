// The one entry: compares two measurements of a VM, metric by metric, and says what that means together.
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>Compares two measurements of a VM.</summary>
public static class VMComparer
{
    /// <summary>Compares a candidate with its baseline.</summary>
    /// <param name="baseline">The measurement before the change.</param>
    /// <param name="candidate">The measurement after the change, of the same work on the same VM.</param>
    /// <param name="options">How; null for the rule of a plain sequence.</param>
    /// <remarks>
    /// The primary metric decides. The others are guards: their p-values are corrected together (Holm), and one that regresses
    /// while the primary improves makes the verdict mixed. Mean latency beside a primary rate is shown only: at a fixed depth
    /// the one is the other's inverse (Little, Oper. Res. 9 (1961) 383–387). For pairs, the i-th run of one side belongs to the
    /// i-th of the other; for blocks, the times of the runs tell the blocks.
    /// </remarks>
    /// <exception cref="ComparisonException">The measurements are not comparable, or the options make no sense for them.</exception>
    public static VMComparison Compare(VMPerformance baseline, VMPerformance candidate, ComparisonOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(baseline);
        ArgumentNullException.ThrowIfNull(candidate);
        options ??= new();
        LikenessCheck.CheckSameSubject(baseline, candidate);
        CheckOptions(candidate, options);
        var notes = LikenessCheck.CheckConditions(baseline, candidate, options.Force).ToList();
        if (options.Design == ComparisonDesign.Sequential && candidate.StartedAt < baseline.StartedAt)
        {
            notes.Add("The candidate was measured before the baseline.");
        }

        // A percentile that the guest's clock cannot tell is compared like any other, so the reader must know.
        if ((CoarseTimers.NoteFor(candidate) ?? CoarseTimers.NoteFor(baseline)) is { } coarse)
        {
            notes.Add(coarse);
        }

        var comparers = candidate.Metrics
            .OrderByDescending(metric => metric.IsPrimary)
            .Select(metric => (Metric: metric, Role: RoleOf(metric, candidate, options)))
            .Select(entry => (entry.Role, Comparer: new MetricComparer(entry.Metric, entry.Role, baseline, candidate, options)))
            .ToList();
        notes.AddRange(comparers.SelectMany(entry => entry.Comparer.Notes).Distinct(StringComparer.Ordinal));

        var guards = comparers.Where(entry => entry is { Role: MetricRole.Guard, Comparer.HasValues: true }).ToList();
        var adjusted = HolmCorrection.Adjust([.. guards.Select(entry => entry.Comparer.PValue)]);
        var metrics = comparers
            .Select(entry => entry.Comparer.Compare(guards.IndexOf(entry) is >= 0 and var guard ? adjusted[guard] : null))
            .ToList();

        var shiftedControls = metrics
            .Where(metric => metric is { Role: MetricRole.NegativeControl, Verdict: Verdict.Improved or Verdict.Regressed })
            .ToList();
        var verdict = VerdictOf(metrics, shiftedControls.Count > 0);
        return new()
        {
            VMName = candidate.VMName,
            VMId = candidate.VMId,
            ConnectionUri = candidate.ConnectionUri,
            Baseline = baseline,
            Candidate = candidate,
            Design = options.Design,
            RunsPerUnit = options.RunsPerUnit,
            IsProvisional = options.Design != ComparisonDesign.Pairs,
            Metrics = metrics,
            Verdict = verdict,
            Sentence = ComparisonSentences.OfComparison(verdict, metrics, shiftedControls, options.Design),
            Notes = notes,
        };
    }

    private static Verdict VerdictOf(List<MetricComparison> metrics, bool contaminated)
    {
        var primary = metrics.Single(metric => metric.Role == MetricRole.Primary).Verdict;
        return contaminated ? Verdict.Inconclusive
            : primary == Verdict.Improved
                && metrics.Exists(metric => metric is { Role: MetricRole.Guard, Verdict: Verdict.Regressed }) ? Verdict.Mixed
            : primary;
    }

    private static MetricRole RoleOf(MetricDefinition metric, VMPerformance performance, ComparisonOptions options)
        => metric.IsPrimary ? MetricRole.Primary
            : options.NegativeControls.Contains(metric.Name, StringComparer.Ordinal) ? MetricRole.NegativeControl
            : metric.Kind == MetricKind.MeanLatency && performance.PrimaryMetric.Kind == MetricKind.Rate ? MetricRole.Shown
            : MetricRole.Guard;

    private static void CheckOptions(VMPerformance candidate, ComparisonOptions options)
    {
        var wrong = options switch
        {
            { ThresholdPercent: { } threshold } when threshold is not (> 0 and < 1000)
                => $"The threshold is {Number(threshold)} %; it must lie above 0 and below 1000 %.",
            { ConfidenceLevel: not (> 0.5 and < 1) }
                => $"The confidence level is {Number(options.ConfidenceLevel)}; it must lie above 0.5 and below 1, for example 0.95.",
            { RunsPerUnit: < 1 } => $"{Number(options.RunsPerUnit)} runs cannot make one value; at least 1 is needed.",
            _ => options.NegativeControls
                .Where(name => !candidate.Metrics.Any(metric => !metric.IsPrimary && string.Equals(metric.Name, name, StringComparison.Ordinal)))
                .Select(name => $"The workload {candidate.Workload.Name} has no metric '{name}' that could be a negative control.")
                .FirstOrDefault(),
        };
        if (wrong is not null)
        {
            throw new ComparisonException(ComparisonRefusal.InvalidComparison, wrong);
        }
    }

    private static string Number(double value) => value.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
