// What an experiment can show, before its first run: how small a change it can find after how many pairs and how much time, and which of
// the user's questions it cannot answer.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Experiments;

/// <summary>Describes what an experiment can show.</summary>
internal sealed class ExperimentReach(
    ExperimentSchedule schedule,
    WorkloadRequest workload,
    IReadOnlyList<MetricDefinition> metrics,
    ExperimentOptions options,
    Func<int, TimeSpan> timeOf)
{
    // The noise of a steady workload on a host with other work (docs/measuring.md), as a standard deviation of the logarithm.
    private const double TypicalRate = 0.05;
    private const double TypicalLatency = 0.15;
    private const double TypicalVariation = 0.3;
    private const int TypicalRuns = 40;

    // The spread of fewer seconds says very little.
    private const double FewestSecondsForVariation = 10;

    private readonly MetricDefinition _deciding = VMComparer.DecidingMetric(metrics, workload.Name, options.Metric);

    /// <summary>How small a change the experiment can show, as words that follow "it".</summary>
    /// <param name="last">The last measurement of this workload on this VM, for its noise; null for a typical noise.</param>
    public string Describe(VMPerformance? last)
    {
        if (schedule.IsDirectionOnly)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"shows a direction, not a verdict; {LookPlan.Planned.Looks[0].Pairs} pairs of {schedule.Unit.ToString().ToLowerInvariant()}s can show a change (-Design Pairs)");
        }

        var values = last is null ? [] : last.ValuesOf(_deciding.Name).Where(value => double.IsFinite(value) && value > 0).ToList();
        var isKnown = values.Count >= VMCalibrator.FewestRuns;
        var chance = new Random(1);
        double[] noise = isKnown ? [.. values.Select(value => Math.Log(value))] : [.. Enumerable.Range(0, TypicalRuns).Select(_ => Typical(_deciding.Kind) * Normal(chance))];
        var isPairs = schedule.Design == ExperimentDesign.Pairs;
        // For pairs, neighbouring runs are the two sides of a pair, as in the experiment; for a sequence, the halves are the two sides.
        var one = noise.Where((_, i) => isPairs ? i % 2 == 0 : i < noise.Length / 2).Take(noise.Length / 2).ToList();
        var other = noise.Where((_, i) => isPairs ? i % 2 == 1 : i >= noise.Length / 2).Take(noise.Length / 2).ToList();
        var looks = isPairs ? schedule.Looks.Looks : [new Look(schedule.MostValues, VerdictLimits.ProvisionalAlpha, LookPlan.FixedSamenessLevel)];
        var found = looks.Select(look => Shown(look, isPairs, one, other)).OfType<string>().ToList();
        var from = isKnown
            ? string.Create(CultureInfo.InvariantCulture, $"at the noise of its {values.Count} runs of {last!.StartedAt:yyyy-MM-dd HH:mm}")
            : "at a typical noise (Measure-VMPerformance -Calibrate measures that of this VM)";
        return found.Count == 0
            ? $"shows no change of {_deciding.Name} of a useful size, {from}"
            : $"shows a change of {_deciding.Name} of {string.Join(", or ", found)}, {from}" + (schedule.Unit == ComparisonUnit.Run ? null : $", where {schedule.Unit.ToString().ToLowerInvariant()}s differ no more than runs do");
    }

    /// <summary>The questions that the experiment cannot answer, each as a sentence.</summary>
    public IEnumerable<string> Warnings()
    {
        var pairs = schedule.Design == ExperimentDesign.Pairs;
        if (schedule.IsDirectionOnly)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{schedule.Describe()}: only {schedule.Unit.ToString().ToLowerInvariant()}s count, since the runs of one are not independent. Pairs can show a change: leave out -Design, and raise a -TimeLimit.");
            yield break;
        }

        var guards = metrics.Count(metric => VMComparer.RoleOf(metric, _deciding, metrics) == MetricRole.Guard);
        var design = schedule.ComparisonDesign;
        var first = pairs ? schedule.Looks.Looks[0].Pairs : schedule.MostValues;
        var smallest = pairs ? SwapTest.SmallestPValue(first) : RankSumTest.SmallestPValue(first, first);
        var alpha = pairs ? LookPlan.FixedAlpha : VerdictLimits.ProvisionalAlpha;
        if (smallest * guards > alpha)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{first} {(pairs ? "pairs" : "runs a side")} can judge {_deciding.Name}, but not the {guards} other metrics of {workload.Name}: corrected for {guards}, their smallest possible p is {smallest * guards:0.###}, and a verdict needs {alpha}. Use at least {Detectability.FewestToReach(design, alpha / guards)} (-Runs).");
        }

        if (_deciding.Kind == MetricKind.Variation && workload.RunTime.TotalSeconds < FewestSecondsForVariation)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{_deciding.Name} of a run of {workload.RunTime.TotalSeconds:0.#} s is the spread of {(int)workload.RunTime.TotalSeconds} seconds, which says very little. Let a latency decide (-DecidingMetric), or make runs of at least {FewestSecondsForVariation} s (-RunTime).");
        }

        if (pairs && options.TimeLimit is { } limit && timeOf(first) > limit)
        {
            yield return $"The time limit of {ExperimentPace.Words(limit)} is likely to end it before {first.ToString(CultureInfo.InvariantCulture)} pairs, which take about {ExperimentPace.Words(timeOf(first))}: fewer cannot show anything.";
        }
    }

    private string? Shown(Look look, bool isPairs, List<double> one, List<double> other)
    {
        var limits = VerdictLimits.For(_deciding.Kind, look.Alpha, !isPairs, options.ThresholdPercent);
        var scale = new MetricScale(true, 1);
        var shift = Detectability.Shift(schedule.ComparisonDesign, one, other, look.Pairs, look.Alpha, scale.FromPercent(limits.ThresholdPercent));
        return shift is null ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"{scale.ToPercent(shift):0} % after {look.Pairs} {(isPairs ? "pairs" : "runs a side")} ({ExperimentPace.Words(timeOf(isPairs ? look.Pairs : schedule.MostStages))})");
    }

    private static double Typical(MetricKind kind) => kind switch
    {
        MetricKind.Variation => TypicalVariation,
        MetricKind.LatencyPercentile => TypicalLatency,
        _ => TypicalRate,
    };

    // Box and Muller, "A note on the generation of random normal deviates", Ann. Math. Stat. 29 (1958) 610–611.
    private static double Normal(Random chance) => Math.Sqrt(-2 * Math.Log(1 - chance.NextDouble())) * Math.Cos(2 * Math.PI * chance.NextDouble());
}
