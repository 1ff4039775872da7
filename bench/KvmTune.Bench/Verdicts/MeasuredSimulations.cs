// Simulations of whole measurements: pairs that are repeated because the host was busy, guards beside the deciding metric, and the first run
// after a switch.
using KvmTune.Experiments;
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Bench.Verdicts;

/// <summary>Pairs that are screened by a counter which the change itself may move, while the host's load slows the guest.</summary>
internal sealed class ScreeningSimulation(int experiments, int seed)
{
    private const string Busy = "HostBusyOutsideGuestCores";
    private const int Pairs = 12;

    /// <summary>The distance of the mean shift from the true shift 0, in per cent.</summary>
    public double Bias(double moved) =>
        Math.Abs(100 * Plays.Of(experiments, seed, chance => Play(chance, moved)).Average(sides => Estimators.HodgesLehmannShift(sides.Baseline, sides.Candidate)));

    /// <summary>How often a difference is claimed, in per cent.</summary>
    public double Claims(double moved) => Plays.Percent(experiments, seed, chance =>
    {
        var (baseline, candidate) = Play(chance, moved);
        return SwapTest.PValue(baseline, candidate) <= LookPlan.FixedAlpha && Math.Abs(Estimators.HodgesLehmannShift(baseline, candidate)) >= Math.Log(1.03);
    });

    // Like an experiment: a pair, a check of the counters, and a repetition of the pair if one of its runs was disturbed.
    private static (double[] Baseline, double[] Candidate) Play(Random chance, double moved)
    {
        var runs = new ExperimentRuns();
        var empty = DrawnMeasurement.Of(("Iops", []));
        runs.Learn(empty, false, empty.Conditions);
        runs.Learn(empty, true, empty.Conditions);
        var (pair, screened) = (0, 0);
        while (pair < Pairs)
        {
            var mark = runs.Count;
            var first = chance.Next(2) == 1;
            foreach (var isCandidate in new[] { first, !first })
            {
                // A neighbour works three quarters of the time, and takes up to half of the guest's speed.
                var neighbour = chance.Next(4) == 0 ? 0 : chance.NextDouble();
                runs.Add(
                    DrawnMeasurement.Run(runs.Count + 1) with
                    {
                        Values = new Dictionary<string, double>(StringComparer.Ordinal) { ["Iops"] = 1000 * Math.Exp((0.03 * Plays.Normal(chance)) - (0.7 * neighbour)) },
                        Counters = new Dictionary<string, double>(StringComparer.Ordinal) { [Busy] = 0.1 + neighbour + (isCandidate ? moved : 0) },
                    },
                    isCandidate);
            }

            runs.StopWhereCounterMoved();
            if (runs.WhyDisturbed(mark) is not null && screened < ScreeningRule.MostRepeats(Pairs))
            {
                runs.Screen(mark);
                screened++;
                continue;
            }

            pair++;
        }

        double[] Side(bool isCandidate) => [.. runs.ToPerformance(isCandidate)!.ValuesOf("Iops").Select(value => Math.Log(value))];
        return (Side(false), Side(true));
    }
}

/// <summary>Ten pairs of a rate and three related latencies, one of which may get worse.</summary>
internal sealed class GuardSimulation(int experiments, int seed)
{
    private const int Pairs = 10;

    /// <summary>How often the verdict is mixed, in per cent.</summary>
    /// <param name="factor">The factor that multiplies one guard.</param>
    public double Mixed(double factor) => Plays.Percent(experiments, seed, chance =>
    {
        var (baseline, candidate) = (Side(chance, 1), Side(chance, factor));
        var options = new ComparisonOptions { Design = ComparisonDesign.Pairs, Plan = LookPlan.Fixed(Pairs), Forecasts = false };
        return VMComparer.Compare(baseline, candidate, options).Verdict == Verdict.Mixed;
    });

    // Latencies within a run vary by 20 %, half of it together with the rate.
    private static VMPerformance Side(Random chance, double factor)
    {
        var common = Plays.Normals(chance, Pairs, 0.05);
        double[] Latency(double times) => [.. common.Select(value => 5e6 * times * Math.Exp((-2 * value) + (0.17 * Plays.Normal(chance))))];
        return DrawnMeasurement.Of(
            ("Iops", [.. common.Select(value => 1000 * Math.Exp(value))]), ("LatencyP50", Latency(1)), ("LatencyP99", Latency(factor)), ("LatencyP999", Latency(2)));
    }
}

/// <summary>Pairs of live runs with a slow first run after each switch: it is the warm-up and does not count.</summary>
internal sealed class CarryOverSimulation(int experiments, int seed)
{
    private const int Pairs = 12;
    private static readonly double Slow = Math.Log(0.8);

    /// <summary>How often a difference is claimed, in per cent.</summary>
    public double Claims() => Plays.Percent(experiments, seed, chance =>
    {
        var (baseline, candidate) = Play(chance);
        return SwapTest.PValue(baseline, candidate) <= LookPlan.FixedAlpha && Math.Abs(Estimators.HodgesLehmannShift(baseline, candidate)) >= Math.Log(1.03);
    });

    /// <summary>The distance of the mean shift from the true shift 0, in per cent.</summary>
    public double Bias() => Math.Abs(100 * Plays.Of(experiments, seed, Play).Average(sides => Estimators.HodgesLehmannShift(sides.Baseline, sides.Candidate)));

    // The real order of an experiment's units, with a warm-up run after each change of side.
    private static (double[] Baseline, double[] Candidate) Play(Random chance)
    {
        var schedule = ExperimentSchedule.Create(
            new ExperimentOptions { Design = KvmTune.Experiments.ExperimentDesign.Pairs, Runs = Pairs }, needsRestart: false, chance.Next(), (_, _) => TimeSpan.Zero);
        var values = new Dictionary<bool, List<double>> { [false] = [], [true] = [] };
        bool? side = null;
        var sinceSwitch = 0;
        double Run() => (0.03 * Plays.Normal(chance)) + (sinceSwitch++ == 0 ? Slow : 0);
        foreach (var unit in Enumerable.Range(0, Pairs).SelectMany(pair => schedule.Stage(pair).Units))
        {
            if (side != unit.IsCandidate)
            {
                (side, sinceSwitch) = (unit.IsCandidate, 0);
                Run();
            }

            values[unit.IsCandidate].Add(Run());
        }

        return ([.. values[false]], [.. values[true]]);
    }
}
