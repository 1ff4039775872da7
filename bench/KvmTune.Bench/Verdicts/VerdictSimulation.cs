// Simulates a design many times over recorded series: each time, a stretch of consecutive runs with its real drift is assigned to two sides,
// with or without a shift planted in one. It counts how often the verdict is false, and how often the shift is found.
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Bench.Verdicts;

/// <summary>The result of a design on one series.</summary>
/// <param name="Series">The series' name.</param>
/// <param name="Claimed">The share of experiments that claimed "improved" or "regressed".</param>
/// <param name="Found">The share that claimed the direction of the planted shift; 0 if none was planted.</param>
/// <param name="ShownAlike">The share that claimed "no difference".</param>
/// <param name="MeanRuns">The mean number of runs of an experiment.</param>
internal sealed record SimulationResult(string Series, double Claimed, double Found, double ShownAlike, double MeanRuns);

/// <summary>The resampling simulation.</summary>
internal static class VerdictSimulation
{
    /// <summary>Simulates a design on one series.</summary>
    /// <param name="design">The design.</param>
    /// <param name="series">The series.</param>
    /// <param name="factor">The factor for the candidate's values; 1 for no change.</param>
    /// <param name="experiments">The number of simulated experiments.</param>
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

    /// <summary>Simulates a design on several series.</summary>
    public static IReadOnlyList<SimulationResult> Play(
        ExperimentDesign design, IEnumerable<RecordedSeries> series, double factor, int experiments, int seed)
        => [.. series.Select((one, i) => Play(design, one, factor, experiments, seed + i))];
}
