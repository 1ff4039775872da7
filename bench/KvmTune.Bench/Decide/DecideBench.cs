// The part of the bench `decide` that needs no lab: false verdicts and power of switching inside one load on recorded series.
using System.Globalization;

namespace KvmTune.Bench.Decide;

/// <summary>Prints a line for each promise, with its aim.</summary>
internal static class DecideBench
{
    private const int Seed = 20261128;
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(120);

    /// <summary>Runs the figures.</summary>
    /// <param name="folder">The folder of the series.</param>
    /// <param name="arguments">The number of experiments for a figure; default 1,000.</param>
    public static IEnumerable<BenchFigure> Run(string folder, IReadOnlyList<string> arguments)
    {
        var times = arguments.Count > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 1000;
        var series = StreamSeries.All(folder);
        var (nothing, ten, twenty) = (Play(0), Play(0.1), Play(0.2));
        yield return Share("false verdicts in 120 s, all series", nothing, result => result.Claimed, series, "aim: at most 5 %, worst at most 6 %", isWorstHigh: true);
        yield return Share("finds 10 % in 120 s, quiet", ten, result => result.Right, [.. series.Where(each => !each.IsNoisy)], "aim: at least 95 %");
        yield return Share("finds 10 % in 120 s, beside the noisy neighbour", ten, result => result.Right, [.. series.Where(each => each.IsNoisy)], "aim: at least 60 % on each");
        yield return Share("finds 20 % in 120 s, all series", twenty, result => result.Right, series, "aim: at least 95 % on each");
        foreach (var each in series)
        {
            yield return new($"{each.Name}: knows 20 % after", Math.Round(twenty[each.Name].Known.TotalSeconds, 1), "s", "mean");
        }

        Dictionary<string, (double Claimed, double Right, TimeSpan Known)> Play(double shift) =>
            series.ToDictionary(each => each.Name, each => SwitchbackSimulation.Play(each, shift, Time, times, Seed), StringComparer.Ordinal);
    }

    private static BenchFigure Share(
        string name,
        Dictionary<string, (double Claimed, double Right, TimeSpan Known)> results,
        Func<(double Claimed, double Right, TimeSpan Known), double> share,
        IReadOnlyList<StreamSeries> series,
        string aim,
        bool isWorstHigh = false)
    {
        if (series.Count == 0)
        {
            return new(name, double.NaN, "%", $"no series; {aim}");
        }

        var shares = series.Select(each => (each.Name, Share: 100 * share(results[each.Name]))).ToList();
        var worst = isWorstHigh ? shares.MaxBy(each => each.Share) : shares.MinBy(each => each.Share);
        return new(
            name,
            Math.Round(shares.Average(each => each.Share), 1),
            "%",
            string.Create(CultureInfo.InvariantCulture, $"worst {worst.Share:0.0} % on {worst.Name}; {aim}; ")
                + string.Join(", ", shares.Select(each => string.Create(CultureInfo.InvariantCulture, $"{each.Name} {each.Share:0.0} %"))));
    }
}
