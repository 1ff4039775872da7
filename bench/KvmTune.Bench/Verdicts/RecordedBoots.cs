// Reads a recorded series of boots with the same settings, and simulates designs over them: the claims of a few boots, and of pairs of boots.
using System.Text.Json;
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Bench.Verdicts;

/// <summary>Consecutive boots of an unchanged guest, with the logarithms of a rate over a few runs of each.</summary>
/// <param name="Name">The series' name.</param>
/// <param name="Boots">The runs of each boot, in order.</param>
internal sealed record RecordedBoots(string Name, IReadOnlyList<double[]> Boots)
{
    private const int RunsOfABoot = 3;

    private static readonly MetricScale Logarithms = new(IsLogarithmic: true, Reference: 1);

    /// <summary>The recorded series.</summary>
    public static IReadOnlyList<RecordedBoots> Read(string folder) => !Directory.Exists(folder) ? [] :
    [
        .. Directory.EnumerateFiles(folder, "lab-boots-*.json").Order(StringComparer.Ordinal).Select(file =>
        {
            using var document = JsonDocument.Parse(File.ReadAllText(file));
            return new RecordedBoots(Path.GetFileNameWithoutExtension(file),
            [
                .. document.RootElement.GetProperty("Runs").EnumerateArray()
                    .Select(run => (
                        Boot: run.GetProperty("Boot").GetInt32(),
                        Rate: (run.TryGetProperty("EventsPerSecond", out var events) ? events : run.GetProperty("Iops")).GetDouble()))
                    .GroupBy(run => run.Boot)
                    .Select(boot => boot.Select(run => Math.Log(run.Rate)).ToArray()),
            ]);
        }),
    ];

    /// <summary>Random boots: each with its own deviation, and runs that vary around it.</summary>
    public static RecordedBoots Drawn(Random chance, int boots, double betweenBoots, double betweenRuns) => new("drawn",
    [
        .. Enumerable.Range(0, boots).Select(_ => Plays.Normals(chance, 4, betweenRuns, betweenBoots * Plays.Normal(chance))),
    ]);

    /// <summary>The variation between boots and between the runs of a boot, as standard deviations in per cent.</summary>
    public (double Boots, double Runs) Spread()
    {
        var within = Math.Sqrt(Boots.Average(boot => Math.Pow(Estimators.StandardDeviation(boot), 2)));
        var means = Estimators.StandardDeviation([.. Boots.Select(boot => boot.Average())]);
        var between = Math.Sqrt(Math.Max(0, (means * means) - (within * within / Boots.Average(boot => boot.Length))));
        return (100 * between, 100 * within);
    }

    /// <summary>A B B A of four boots.</summary>
    /// <param name="chance">Draws the start position in the series.</param>
    /// <param name="unit">The unit of the verdict.</param>
    public Verdict FourBoots(Random chance, ComparisonUnit unit)
    {
        var start = chance.Next(Boots.Count - 3);
        List<RunBlock> blocks = [.. Enumerable.Range(0, 4).Select(i => new RunBlock(
            i is 1 or 2, unit == ComparisonUnit.Run ? Boots[start + i] : [Estimators.Median(Boots[start + i])]))];
        return VerdictRule.Judge(
            ShiftTest.OfBlocks(blocks, VerdictLimits.ProvisionalAlpha, unit),
            Logarithms, MetricDirection.HigherIsBetter, VerdictLimits.For(MetricKind.Rate, VerdictLimits.ProvisionalAlpha, isProvisional: true));
    }

    /// <summary>Pairs of boots, with a random order inside each.</summary>
    /// <param name="chance">Draws the order, and the start position in the series.</param>
    /// <param name="plan">The looks.</param>
    /// <param name="shift">The planted shift, as a logarithm.</param>
    public Verdict PairsOfBoots(Random chance, LookPlan plan, double shift = 0)
    {
        var pairs = plan.Looks[^1].Pairs;
        var start = chance.Next(Boots.Count - (2 * pairs) + 1);
        var (baseline, candidate) = (new double[pairs], new double[pairs]);
        for (var i = 0; i < pairs; i++)
        {
            var first = chance.Next(2);
            baseline[i] = Value(start + (2 * i) + first);
            candidate[i] = Value(start + (2 * i) + 1 - first) + shift;
        }

        foreach (var look in plan.Looks)
        {
            var verdict = VerdictRule.Judge(
                ShiftTest.OfPairs(baseline[..look.Pairs], candidate[..look.Pairs]),
                Logarithms,
                MetricDirection.HigherIsBetter,
                VerdictLimits.For(MetricKind.Rate, look.Alpha, isProvisional: false, samenessLevel: look.SamenessLevel));
            if (plan.ShouldStop(look.Pairs, verdict))
            {
                return verdict;
            }
        }

        throw new InvalidOperationException("A plan stops at its last look.");
    }

    private double Value(int boot) => Estimators.Median(Boots[boot][..Math.Min(RunsOfABoot, Boots[boot].Length)]);
}
