// The rule that turns a test into a verdict. A difference must be shown by the test and be large enough to matter, and sameness must be shown
// too. Everything else is inconclusive.
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>The limits for a verdict on one metric.</summary>
/// <param name="Alpha">The largest p-value that counts as a difference.</param>
/// <param name="ThresholdPercent">
/// The smallest rise that matters in practice, in per cent; the smallest fall is the one that undoes it (3 % up, 2.9 % down).
/// </param>
/// <param name="MarginPercent">The margin of the interval to show sameness, as a rise in per cent; downwards it is what undoes that rise.</param>
/// <param name="SamenessLevel">The level of that interval.</param>
public sealed record VerdictLimits(
    double Alpha, double ThresholdPercent, double MarginPercent, double SamenessLevel = LookPlan.FixedSamenessLevel)
{
    /// <summary>The level of a provisional verdict, from a design in which drift can look like an effect.</summary>
    public const double ProvisionalAlpha = 0.01;

    /// <summary>The largest threshold that a caller may set, in per cent: beyond it, a verdict would call a half and a double the same.</summary>
    public const double LargestThresholdPercent = 50;

    /// <summary>
    /// The limits for a metric. The threshold is the caller's own, or 3 %, or 5 % for a provisional verdict, or 10 % for values from inside a run:
    /// latency percentiles, which fio and sysbench quantise in steps of 2 to 4 %, the variation of a few per-second rates, and the mean time of a
    /// guest's own requests, which are not all alike. The margin is 5 %, or the threshold if that is larger (a shift below
    /// the threshold does not matter); with an own threshold under 3 % it shrinks in proportion.
    /// </summary>
    /// <param name="kind">The kind of the metric.</param>
    /// <param name="alpha">The level.</param>
    /// <param name="isProvisional">Whether the design makes the verdict provisional.</param>
    /// <param name="ownThresholdPercent">The caller's threshold, or null.</param>
    /// <param name="samenessLevel">The level of the interval that shows sameness.</param>
    public static VerdictLimits For(
        MetricKind kind, double alpha, bool isProvisional, double? ownThresholdPercent = null, double samenessLevel = LookPlan.FixedSamenessLevel)
    {
        var isWithinRun = kind is MetricKind.LatencyPercentile or MetricKind.Variation or MetricKind.OwnLatency;
        var threshold = ownThresholdPercent ?? (isWithinRun ? 10 : isProvisional ? 5 : 3);
        return new(alpha, threshold, Math.Max(threshold, Math.Min(5, threshold * 5 / 3)), samenessLevel);
    }

    /// <summary>For example <c>alpha 0.05, threshold 2 %, margin 5 %</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"alpha {Alpha:0.####}, threshold {ThresholdPercent:0.#} %, margin {MarginPercent:0.#} %");
}

/// <summary>The verdict rule.</summary>
public static class VerdictRule
{
    /// <summary>The verdict on one metric.</summary>
    /// <param name="test">The test.</param>
    /// <param name="scale">The scale that the test is on.</param>
    /// <param name="direction">Which direction is better.</param>
    /// <param name="limits">The limits.</param>
    /// <param name="pValue">The p-value corrected for several metrics; null for the test's own.</param>
    /// <returns>Any verdict but <see cref="Verdict.Mixed"/>, which needs several metrics.</returns>
    /// <remarks>
    /// Limits are on the scale of the test: with logarithms a factor up weighs as much as the same factor down. A shift away from a baseline of
    /// exactly 0 is larger than any threshold in per cent.
    /// </remarks>
    public static Verdict Judge(
        ShiftTest test, MetricScale scale, MetricDirection direction, VerdictLimits limits, double? pValue = null)
    {
        var shift = test.Shift;
        var size = Math.Abs(shift);
        if (shift != 0 && size >= scale.FromPercent(limits.ThresholdPercent) && (pValue ?? test.PValue) <= limits.Alpha)
        {
            return shift > 0 == (direction == MetricDirection.HigherIsBetter) ? Verdict.Improved : Verdict.Regressed;
        }

        return IsSame(test, scale.FromPercent(limits.MarginPercent), limits.SamenessLevel) ? Verdict.NoDifference : Verdict.Inconclusive;
    }

    // The interval contains every shift that is not rejected. So it is computed only if both ends of the margin are rejected.
    private static bool IsSame(ShiftTest test, double margin, double level) =>
        Math.Abs(test.Shift) <= margin
        && (margin == 0 || (test.Rejects(margin, level) && test.Rejects(-margin, level)))
        && test.Interval(level) is { } interval
        && interval.Low >= -margin
        && interval.High <= margin;
}
