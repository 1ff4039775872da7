// The rule that turns a test into a verdict: a difference must be both beyond doubt and large enough to matter, and likeness
// must be shown too. What is neither is inconclusive.
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>What a verdict on one metric asks for.</summary>
/// <param name="Alpha">The largest p-value that is a difference.</param>
/// <param name="ThresholdPercent">The smallest shift that matters in practice, in per cent.</param>
/// <param name="MarginPercent">The margin within which the 90 % interval must lie to show likeness, in per cent.</param>
public sealed record VerdictLimits(double Alpha, double ThresholdPercent, double MarginPercent)
{
    /// <summary>The level of a provisional verdict, whose design lets drift look like an effect.</summary>
    public const double ProvisionalAlpha = 0.01;

    /// <summary>
    /// The limits for a metric. Thresholds: 3 %, provisional 5 %, and 10 % for what is taken from inside a run: latency
    /// percentiles, which fio and sysbench quantise in steps of 2 to 4 %, and the variation of a few per-second rates; or the
    /// caller's own. The margin is 5 %, or the threshold where that is larger (a shift below
    /// the threshold does not matter); with a threshold of one's own under 3 % it shrinks in proportion.
    /// </summary>
    /// <param name="kind">The kind of the metric.</param>
    /// <param name="alpha">The level.</param>
    /// <param name="isProvisional">Whether the design makes the verdict provisional.</param>
    /// <param name="ownThresholdPercent">The caller's threshold, or null.</param>
    public static VerdictLimits For(MetricKind kind, double alpha, bool isProvisional, double? ownThresholdPercent = null)
    {
        var isWithinRun = kind is MetricKind.LatencyPercentile or MetricKind.Variation;
        var threshold = ownThresholdPercent ?? (isWithinRun ? 10 : isProvisional ? 5 : 3);
        return new(alpha, threshold, Math.Max(threshold, Math.Min(5, threshold * 5 / 3)));
    }
}

/// <summary>The verdict rule.</summary>
public static class VerdictRule
{
    /// <summary>The confidence level of the interval that shows likeness: two one-sided tests at 5 %.</summary>
    public const double EquivalenceLevel = 0.9;

    /// <summary>The verdict on one metric.</summary>
    /// <param name="test">The test.</param>
    /// <param name="scale">The scale that the test is on.</param>
    /// <param name="direction">Which way the metric gets better.</param>
    /// <param name="limits">What is asked for.</param>
    /// <param name="pValue">The p-value to judge by where it was corrected for several metrics; else the test's own.</param>
    /// <returns>Any verdict but <see cref="Verdict.Mixed"/>, which needs several metrics.</returns>
    /// <remarks>A shift away from a baseline of exactly 0 is larger than any threshold in per cent.</remarks>
    public static Verdict Judge(
        ShiftTest test, MetricScale scale, MetricDirection direction, VerdictLimits limits, double? pValue = null)
    {
        var shift = test.Shift;
        var size = Math.Abs(scale.ToPercent(shift) ?? double.PositiveInfinity);
        if (shift != 0 && size >= limits.ThresholdPercent && (pValue ?? test.PValue) <= limits.Alpha)
        {
            return shift > 0 == (direction == MetricDirection.HigherIsBetter) ? Verdict.Improved : Verdict.Regressed;
        }

        // The interval holds the shift, so it need not be sought where the shift is outside the margin.
        return size <= limits.MarginPercent
            && test.Interval(EquivalenceLevel) is { } interval
            && scale.ToPercent(interval.Low) >= -limits.MarginPercent
            && scale.ToPercent(interval.High) <= limits.MarginPercent
                ? Verdict.NoDifference
                : Verdict.Inconclusive;
    }
}
