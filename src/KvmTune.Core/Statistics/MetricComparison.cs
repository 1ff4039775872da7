// What a comparison found for one metric.
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>The comparison of one metric.</summary>
public sealed record MetricComparison
{
    /// <summary>The metric.</summary>
    public required MetricDefinition Metric { get; init; }

    /// <summary>The part it plays in the verdict.</summary>
    public required MetricRole Role { get; init; }

    /// <summary>The baseline's median, in the metric's unit; null without a usable run.</summary>
    public double? BaselineMedian { get; init; }

    /// <summary>The candidate's median, in the metric's unit; null without a usable run.</summary>
    public double? CandidateMedian { get; init; }

    /// <summary>How many values the baseline has: runs, or units of several runs.</summary>
    public required int BaselineCount { get; init; }

    /// <summary>How many values the candidate has: runs, or units of several runs.</summary>
    public required int CandidateCount { get; init; }

    /// <summary>
    /// How far the candidate's values lie above the baseline's (Hodges–Lehmann), in per cent; negative when they are lower,
    /// whichever way is better. Null where there is no value, or the baseline is 0.
    /// </summary>
    public double? ShiftPercent { get; init; }

    /// <summary>The same in the metric's unit, where values that are zero or negative leave no other way; else null.</summary>
    public double? ShiftInUnits { get; init; }

    /// <summary>The lower end of the interval of the shift, in per cent; null where so few runs give none.</summary>
    public double? IntervalLowPercent { get; init; }

    /// <summary>The upper end of the interval of the shift, in per cent; null where so few runs give none.</summary>
    public double? IntervalHighPercent { get; init; }

    /// <summary>The level of the interval, for example 0.95.</summary>
    public required double ConfidenceLevel { get; init; }

    /// <summary>
    /// The lower end of the interval that <see cref="Verdict.NoDifference"/> is judged by, in per cent, at the level that
    /// <see cref="Limits"/> has.
    /// </summary>
    public double? EquivalenceLowPercent { get; init; }

    /// <summary>The upper end of that interval, in per cent.</summary>
    public double? EquivalenceHighPercent { get; init; }

    /// <summary>The p-value of "nothing changed"; null without a usable run.</summary>
    public double? PValue { get; init; }

    /// <summary>The p-value after Holm's correction, for a guard; else the same as <see cref="PValue"/>.</summary>
    public double? AdjustedPValue { get; init; }

    /// <summary>What was asked for: the level, the practical threshold and the margin.</summary>
    public required VerdictLimits Limits { get; init; }

    /// <summary>The verdict for this metric alone.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>
    /// The smallest rise, in per cent, that this many values at this noise find 4 times in 5; never below the
    /// practical threshold. Null where so few cannot find any.
    /// </summary>
    public double? DetectablePercent { get; init; }

    /// <summary>The run-to-run spread of the candidate over that of the baseline, with its interval; null where there are too few runs.</summary>
    public SpreadRatio? SpreadRatio { get; init; }

    /// <summary>The result in words.</summary>
    public required string Sentence { get; init; }

    /// <summary>The difference with its interval, for example <c>+18 % [+12, +25]</c>.</summary>
    public string Shift => ComparisonPicture.Shift(this);

    /// <summary>For example <c>Iops: +18 % (Improved)</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Metric.Name}: {ShiftPercent:+0.#;-0.#;0} % ({Verdict})");
}
