// The compared designs: the order of the two sides, and the rule for the verdict. Each judges logarithms of consecutive runs; the design
// chooses the side of each run.
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Bench.Verdicts;

/// <summary>A design and its rule.</summary>
/// <param name="Name">Its name in the table.</param>
/// <param name="Runs">The largest number of consecutive runs.</param>
/// <param name="Judge">
/// Takes consecutive runs, the shift to plant in the candidate's (both as logarithms), the metric and a random source. Returns the verdict and
/// the number of runs used.
/// </param>
internal sealed record ExperimentDesign(
    string Name, int Runs, Func<ReadOnlyMemory<double>, double, RecordedSeries, Random, (Verdict Verdict, int Runs)> Judge)
{
    private static readonly MetricScale Logarithms = new(IsLogarithmic: true, Reference: 1);

    /// <summary>Compares two means; a difference counts from 3 %.</summary>
    public static ExperimentDesign Means(int aSide) => new($"A…A B…B, {aSide} a side: means, 3 %", 2 * aSide, (runs, shift, series, _) =>
    {
        var (baseline, candidate) = Split(runs.Span, shift, Letters('A', aSide) + Letters('B', aSide));
        var difference = candidate.Average(Math.Exp) / baseline.Average(Math.Exp) - 1;
        return (Math.Abs(difference) < 0.03 ? Verdict.NoDifference
            : difference > 0 == (series.Direction == MetricDirection.HigherIsBetter) ? Verdict.Improved : Verdict.Regressed, 2 * aSide);
    });

    /// <summary>A sequence or blocks by letters, judged by Mann–Whitney over all runs with p ≤ 0.05 and 3 %.</summary>
    public static ExperimentDesign Naive(string name, string order) => new($"{name}: Mann–Whitney, p ≤ 0.05, 3 %", order.Length,
        (runs, shift, series, _) =>
        {
            var (baseline, candidate) = Split(runs.Span, shift, order);
            return (Rule(ShiftTest.OfSequence(baseline, candidate), series, new(0.05, 3, 5)), order.Length);
        });

    /// <summary>A plain sequence by the provisional rule.</summary>
    public static ExperimentDesign Sequence(int aSide) => new($"A…A B…B, {aSide} a side: provisional rule", 2 * aSide,
        (runs, shift, series, _) =>
        {
            var (baseline, candidate) = Split(runs.Span, shift, Letters('A', aSide) + Letters('B', aSide));
            return (Rule(ShiftTest.OfSequence(baseline, candidate), series, Provisional(series)), 2 * aSide);
        });

    /// <summary>Blocks by letters, by the provisional rule.</summary>
    public static ExperimentDesign Blocks(string name, string order) => new($"{name}: provisional rule", order.Length,
        (runs, shift, series, _) =>
        {
            var test = ShiftTest.OfBlocks(BlocksOf(runs.Span, shift, order), VerdictLimits.ProvisionalAlpha);
            return (Rule(test, series, Provisional(series)), order.Length);
        });

    /// <summary>Blocks by letters, by the exchange of blocks alone, p ≤ 0.05 and 3 %.</summary>
    public static ExperimentDesign Exchange(string name, string order) => new($"{name}: exchange, p ≤ 0.05, 3 %", order.Length,
        (runs, shift, series, _) =>
        {
            var test = ShiftTest.OfBlocks(BlocksOf(runs.Span, shift, order), 0.05);
            return (Rule(test, series, new(0.05, 3, 5)), order.Length);
        });

    /// <summary>Pairs with a random order inside each pair, by planned looks or one fixed look.</summary>
    public static ExperimentDesign Pairs(string name, LookPlan plan) => new(name, 2 * plan.Looks[^1].Pairs, (runs, shift, series, chance) =>
    {
        var pairs = plan.Looks[^1].Pairs;
        var (baseline, candidate) = (new double[pairs], new double[pairs]);
        for (var i = 0; i < pairs; i++)
        {
            var first = chance.Next(2);
            baseline[i] = runs.Span[(2 * i) + first];
            candidate[i] = runs.Span[(2 * i) + 1 - first] + shift;
        }

        foreach (var look in plan.Looks)
        {
            var verdict = Rule(
                ShiftTest.OfPairs(baseline[..look.Pairs], candidate[..look.Pairs]),
                series,
                VerdictLimits.For(series.Kind, look.Alpha, isProvisional: false, samenessLevel: look.SamenessLevel));
            if (plan.ShouldStop(look.Pairs, verdict))
            {
                return (verdict, 2 * look.Pairs);
            }
        }

        throw new InvalidOperationException("A plan stops at its last look.");
    });

    private static VerdictLimits Provisional(RecordedSeries series)
        => VerdictLimits.For(series.Kind, VerdictLimits.ProvisionalAlpha, isProvisional: true);

    private static Verdict Rule(ShiftTest test, RecordedSeries series, VerdictLimits limits)
        => VerdictRule.Judge(test, Logarithms, series.Direction, limits);

    private static string Letters(char letter, int count) => new(letter, count);

    private static (double[] Baseline, double[] Candidate) Split(ReadOnlySpan<double> runs, double shift, string order)
    {
        var (baseline, candidate) = (new List<double>(), new List<double>());
        for (var i = 0; i < order.Length; i++)
        {
            if (order[i] == 'A')
            {
                baseline.Add(runs[i]);
            }
            else
            {
                candidate.Add(runs[i] + shift);
            }
        }

        return ([.. baseline], [.. candidate]);
    }

    private static List<RunBlock> BlocksOf(ReadOnlySpan<double> runs, double shift, string order)
    {
        var blocks = new List<RunBlock>();
        for (var start = 0; start < order.Length;)
        {
            var end = start;
            while (end < order.Length && order[end] == order[start])
            {
                end++;
            }

            var isCandidate = order[start] == 'B';
            blocks.Add(new(isCandidate, [.. runs[start..end].ToArray().Select(run => run + (isCandidate ? shift : 0))]));
            start = end;
        }

        return blocks;
    }
}
