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
        var results = Plays.Of(experiments, seed, chance =>
        {
            var start = chance.Next(logarithms.Length - design.Runs + 1);
            return design.Judge(logarithms.AsMemory(start, design.Runs), Math.Log(factor), series, chance);
        });
        return new(
            series.Name,
            Share(result => result.Verdict is Verdict.Improved or Verdict.Regressed),
            factor == 1 ? 0 : Share(result => result.Verdict == better),
            Share(result => result.Verdict == Verdict.NoDifference),
            results.Average(result => result.Runs));

        double Share(Func<(Verdict Verdict, int Runs), bool> isSo) => (double)results.Count(isSo) / experiments;
    }

    /// <summary>Plays a design on several series.</summary>
    public static IReadOnlyList<SimulationResult> Play(
        ExperimentDesign design, IEnumerable<RecordedSeries> series, double factor, int experiments, int seed)
        => [.. series.Select((one, i) => Play(design, one, factor, experiments, seed + i))];
}
