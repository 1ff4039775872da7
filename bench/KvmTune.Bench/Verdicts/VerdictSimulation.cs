// Plays a design many times over recorded series: each time a stretch of consecutive runs, with its real drift, is dealt to two
// sides, with or without a shift planted in one. What is counted is how often the verdict is false, and how often a shift is found.
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Bench.Verdicts;

/// <summary>What a design made of one series.</summary>
/// <param name="Series">The series' name.</param>
/// <param name="Claimed">The share of experiments that claimed "improved" or "regressed".</param>
/// <param name="Found">The share that claimed the direction of the planted shift; 0 where none was planted.</param>
/// <param name="ShownAlike">The share that claimed "no difference".</param>
/// <param name="MeanRuns">How many runs an experiment took in the mean.</param>
internal sealed record SimulationResult(string Series, double Claimed, double Found, double ShownAlike, double MeanRuns);

/// <summary>The resampling simulation.</summary>
internal static class VerdictSimulation
{
    /// <summary>Plays a design on one series.</summary>
    /// <param name="design">The design.</param>
    /// <param name="series">The series.</param>
    /// <param name="factor">What the candidate's values are multiplied by; 1 for nothing changed.</param>
    /// <param name="experiments">How many experiments are played.</param>
    /// <param name="seed">The seed; the same seed gives the same result.</param>
    public static SimulationResult Play(ExperimentDesign design, RecordedSeries series, double factor, int experiments, int seed)
    {
        if (series.Values.Length < design.Runs)
        {
            throw new ArgumentException($"The series {series.Name} has {series.Values.Length} runs; {design.Name} needs {design.Runs}.", nameof(series));
        }

        var logarithms = Array.ConvertAll(series.Values, Math.Log);
        var better = factor > 1 == (series.Direction == MetricDirection.HigherIsBetter) ? Verdict.Improved : Verdict.Regressed;
        var chance = new Random(seed);
        var (claimed, found, alike, runs) = (0, 0, 0, 0L);
        for (var i = 0; i < experiments; i++)
        {
            var start = chance.Next(logarithms.Length - design.Runs + 1);
            var (verdict, taken) = design.Judge(logarithms.AsMemory(start, design.Runs), Math.Log(factor), series, chance);
            claimed += verdict is Verdict.Improved or Verdict.Regressed ? 1 : 0;
            found += factor != 1 && verdict == better ? 1 : 0;
            alike += verdict == Verdict.NoDifference ? 1 : 0;
            runs += taken;
        }

        return new(series.Name, Share(claimed), Share(found), Share(alike), Share(runs));

        double Share(long count) => (double)count / experiments;
    }

    /// <summary>Plays a design on several series.</summary>
    public static IReadOnlyList<SimulationResult> Play(
        ExperimentDesign design, IEnumerable<RecordedSeries> series, double factor, int experiments, int seed)
        => [.. series.Select((one, i) => Play(design, one, factor, experiments, seed + i))];
}
