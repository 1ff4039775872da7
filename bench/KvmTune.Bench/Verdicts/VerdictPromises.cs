// The promises of verdicts, each simulated often enough to check it: false claims, coverage, sameness, boots, screening by a counter that
// moves, guards, carry-over of switches, calibrations and forecasts.
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Bench.Verdicts;

/// <summary>Simulates the promises.</summary>
/// <param name="rates">Recorded rates.</param>
/// <param name="latencies">Recorded latencies within a run.</param>
/// <param name="boots">Recorded boots.</param>
/// <param name="experiments">The number of random experiments; of recorded ones a tenth for each series.</param>
internal sealed class VerdictPromises(
    IReadOnlyList<RecordedSeries> rates, IReadOnlyList<RecordedSeries> latencies, IReadOnlyList<RecordedBoots> boots, int experiments)
{
    private const int Seed = 20240607;
    private static readonly double Margin = Math.Log(1.05);
    private static readonly MetricScale Logarithms = new(IsLogarithmic: true, Reference: 1);

    private int OnRecorded => Math.Max(20, experiments / 10);

    private int OnGuards => OnRecorded / 4;

    private int OnCoverage => Math.Max(30, experiments / 50);

    /// <summary>All promises, each simulated on demand.</summary>
    public IEnumerable<BenchFigure> All() => Drawn().Concat(Recorded()).Concat(Boots()).Concat(Coverage()).Concat(Measured());

    private IEnumerable<BenchFigure> Drawn()
    {
        yield return BenchFigure.AtMost(
            "nothing changed, drawn: a difference is claimed", Plays.Percent(experiments, Seed, chance => IsClaim(Looks(chance, 0.1, 0, threshold: 0.001))), 5, "%",
            FormattableString.Invariant($"{experiments} experiments, planned looks, no threshold"), experiments);
        yield return BenchFigure.AtMost(
            "nothing changed, drawn: a difference is claimed, with the threshold of 3 %", Plays.Percent(experiments, Seed, chance => IsClaim(Looks(chance, 0.1, 0))), 5, "%", plays: experiments);
        // The noise determines which look decides. A shift of exactly the margin is also a difference: a claim of it is not a claim of sameness.
        var noises = new[] { 0.01, 0.02, 0.03, 0.05, 0.08 };
        var same = noises.Select(noise => Plays.Percent(experiments, Seed, chance => Looks(chance, noise, Margin, threshold: 50) == Verdict.NoDifference)).ToList();
        yield return BenchFigure.AtMost(
            "changed by the margin itself, drawn: called the same", same.Max(), 5, "%",
            FormattableString.Invariant($"{experiments} experiments at each noise of {string.Join(", ", noises.Zip(same, (noise, share) => FormattableString.Invariant($"{100 * noise} %: {share:0.0} %")))}"), experiments);
    }

    // Two equal normal sides and a shift, in pairs with the planned looks.
    private static Verdict Looks(Random chance, double noise, double shift, double? threshold = null)
    {
        var (baseline, candidate) = (Plays.Normals(chance, 20, noise), Plays.Normals(chance, 20, noise, shift));
        foreach (var look in LookPlan.Planned.Looks)
        {
            var limits = VerdictLimits.For(MetricKind.Rate, look.Alpha, false, null, look.SamenessLevel);
            limits = threshold is { } own ? limits with { ThresholdPercent = own } : limits;
            var verdict = VerdictRule.Judge(
                ShiftTest.OfPairs(baseline[..look.Pairs], candidate[..look.Pairs]), Logarithms, MetricDirection.HigherIsBetter, limits);
            if (LookPlan.Planned.ShouldStop(look.Pairs, verdict))
            {
                return verdict;
            }
        }

        throw new InvalidOperationException("A plan stops at its last look.");
    }

    private IEnumerable<BenchFigure> Recorded()
    {
        var planned = ExperimentDesign.Pairs("pairs", LookPlan.Planned);
        foreach (var (name, series) in new[] { ("rates", rates), ("p99", latencies) })
        {
            var results = VerdictSimulation.Play(planned, series, 1, OnRecorded, Seed);
            var worst = results.MaxBy(result => result.Claimed)!;
            yield return BenchFigure.AtMost($"nothing changed, recorded {name}: a difference is claimed, all series", 100 * results.Average(result => result.Claimed), 5, "%", plays: OnRecorded * series.Count);
            yield return BenchFigure.AtMost($"nothing changed, recorded {name}: a difference is claimed, worst series", 100 * worst.Claimed, 6, "%", worst.Series, OnRecorded);
        }

        var cpu = rates.Where(one => one.Name.StartsWith("cpu", StringComparison.Ordinal));
        var found = VerdictSimulation.Play(ExperimentDesign.Pairs("10 pairs", LookPlan.Fixed(10)), cpu, 1.1, OnRecorded, Seed);
        yield return BenchFigure.AtLeast("10 % faster, recorded CPU work: found within 10 pairs", 100 * found.Min(result => result.Found), 90, "%", "the worse of two series", OnRecorded);
        var disk = rates.Where(one => string.Equals(one.Name, "random-read", StringComparison.Ordinal));
        found = VerdictSimulation.Play(ExperimentDesign.Pairs("20 pairs", LookPlan.Fixed(20)), disk, 1.1, OnRecorded, Seed);
        yield return BenchFigure.AtLeast("10 % faster, recorded reads of the quieter disk: found within 20 pairs", 100 * found.Min(result => result.Found), 85, "%", plays: OnRecorded);
        var first = latencies.Where(one => !one.Name.StartsWith("lab-", StringComparison.Ordinal));
        found = VerdictSimulation.Play(ExperimentDesign.Pairs("10 pairs", LookPlan.Fixed(10)), first, 2, OnRecorded, Seed);
        yield return BenchFigure.AtLeast("a doubled p99 within a run, recorded: found within 10 pairs", 100 * found.Average(result => result.Found), 90, "%", plays: OnRecorded * found.Count);
    }

    private IEnumerable<BenchFigure> Boots()
    {
        // The case from the review: boots that differ by 5 %, and runs by 3 %.
        RecordedBoots Draw(Random chance, int count) => RecordedBoots.Drawn(chance, count, 0.05, 0.03);
        var byRuns = Plays.Percent(OnRecorded, Seed, chance => IsClaim(Draw(chance, 4).FourBoots(chance, ComparisonUnit.Run)));
        yield return BenchFigure.AtMost(
            "nothing changed, four drawn boots: a claim", Plays.Percent(OnRecorded, Seed, chance => Draw(chance, 4).FourBoots(chance, ComparisonUnit.Boot) != Verdict.Inconclusive), 0, "%",
            FormattableString.Invariant($"{byRuns:0.0} % where runs are taken as independent"));
        yield return BenchFigure.AtMost(
            "nothing changed, pairs of drawn boots or resumes: a difference is claimed",
            Plays.Percent(experiments, Seed, chance => IsClaim(Draw(chance, 40).PairsOfBoots(chance, LookPlan.Planned))), 5, "%", plays: experiments);
        foreach (var series in boots)
        {
            var (between, within) = series.Spread();
            var runs = Plays.Percent(OnRecorded, Seed, chance => IsClaim(series.FourBoots(chance, ComparisonUnit.Run)));
            var spread = FormattableString.Invariant($"{series.Boots.Count} boots that differ by {between:0.0} %, their runs by {within:0.0} %");
            yield return BenchFigure.AtMost(
                $"nothing changed, {series.Name}, four boots: a claim", Plays.Percent(OnRecorded, Seed, chance => series.FourBoots(chance, ComparisonUnit.Boot) != Verdict.Inconclusive), 0, "%",
                FormattableString.Invariant($"{runs:0.0} % where runs are taken as independent; {spread}"));
            if (PlanFor(series.Boots.Count) is { } plan)
            {
                var pairs = FormattableString.Invariant($"looks after {string.Join(", ", plan.Looks.Select(look => look.Pairs))} pairs; {spread}");
                yield return BenchFigure.AtMost(
                    $"nothing changed, {series.Name}, pairs of boots: a difference is claimed",
                    Plays.Percent(OnRecorded, Seed, chance => IsClaim(series.PairsOfBoots(chance, plan))), 6, "%", pairs, OnRecorded);
                yield return new(
                    $"twice as fast, {series.Name}, pairs of boots: found",
                    Plays.Percent(OnRecorded, Seed, chance => series.PairsOfBoots(chance, plan, Math.Log(2)) == Verdict.Improved), "%", pairs);
            }
        }
    }

    // The planned looks, or only the first one if the series is shorter.
    private static LookPlan? PlanFor(int boots) => boots >= 2 * LookPlan.Planned.Looks[^1].Pairs ? LookPlan.Planned
        : boots >= 2 * LookPlan.Planned.Looks[0].Pairs ? LookPlan.Fixed(LookPlan.Planned.Looks[0].Pairs)
        : null;

    private IEnumerable<BenchFigure> Coverage()
    {
        foreach (var (name, series) in new[] { ("rates", rates), ("p99", latencies) })
        {
            var covered = series.Select(one => (one.Name, Share: Covered(one))).ToList();
            var worst = covered.MinBy(one => one.Share);
            yield return BenchFigure.AtLeast($"the 95 % interval holds the true shift, recorded {name}", covered.Average(one => one.Share), 94, "%", plays: OnCoverage * covered.Count);
            yield return BenchFigure.AtLeast($"the 95 % interval holds the true shift, recorded {name}, worst series", worst.Share, 92, "%", worst.Name, OnCoverage);
        }
    }

    private double Covered(RecordedSeries series)
    {
        var logarithms = Array.ConvertAll(series.Values, Math.Log);
        return Plays.Percent(OnCoverage, Seed, chance =>
        {
            var pairs = LookPlan.Planned.Looks[chance.Next(3)].Pairs;
            var shift = chance.Next(2) == 0 ? 0 : Math.Log(1.1);
            var (baseline, candidate) = Deal(logarithms, pairs, shift, chance);
            return SwapTest.Interval(baseline, candidate, 0.95) is { } interval && interval.Low <= shift + 1e-9 && interval.High >= shift - 1e-9;
        });
    }

    private IEnumerable<BenchFigure> Measured()
    {
        var screening = new ScreeningSimulation(OnRecorded, Seed);
        // In cores: less than a disturbance, about as much, and more.
        double[] moves = [-0.2, 0.1, 0.2, 0.3, 0.5];
        yield return BenchFigure.AtMost(
            "the change moves the counter that screens: the shift is off by", moves.Max(moved => screening.Bias(moved)), 1, "%",
            string.Join(", ", moves.Select(moved => FormattableString.Invariant($"moved by {moved} cores: {screening.Bias(moved):0.0} %"))));
        yield return BenchFigure.AtMost(
            "the change moves the counter that screens: a difference is claimed", moves.Max(screening.Claims), 5, "%", plays: OnRecorded);
        yield return BenchFigure.AtMost("the counter that screens does not move: a difference is claimed", screening.Claims(moved: 0), 5, "%", plays: OnRecorded);

        var guards = new GuardSimulation(OnGuards, Seed);
        yield return BenchFigure.AtMost("nothing changed, three guards: the verdict is mixed", guards.Mixed(factor: 1), 5, "%", plays: OnGuards);
        yield return BenchFigure.AtLeast("one of three guards doubled: mixed within 10 pairs", guards.Mixed(factor: 2), 90, "%", plays: OnGuards);

        var carryOver = new CarryOverSimulation(OnRecorded, Seed);
        yield return BenchFigure.AtMost("each first run after a switch is 20 % slow: a difference is claimed", carryOver.Claims(), 5, "%", plays: OnRecorded);
        yield return BenchFigure.AtMost("each first run after a switch is 20 % slow: the shift is off by", carryOver.Bias(), 1, "%");

        yield return BenchFigure.AtMost("a calibration on a trend of 5 % a run: false alarms in pairs", Calibrations(trend: 0.05), 5, "%", plays: OnRecorded);
        yield return BenchFigure.AtMost("a calibration on a quiet VM: false alarms in pairs", Calibrations(trend: 0), 5, "%", plays: OnRecorded);

        var forecasts = rates.Concat(latencies).Select(series => (series.Name, series.Kind, Found: Forecasts(series))).ToList();
        yield return BenchFigure.AtLeast(
            "a shift that is named as detectable 4 times in 5: found", forecasts.Average(one => one.Found), 77, "%",
            string.Join(", ", forecasts.Select(one => FormattableString.Invariant($"{one.Name} {(one.Kind == MetricKind.Rate ? "rate" : "p99")} {one.Found:0} %"))));
        yield return BenchFigure.AtMost("a shift that is named as detectable 4 times in 5: found, not too timid", forecasts.Average(one => one.Found), 90, "%");
    }

    private double Calibrations(double trend) => Plays.Percent(OnRecorded, Seed, chance =>
    {
        var noise = Plays.Normals(chance, 16, 0.03);
        var values = noise.Select((value, i) => 1000 * Math.Exp(value + (i * Math.Log(1 + trend)))).ToArray();
        return IsClaim(VMCalibrator.Calibrate(DrawnMeasurement.Of(("Iops", values)), chance.Next(), forecasts: false).PairCheck.Verdict);
    });

    // The detectable shift that some experiments forecast, planted in other, independent experiments.
    private double Forecasts(RecordedSeries series)
    {
        const int others = 20;
        var logarithms = Array.ConvertAll(series.Values, Math.Log);
        return Plays.Of(Math.Max(8, experiments / 400), Seed, chance =>
        {
            var look = LookPlan.Planned.Looks[chance.Next(3)];
            var threshold = Logarithms.FromPercent(VerdictLimits.For(series.Kind, look.Alpha, false).ThresholdPercent);
            var (baseline, candidate) = Deal(logarithms, look.Pairs, 0, chance);
            if (Detectability.Shift(ComparisonDesign.Pairs, baseline, candidate, look.Pairs, look.Alpha, threshold) is not { } shift)
            {
                return (Found: 0, Played: 0);
            }

            return (Found: Enumerable.Range(0, others).Count(_ =>
            {
                var (b, c) = Deal(logarithms, look.Pairs, shift, chance);
                return SwapTest.PValue(b, c) <= look.Alpha && Estimators.HodgesLehmannShift(b, c) >= threshold;
            }), Played: others);
        }).Aggregate((Found: 0, Played: 0), (sum, one) => (sum.Found + one.Found, sum.Played + one.Played), sum => 100.0 * sum.Found / Math.Max(1, sum.Played));
    }

    // Consecutive runs in pairs, in a random order.
    private static (double[] Baseline, double[] Candidate) Deal(double[] logarithms, int pairs, double shift, Random chance)
    {
        var start = chance.Next(logarithms.Length - (2 * pairs) + 1);
        var (baseline, candidate) = (new double[pairs], new double[pairs]);
        for (var i = 0; i < pairs; i++)
        {
            var first = chance.Next(2);
            baseline[i] = logarithms[start + (2 * i) + first];
            candidate[i] = logarithms[start + (2 * i) + 1 - first] + shift;
        }

        return (baseline, candidate);
    }

    private static bool IsClaim(Verdict verdict) => verdict is Verdict.Improved or Verdict.Regressed or Verdict.Mixed;
}
