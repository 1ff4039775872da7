// Treats the measurement of an unchanged VM as an experiment with two equal sides, and says what such experiments can show there.
using System.Globalization;
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>Calibrates: how small a change a VM on its host can show with a workload.</summary>
public static class VMCalibrator
{
    /// <summary>The fewest runs: 6 pairs, below which no comparison in pairs can claim anything.</summary>
    public const int FewestRuns = 2 * LookPlan.FewestPairs;

    /// <summary>As many runs as the first planned look needs.</summary>
    public static int DefaultRuns => 2 * LookPlan.Planned.Looks[0].Pairs;

    /// <summary>Calibrates from the runs of one measurement.</summary>
    /// <param name="performance">The measurement.</param>
    /// <param name="seed">The seed of the coin that assigns the two runs of each pair to the sides; null for a random seed.</param>
    /// <exception cref="ComparisonException">It has fewer than <see cref="FewestRuns"/> usable runs.</exception>
    public static VMCalibration Calibrate(VMPerformance performance, int? seed = null) => Calibrate(performance, seed, forecasts: true);

    /// <summary>Calibrates; without forecasts, which take the longest, only the checks are made.</summary>
    internal static VMCalibration Calibrate(VMPerformance performance, int? seed, bool forecasts)
    {
        ArgumentNullException.ThrowIfNull(performance);
        var runs = performance.CountedRuns.Where(run => double.IsFinite(run.Values[performance.PrimaryMetric.Name])).ToList();
        runs = runs.GetRange(0, runs.Count / 2 * 2);
        if (runs.Count < FewestRuns)
        {
            throw new ComparisonException(
                ComparisonRefusal.InvalidComparison,
                string.Create(CultureInfo.InvariantCulture, $"A calibration needs at least {FewestRuns} good runs, and '{performance.VMName}' has {runs.Count}."));
        }

        // The same coin as in an experiment in pairs. With a fixed order a steady drift would look like an effect.
        var coin = seed ?? Random.Shared.Next();
        var chance = new Random(coin);
        var isSwapped = Enumerable.Range(0, runs.Count / 2).Select(_ => chance.Next(2) == 1).ToList();
        VMPerformance Side(IEnumerable<MeasuredRun> side) => performance with { Id = null, Runs = [.. side], Baseline = null, Change = null };
        var one = Side(isSwapped.Select((swapped, pair) => runs[(2 * pair) + (swapped ? 1 : 0)]));
        var other = Side(isSwapped.Select((swapped, pair) => runs[(2 * pair) + (swapped ? 0 : 1)]));
        var (first, second) = (Side(runs.Take(runs.Count / 2)), Side(runs.Skip(runs.Count / 2)));
        var pairCheck = VMComparer.Compare(one, other, new() { Design = ComparisonDesign.Pairs, Plan = LookPlan.Fixed(runs.Count / 2), Forecasts = false });
        var sequenceCheck = VMComparer.Compare(first, second, new() { Forecasts = false });

        var metric = performance.PrimaryMetric;
        double[] Values(VMPerformance side) => [.. side.ValuesOf(metric.Name)];
        var scale = MetricScale.For(Values(one), Values(other));
        double[] OnScale(VMPerformance side) => Array.ConvertAll(Values(side), scale.ToScale);
        CalibratedReach Reach(ComparisonDesign design, int count, double alpha, VMPerformance before, VMPerformance after)
        {
            var threshold = scale.FromPercent(VerdictLimits.For(metric.Kind, alpha, design != ComparisonDesign.Pairs).ThresholdPercent);
            return new(
                design,
                count,
                scale.ToPercent(Detectability.Shift(design, OnScale(before), OnScale(after), count, alpha, threshold, scale.FromPercent(Detectability.LargestPercent))),
                Time(performance, runs, 2 * count).TotalSeconds);
        }

        List<CalibratedReach> reach = !forecasts ? [] :
        [
            .. LookPlan.Planned.Looks.Select(look => Reach(ComparisonDesign.Pairs, look.Pairs, look.Alpha, one, other)),
            .. LookPlan.Planned.Looks.Select(look => Reach(ComparisonDesign.Sequential, look.Pairs, VerdictLimits.ProvisionalAlpha, first, second)),
        ];
        return new()
        {
            VMName = performance.VMName,
            VMId = performance.VMId,
            ConnectionUri = performance.ConnectionUri,
            Performance = performance,
            Seed = coin,
            NoisePercent = scale.ToPercent(Deviation(OnScale(first), OnScale(second))) ?? 0,
            PairNoisePercent = scale.ToPercent(Spread([.. OnScale(one).Zip(OnScale(other), (b, c) => c - b)])) ?? 0,
            Reach = reach,
            PairCheck = pairCheck,
            SequenceCheck = sequenceCheck,
            Sentence = Sentence(performance, reach, pairCheck, sequenceCheck),
        };
    }

    // Pooled over both halves, so that a drift between them does not count as noise.
    private static double Deviation(double[] first, double[] second) => Math.Sqrt((Math.Pow(Spread(first), 2) + Math.Pow(Spread(second), 2)) / 2);

    // By Shamos, or by the standard deviation if most values are tied.
    private static double Spread(IReadOnlyList<double> values) =>
        Estimators.ShamosSpread(values) is > 0 and var spread ? spread : Estimators.StandardDeviation(values);

    // Time besides the counted runs, for example for the preparation, is needed once again.
    private static TimeSpan Time(VMPerformance performance, List<MeasuredRun> runs, int count)
    {
        var one = TimeSpan.FromTicks((long)runs.Average(run => run.Duration.Ticks));
        var rest = performance.Elapsed - (one * performance.CountedRuns.Count);
        return (rest > TimeSpan.Zero ? rest : TimeSpan.Zero) + (one * count);
    }

    private static string Sentence(VMPerformance performance, List<CalibratedReach> reach, VMComparison pairs, VMComparison sequence)
    {
        var shown = reach.Where(one => one is { Design: ComparisonDesign.Pairs, DetectablePercent: not null }).Select(one => string.Create(
            CultureInfo.InvariantCulture, $"{one.DetectablePercent:0.#} % in {one.Count} pairs ({one.TimeSeconds:0} s)")).ToList();
        var text = $"{performance.Workload.Name} on '{performance.VMName}' "
            + (shown.Count == 0
                ? "is too noisy to show a change of a useful size."
                : $"can show a change of {(shown.Count > 1 ? $"{string.Join(", ", shown[..^1])} or {shown[^1]}" : shown[0])}.");
        return (VMCalibration.IsClaim(pairs.Verdict), VMCalibration.IsClaim(sequence.Verdict)) switch
        {
            (true, _) => text + " Pairs of the same VM looked different, which chance alone does in 1 of 20 cases: measure again.",
            (_, true) => text + " The host drifted: the second half of the same runs looked different from the first, so measuring one side after the other would mislead here.",
            _ => text + " Measured against itself it raised no false alarm.",
        };
    }
}
