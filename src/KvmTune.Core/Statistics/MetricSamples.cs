// Takes the values of one metric from two measurements, in pairs or groups as the design requires, and notes the unusable runs.
using System.Globalization;
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>The values of one metric on both sides.</summary>
/// <param name="Baseline">The baseline's values; for pairs, one value for each pair.</param>
/// <param name="Candidate">The candidate's values; for pairs, one value for each pair, in the same order.</param>
/// <param name="Blocks">For blocks, the same values grouped by block; else empty.</param>
/// <param name="Notes">What was left out, each a sentence.</param>
internal sealed record MetricSamples(
    double[] Baseline, double[] Candidate, IReadOnlyList<RunBlock> Blocks, IReadOnlyList<string> Notes)
{
    internal static MetricSamples Of(
        MetricDefinition metric, VMPerformance baseline, VMPerformance candidate, ComparisonOptions options, ComparisonUnit unit)
    {
        var notes = new List<string>();
        var isPairs = options.Design == ComparisonDesign.Pairs;
        var b = Units(metric, baseline, "baseline", isPairs ? options.RunsPerUnit : 1, notes);
        var c = Units(metric, candidate, "candidate", isPairs ? options.RunsPerUnit : 1, notes);
        if (!isPairs && unit is ComparisonUnit.Boot or ComparisonUnit.Resume)
        {
            (b, c) = (OfBoots(b), OfBoots(c));
        }

        return options.Design switch
        {
            ComparisonDesign.Pairs => Paired(b, c, notes),
            ComparisonDesign.Blocks => InBlocks(b, c, notes),
            _ => new(Usable(b), Usable(c), [], notes),
        };
    }

    // One value for each boot, the median of its runs: a boot begins at its warm-up run.
    private static List<Unit> OfBoots(List<Unit> runs) =>
    [
        .. runs.GroupBy(run => run.Warmups).Select(boot => new Unit(
            boot.First().StartedAt,
            Usable([.. boot]) is { Length: > 0 } values ? Estimators.Median(values) : null,
            boot.Key)),
    ];

    // One value for each group of runs that are neither warm-up nor screened. Failed runs keep their place, so that the places of both sides
    // correspond: a screened pair has its flag on both sides.
    private static List<Unit> Units(
        MetricDefinition metric, VMPerformance performance, string side, int runsPerUnit, List<string> notes)
    {
        var broken = new List<int>();
        var units = new List<Unit>();
        var warmups = performance.Runs.Where(run => run.IsWarmup).Select(run => run.StartedAt).ToList();
        foreach (var runs in performance.Runs.Where(run => run is { IsWarmup: false, IsScreened: false }).Chunk(runsPerUnit))
        {
            var values = new List<double>();
            foreach (var run in runs)
            {
                if (run.Failure is not null)
                {
                    notes.Add(string.Create(CultureInfo.InvariantCulture, $"Run {run.Number} of the {side} failed and is left out: {run.Failure}"));
                }
                else if (run.Values.TryGetValue(metric.Name, out var value) && double.IsFinite(value))
                {
                    values.Add(value);
                }
                else
                {
                    broken.Add(run.Number);
                }
            }

            units.Add(new(runs[0].StartedAt, values.Count > 0 ? Estimators.Median(values) : null, warmups.Count(at => at <= runs[0].StartedAt)));
        }

        if (broken.Count > 0)
        {
            var numbers = string.Join(", ", broken.Select(number => number.ToString(CultureInfo.InvariantCulture)));
            notes.Add(broken.Count == 1
                ? $"Run {numbers} of the {side} has no usable {metric.Name}, which is compared without it."
                : $"Runs {numbers} of the {side} have no usable {metric.Name}, which is compared without them.");
        }

        return units;
    }

    private static double[] Usable(List<Unit> units) => [.. units.Where(unit => unit.Value is not null).Select(unit => unit.Value!.Value)];

    // Run i of one side belongs to run i of the other. A pair without a value on one side is left out as a whole.
    private static MetricSamples Paired(List<Unit> baseline, List<Unit> candidate, List<string> notes)
    {
        if (baseline.Count != candidate.Count)
        {
            var more = baseline.Count > candidate.Count ? "baseline" : "candidate";
            var alone = Math.Abs(baseline.Count - candidate.Count);
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"The last {alone} of the {more} have no partner and are left out."));
        }

        var pairs = baseline.Zip(candidate).Where(pair => pair is { First.Value: not null, Second.Value: not null }).ToList();
        return new(
            [.. pairs.Select(pair => pair.First.Value!.Value)], [.. pairs.Select(pair => pair.Second.Value!.Value)], [], notes);
    }

    // In time order, a block ends when a run of the other side follows, or when a warm-up run shows that the VM was started again. Runs without
    // the metric still belong to their block.
    private static MetricSamples InBlocks(List<Unit> baseline, List<Unit> candidate, List<string> notes)
    {
        var blocks = new List<(bool IsCandidate, int Warmups, List<double> Values)>();
        var inOrder = baseline.Select(unit => (IsCandidate: false, Unit: unit))
            .Concat(candidate.Select(unit => (IsCandidate: true, Unit: unit)))
            .OrderBy(entry => entry.Unit.StartedAt);
        foreach (var (isCandidate, unit) in inOrder)
        {
            if (blocks.Count == 0 || blocks[^1].IsCandidate != isCandidate || blocks[^1].Warmups != unit.Warmups)
            {
                blocks.Add((isCandidate, unit.Warmups, []));
            }

            if (unit.Value is { } value)
            {
                blocks[^1].Values.Add(value);
            }
        }

        if (blocks.Zip(blocks.Skip(1)).Count(next => next.First.IsCandidate != next.Second.IsCandidate) == 1)
        {
            throw new ComparisonException(
                ComparisonRefusal.InvalidComparison,
                "The runs were not made in alternating blocks: all of one side came before all of the other. Compare them as a sequence.");
        }

        return new(Usable(baseline), Usable(candidate), [.. blocks.Where(block => block.Values.Count > 0).Select(block => new RunBlock(block.IsCandidate, block.Values))], notes);
    }

    private sealed record Unit(DateTimeOffset StartedAt, double? Value, int Warmups);
}
