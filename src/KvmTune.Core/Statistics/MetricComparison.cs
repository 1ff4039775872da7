// The comparison of one metric.
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>The comparison of one metric.</summary>
public sealed record MetricComparison
{
    /// <summary>The metric.</summary>
    public required MetricDefinition Metric { get; init; }

    /// <summary>The metric's name, for example <c>Iops</c>.</summary>
    public string MetricName => Metric.Name;

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
    /// How far the candidate's values lie above the baseline's (Hodges–Lehmann), in per cent; negative if they are lower, no matter which
    /// direction is better. Null if there is no value, or the baseline is 0.
    /// </summary>
    public double? ShiftPercent { get; init; }

    /// <summary>The shift in the metric's unit, if zero or negative values rule out logarithms; else null.</summary>
    public double? ShiftInUnits { get; init; }

    /// <summary>The lower end of the interval of the shift, in per cent; null if there are too few runs.</summary>
    public double? IntervalLowPercent { get; init; }

    /// <summary>The upper end of the interval of the shift, in per cent; null if there are too few runs.</summary>
    public double? IntervalHighPercent { get; init; }

    /// <summary>The level of the interval, for example 0.95.</summary>
    public required double ConfidenceLevel { get; init; }

    /// <summary>
    /// The lower end of the interval that decides <see cref="Verdict.NoDifference"/>, in per cent, at the level in
    /// <see cref="Limits"/>.
    /// </summary>
    public double? EquivalenceLowPercent { get; init; }

    /// <summary>The upper end of that interval, in per cent.</summary>
    public double? EquivalenceHighPercent { get; init; }

    /// <summary>The p-value of "nothing changed"; null without a usable run.</summary>
    public double? PValue { get; init; }

    /// <summary>The p-value after Holm's correction, for a guard; else the same as <see cref="PValue"/>.</summary>
    public double? AdjustedPValue { get; init; }

    /// <summary>The limits of the verdict: the level, the practical threshold and the margin.</summary>
    public required VerdictLimits Limits { get; init; }

    /// <summary>The verdict for this metric alone.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>
    /// The smallest rise, in per cent, that this many values with this noise find 4 times in 5; never below the
    /// practical threshold. Null if this few values find none.
    /// </summary>
    public double? DetectablePercent { get; init; }

    /// <summary>The run-to-run spread of the candidate divided by the baseline's, with its interval; null if there are too few runs.</summary>
    public SpreadRatio? SpreadRatio { get; init; }

    /// <summary>The result in words.</summary>
    public required string Sentence { get; init; }

    /// <summary>The difference with its interval, for example <c>+18 % [+12, +25]</c>.</summary>
    public string Shift => ComparisonPicture.Shift(this);

    /// <summary>For example <c>Iops: +18 % (Improved)</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Metric.Name}: {ShiftPercent:+0.#;-0.#;0} % ({Verdict})");
}
