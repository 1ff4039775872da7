// The entry point: compares two measurements of a VM metric by metric, and derives one verdict.
using KvmTune.Measurement;
using KvmTune.Tuning;
using static KvmTune.NumberText;

namespace KvmTune.Statistics;

/// <summary>Compares two measurements of a VM.</summary>
public static class VMComparer
{
    /// <summary>Compares a candidate with its baseline.</summary>
    /// <param name="baseline">The measurement before the change.</param>
    /// <param name="candidate">The measurement after the change, of the same work on the same VM.</param>
    /// <param name="options">The options; null for a plain sequence.</param>
    /// <remarks>
    /// One metric decides: the workload's primary one, or the one in the options. The others are guards: their p-values are corrected
    /// together (Holm). If a guard got worse and the deciding metric did not, the verdict is mixed; failed runs count like a guard. Mean latency next
    /// to a rate is only shown: at a fixed depth one is the inverse of the other (Little, Oper. Res. 9 (1961) 383–387). For pairs, run i of
    /// one side belongs to run i of the other; for blocks, the times of the runs define the blocks.
    /// </remarks>
    /// <exception cref="ComparisonException">The measurements are not comparable, or the options do not fit them.</exception>
    public static VMComparison Compare(VMPerformance baseline, VMPerformance candidate, ComparisonOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(baseline);
        ArgumentNullException.ThrowIfNull(candidate);
        options ??= new();
        LikenessCheck.CheckSameSubject(baseline, candidate);
        CheckOptions(candidate, options);
        var deciding = DecidingMetric(candidate.Metrics, candidate.Workload.Name, options.Metric);
        var unit = options.Unit ?? (candidate.Change switch
        {
            { RestartedBy: RestartBy.Suspend } => ComparisonUnit.Resume,
            { Restarted: true } => ComparisonUnit.Boot,
            _ => ComparisonUnit.Run,
        });
        var notes = LikenessCheck.CheckConditions(baseline, candidate, options.Force).ToList();
        if (options.Design == ComparisonDesign.Sequential && candidate.StartedAt < baseline.StartedAt)
        {
            notes.Add("The candidate was measured before the baseline.");
        }

        // A percentile too small for the guest's clock is compared like any other, so the reader needs this note.
        if ((CoarseTimers.NoteFor(candidate) ?? CoarseTimers.NoteFor(baseline)) is { } coarse)
        {
            notes.Add(coarse);
        }

        var comparers = candidate.Metrics
            .OrderByDescending(metric => metric == deciding)
            .ThenByDescending(metric => metric.IsPrimary)
            .Select(metric => (Metric: metric, Role: RoleOf(metric, deciding, candidate, options)))
            .Select(entry => (entry.Role, Comparer: new MetricComparer(entry.Metric, entry.Role, baseline, candidate, options, unit)))
            .ToList();
        notes.AddRange(comparers.SelectMany(entry => entry.Comparer.Notes).Distinct(StringComparer.Ordinal));

        var guards = comparers.Where(entry => entry is { Role: MetricRole.Guard, Comparer.HasValues: true }).ToList();
        var adjusted = HolmCorrection.Adjust([.. guards.Select(entry => entry.Comparer.PValue)]);
        var metrics = comparers
            .Select(entry => guards.IndexOf(entry) is >= 0 and var guard
                ? entry.Comparer.Compare(adjusted[guard], guards.Count)
                : entry.Comparer.Compare())
            .ToList();

        var shiftedControls = metrics
            .Where(metric => metric is { Role: MetricRole.NegativeControl, Verdict: Verdict.Improved or Verdict.Regressed })
            .ToList();
        var failedRuns = FailedRuns.Of(baseline, candidate);
        var verdict = VerdictOf(metrics, shiftedControls.Count > 0, failedRuns);
        var isDirectionOnly = unit != ComparisonUnit.Run && options.Design != ComparisonDesign.Pairs && comparers[0].Comparer is { HasValues: true, CanShow: false };
        return new()
        {
            VMName = candidate.VMName,
            VMId = candidate.VMId,
            ConnectionUri = candidate.ConnectionUri,
            Baseline = baseline,
            Candidate = candidate,
            Design = options.Design,
            Unit = unit,
            RunsPerUnit = options.RunsPerUnit,
            IsProvisional = options.Design != ComparisonDesign.Pairs && !isDirectionOnly,
            IsDirectionOnly = isDirectionOnly,
            FailedRuns = failedRuns,
            Metrics = metrics,
            Verdict = verdict,
            Sentence = ComparisonSentences.OfComparison(verdict, metrics, shiftedControls, failedRuns, isDirectionOnly ? null : options.Design),
            Notes = notes,
        };
    }

    /// <summary>The metric that decides: the primary one, or the one with this name.</summary>
    /// <param name="metrics">The metrics of a workload.</param>
    /// <param name="workload">The workload's name, for the message.</param>
    /// <param name="name">The metric's name in any case; null for the primary one.</param>
    /// <exception cref="ComparisonException">There is no metric of that name.</exception>
    public static MetricDefinition DecidingMetric(IReadOnlyList<MetricDefinition> metrics, string workload, string? name)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        return metrics.FirstOrDefault(metric => name is null ? metric.IsPrimary : string.Equals(metric.Name, name, StringComparison.OrdinalIgnoreCase))
            ?? throw new ComparisonException(
                ComparisonRefusal.InvalidComparison,
                $"The workload {workload} has no metric '{name}' to decide by. It has: {string.Join(", ", metrics.Select(metric => metric.Name))}.");
    }

    /// <summary>The role of a metric when another one decides.</summary>
    internal static MetricRole RoleOf(MetricDefinition metric, MetricDefinition deciding, IReadOnlyList<MetricDefinition> all) =>
        metric == deciding ? MetricRole.Primary
        // The rate and the mean latency of a workload express the same thing, so the one that does not decide is only shown.
        : IsMeanBesideRate(metric, all) || (IsMeanBesideRate(deciding, all) && metric.IsPrimary) ? MetricRole.Shown
        : MetricRole.Guard;

    private static Verdict VerdictOf(List<MetricComparison> metrics, bool isContaminated, FailedRuns failedRuns)
    {
        var deciding = metrics.Single(metric => metric.Role == MetricRole.Primary).Verdict;
        if (isContaminated)
        {
            return Verdict.Inconclusive;
        }

        var isWorse = failedRuns.IsWorse
            || (deciding == Verdict.Improved && failedRuns.IsMoreOften)
            || metrics.Exists(metric => metric is { Role: MetricRole.Guard, Verdict: Verdict.Regressed });
        return isWorse && deciding != Verdict.Regressed ? Verdict.Mixed : deciding;
    }

    private static MetricRole RoleOf(MetricDefinition metric, MetricDefinition deciding, VMPerformance performance, ComparisonOptions options) =>
        metric != deciding && options.NegativeControls.Contains(metric.Name, StringComparer.Ordinal)
            ? MetricRole.NegativeControl
            : RoleOf(metric, deciding, performance.Metrics);

    private static bool IsMeanBesideRate(MetricDefinition metric, IReadOnlyList<MetricDefinition> all) =>
        metric.Kind == MetricKind.MeanLatency && all.Any(other => other is { IsPrimary: true, Kind: MetricKind.Rate });

    private static void CheckOptions(VMPerformance candidate, ComparisonOptions options)
    {
        var wrong = options switch
        {
            { ThresholdPercent: { } threshold } when threshold is not (> 0 and <= VerdictLimits.LargestThresholdPercent)
                => $"The threshold is {Text(threshold)} %; it must lie above 0 and be at most {Text(VerdictLimits.LargestThresholdPercent)} %.",
            { ConfidenceLevel: not (> 0.5 and < 1) }
                => $"The confidence level is {Text(options.ConfidenceLevel)}; it must lie above 0.5 and below 1, for example 0.95.",
            { RunsPerUnit: < 1 } => $"{Text(options.RunsPerUnit)} runs cannot make one value; at least 1 is needed.",
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
}
