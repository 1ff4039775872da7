// Takes the measurement of an unchanged VM for an experiment with two equal sides, and says what such experiments can show there.
using System.Globalization;
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>Calibrates: how small a change a VM on its host can show with a workload.</summary>
public static class VMCalibrator
{
    /// <summary>The fewest runs: 6 pairs, below which no comparison in pairs can claim anything.</summary>
    public const int FewestRuns = 2 * LookPlan.FewestPairs;

    /// <summary>As many runs as the first planned look takes.</summary>
    public static int DefaultRuns => 2 * LookPlan.Planned.Looks[0].Pairs;

    /// <summary>Calibrates with the runs of one measurement.</summary>
    /// <exception cref="ComparisonException">It has fewer than <see cref="FewestRuns"/> usable runs.</exception>
    public static VMCalibration Calibrate(VMPerformance performance)
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

        VMPerformance Side(IEnumerable<MeasuredRun> side) => performance with { Runs = [.. side], Baseline = null, Change = null };
        var (odd, even) = (Side(runs.Where((_, i) => i % 2 == 0)), Side(runs.Where((_, i) => i % 2 == 1)));
        var (first, second) = (Side(runs.Take(runs.Count / 2)), Side(runs.Skip(runs.Count / 2)));
        var pairCheck = VMComparer.Compare(odd, even, new() { Design = ComparisonDesign.Pairs, Plan = LookPlan.Fixed(runs.Count / 2) });
        var sequenceCheck = VMComparer.Compare(first, second);

        var metric = performance.PrimaryMetric;
        double[] Values(VMPerformance side) => [.. side.ValuesOf(metric.Name)];
        var scale = MetricScale.For(Values(odd), Values(even));
        double[] OnScale(VMPerformance side) => Array.ConvertAll(Values(side), scale.ToScale);
        var pairNoise = NoiseLevel.Of(ComparisonDesign.Pairs, OnScale(odd), OnScale(even));
        var runNoise = NoiseLevel.Of(ComparisonDesign.Sequential, OnScale(first), OnScale(second));
        var reach = LookPlan.Planned.Looks.Select(look => Reach(pairNoise, look.Pairs, look.Alpha, metric, scale, performance, runs))
            .Concat(LookPlan.Planned.Looks.Select(look => Reach(runNoise, look.Pairs, VerdictLimits.ProvisionalAlpha, metric, scale, performance, runs)))
            .ToList();
        return new()
        {
            VMName = performance.VMName,
            VMId = performance.VMId,
            ConnectionUri = performance.ConnectionUri,
            Performance = performance,
            NoisePercent = scale.ToPercent(runNoise.Deviation) ?? 0,
            PairNoisePercent = scale.ToPercent(pairNoise.Deviation) ?? 0,
            Reach = reach,
            PairCheck = pairCheck,
            SequenceCheck = sequenceCheck,
            Sentence = Sentence(performance, reach, pairCheck, sequenceCheck),
        };
    }

    private static CalibratedReach Reach(
        NoiseLevel noise, int count, double alpha, MetricDefinition metric, MetricScale scale, VMPerformance performance, List<MeasuredRun> runs)
    {
        var limits = VerdictLimits.For(metric.Kind, alpha, isProvisional: noise.Design != ComparisonDesign.Pairs);
        var shift = (noise with { Count = count }).DetectableShift(alpha);
        return new(
            noise.Design,
            count,
            shift is null ? null : scale.ToPercent(Math.Max(shift.Value, scale.FromPercent(limits.ThresholdPercent))),
            Time(performance, runs, 2 * count));
    }

    // What the measurement took besides the runs that count is paid once again.
    private static TimeSpan Time(VMPerformance performance, List<MeasuredRun> runs, int count)
    {
        var one = TimeSpan.FromTicks((long)runs.Average(run => run.Duration.Ticks));
        var rest = performance.Elapsed - (one * performance.CountedRuns.Count);
        return (rest > TimeSpan.Zero ? rest : TimeSpan.Zero) + (one * count);
    }

    private static string Sentence(VMPerformance performance, List<CalibratedReach> reach, VMComparison pairs, VMComparison sequence)
    {
        var shown = reach.Where(one => one is { Design: ComparisonDesign.Pairs, DetectablePercent: not null }).Select(one => string.Create(
            CultureInfo.InvariantCulture, $"{one.DetectablePercent:0.#} % in {one.Count} pairs ({one.Time.TotalSeconds:0} s)")).ToList();
        var text = $"{performance.Workload.Name} on '{performance.VMName}' can show a change of "
            + (shown.Count > 1 ? $"{string.Join(", ", shown[..^1])} or {shown[^1]}." : $"{string.Join(", ", shown)}.");
        return (VMCalibration.IsClaim(pairs.Verdict), VMCalibration.IsClaim(sequence.Verdict)) switch
        {
            (true, _) => text + " Even pairs of the same VM looked different: measure again when the host is quieter.",
            (_, true) => text + " The host drifted: the second half of the same runs looked different from the first, so one side after the other would mislead here.",
            _ => text + " Measured against itself it raised no false alarm.",
        };
    }
}
