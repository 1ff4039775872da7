// What a caller may choose about a comparison.
namespace KvmTune.Statistics;

/// <summary>The settings of a comparison.</summary>
public sealed record ComparisonOptions
{
    /// <summary>In which order the runs were made.</summary>
    public ComparisonDesign Design { get; init; } = ComparisonDesign.Sequential;

    /// <summary>
    /// What one value is of; null: of a boot where the candidate's change restarted the VM, else of a run.
    /// </summary>
    public ComparisonUnit? Unit { get; init; }

    /// <summary>The name of the metric that decides; null for the workload's primary one. That one is then a guard.</summary>
    public string? Metric { get; init; }

    /// <summary>The smallest rise that matters, in per cent, for every metric, at most 50; null for the thresholds of the rule.</summary>
    public double? ThresholdPercent { get; init; }

    /// <summary>The looks of a comparison in pairs: the planned ones, or a number fixed beforehand.</summary>
    public LookPlan Plan { get; init; } = LookPlan.Planned;

    /// <summary>
    /// In pairs, how many consecutive runs make one value, by their median: 1, or the runs of one boot (3), since runs of one boot are not independent.
    /// </summary>
    public int RunsPerUnit { get; init; } = 1;

    /// <summary>The level of the intervals that are shown.</summary>
    public double ConfidenceLevel { get; init; } = 0.95;

    /// <summary>The names of metrics that the change cannot affect; a shift in one of them makes the verdict inconclusive.</summary>
    public IReadOnlyCollection<string> NegativeControls { get; init; } = [];

    /// <summary>
    /// Whether it is worked out how small a shift would have been found, which takes longer than all the rest: not needed at a look that more
    /// pairs may follow.
    /// </summary>
    public bool Forecasts { get; init; } = true;

    /// <summary>Compare although conditions differ; the differences are then notes of the result.</summary>
    public bool Force { get; init; }
}
