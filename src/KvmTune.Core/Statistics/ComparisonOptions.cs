// The options of a comparison.
namespace KvmTune.Statistics;

/// <summary>The settings of a comparison.</summary>
public sealed record ComparisonOptions
{
    /// <summary>In which order the runs were made.</summary>
    public ComparisonDesign Design { get; init; } = ComparisonDesign.Sequential;

    /// <summary>
    /// What one value stands for. Null: a boot if the candidate's change restarted the VM, a resume if it suspended the VM, else a run.
    /// </summary>
    public ComparisonUnit? Unit { get; init; }

    /// <summary>The name of the metric that decides; null for the workload's primary one. With another metric, the primary one is a guard.</summary>
    public string? Metric { get; init; }

    /// <summary>The smallest rise that matters, in per cent, for every metric, at most 50; null for the thresholds of the rule.</summary>
    public double? ThresholdPercent { get; init; }

    /// <summary>The planned looks of a comparison in pairs, or one look after a fixed number of pairs.</summary>
    public LookPlan Plan { get; init; } = LookPlan.Planned;

    /// <summary>
    /// In pairs, how many consecutive runs make one value, by their median: 1, or 3 for the runs of one boot, which are not independent.
    /// </summary>
    public int RunsPerUnit { get; init; } = 1;

    /// <summary>The confidence level of the intervals in the result.</summary>
    public double ConfidenceLevel { get; init; } = 0.95;

    /// <summary>The names of metrics that the change cannot affect; a shift in one of them makes the verdict inconclusive.</summary>
    public IReadOnlyCollection<string> NegativeControls { get; init; } = [];

    /// <summary>
    /// Whether to compute how small a shift would have been found. This takes longer than everything else, and is not needed at a look after
    /// which more pairs may follow.
    /// </summary>
    public bool Forecasts { get; init; } = true;

    /// <summary>Compare under different conditions anyway; the differences become notes of the result.</summary>
    public bool Force { get; init; }
}
