// The bench `verdict`: checks each promise of a verdict, then computes false verdicts and power of each design on recorded A/A series, as
// lines and as JSON. It fails if a promise does not hold.
using System.Globalization;
using KvmTune.Statistics;

namespace KvmTune.Bench.Verdicts;

/// <summary>Prints how often each design is wrong and how often it finds a planted shift.</summary>
internal static class VerdictBench
{
    private const int Seed = 20240607;

    private static readonly ExperimentDesign[] Designs =
    [
        ExperimentDesign.Means(12),
        ExperimentDesign.Naive("A…A B…B, 12 a side", new string('A', 12) + new string('B', 12)),
        ExperimentDesign.Naive("A…A B…B A…A, 8 each", new string('A', 8) + new string('B', 8) + new string('A', 8)),
        ExperimentDesign.Exchange("A B A B in blocks of 3", "AAABBBAAABBBAAABBBAAABBB"),
        ExperimentDesign.Exchange("A B B A in blocks of 3, twice", "AAABBBBBBAAAAAABBBBBBAAA"),
        ExperimentDesign.Sequence(8),
        ExperimentDesign.Sequence(12),
        ExperimentDesign.Blocks("A B B A in blocks of 4", "AAAABBBBBBBBAAAA"),
        ExperimentDesign.Blocks("A B B A in blocks of 3, twice", "AAABBBBBBAAAAAABBBBBBAAA"),
        ExperimentDesign.Pairs("10 random pairs", LookPlan.Fixed(10)),
        ExperimentDesign.Pairs("12 random pairs", LookPlan.Fixed(12)),
        ExperimentDesign.Pairs("20 random pairs", LookPlan.Fixed(20)),
        ExperimentDesign.Pairs("random pairs, planned looks", LookPlan.Planned),
    ];

    /// <summary>Runs the bench.</summary>
    /// <param name="dataFolder">The folder with the series.</param>
    /// <param name="bootsFolder">The folder with the series of boots.</param>
    /// <param name="experiments">The number of random experiments for one figure; of recorded ones a tenth for each series.</param>
    public static IEnumerable<BenchFigure> Run(string dataFolder, string bootsFolder, int experiments)
    {
        var promises = new VerdictPromises(
            [.. RecordedSeries.Rates(dataFolder), .. RecordedSeries.LabRates(dataFolder)],
            [.. RecordedSeries.LatencyP99(dataFolder), .. RecordedSeries.LabLatencyP99(dataFolder)],
            RecordedBoots.Read(bootsFolder),
            experiments);
        foreach (var figure in promises.All().Concat(Table(dataFolder, Math.Max(20, experiments / 10))))
        {
            yield return figure;
        }
    }

    // A comparison of the designs: their errors and their power.
    private static List<BenchFigure> Table(string dataFolder, int experiments)
    {
        var figures = new List<BenchFigure>();
        Play(string.Empty, RecordedSeries.Rates(dataFolder), RecordedSeries.LatencyP99(dataFolder));
        Play("on the lab: ", RecordedSeries.LabRates(dataFolder), RecordedSeries.LabLatencyP99(dataFolder));
        return figures;

        void Play(string where, IReadOnlyList<RecordedSeries> rates, IReadOnlyList<RecordedSeries> latencies)
        {
            if (rates.Count == 0)
            {
                return;
            }

            foreach (var design in Designs)
            {
                Add(design, where + "false verdicts", VerdictSimulation.Play(design, rates, 1, experiments, Seed), result => result.Claimed, max: true);
                Add(design, where + "finds 10 %", VerdictSimulation.Play(design, rates, 1.1, experiments, Seed), result => result.Found, max: false);
                Add(design, where + "finds 20 %", VerdictSimulation.Play(design, rates, 1.2, experiments, Seed), result => result.Found, max: false);
            }

            foreach (var design in Designs[^4..])
            {
                Add(design, where + "p99: false verdicts", VerdictSimulation.Play(design, latencies, 1, experiments, Seed), result => result.Claimed, max: true);
                Add(design, where + "p99: finds a doubling", VerdictSimulation.Play(design, latencies, 2, experiments, Seed), result => result.Found, max: false);
            }
        }

        void Add(ExperimentDesign design, string what, IReadOnlyList<SimulationResult> results, Func<SimulationResult, double> share, bool max)
        {
            var worst = max ? results.MaxBy(share)! : results.MinBy(share)!;
            var all = string.Join(", ", results.Select(result => $"{result.Series} {Percent(share(result))}"));
            figures.Add(new(
                $"{design.Name}: {what}",
                Math.Round(100 * results.Average(share), 1),
                "%",
                $"worst {Percent(share(worst))} on {worst.Series}; {all}; {results.Average(result => result.MeanRuns).ToString("0.#", CultureInfo.InvariantCulture)} runs"));
        }
    }

    private static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.0} %");
}
