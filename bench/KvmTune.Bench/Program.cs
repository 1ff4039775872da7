// Runs one benchmark by its name, prints its figures and writes them to out/bench/NAME.json under the repository's root.
using System.Globalization;
using KvmTune.Bench;
using KvmTune.Bench.Decide;
using KvmTune.Bench.Harness;
using KvmTune.Bench.Lab;
using KvmTune.Bench.Placements;
using KvmTune.Bench.Verdicts;

var root = FindRoot(AppContext.BaseDirectory);
var series = Path.Combine(root, "bench", "data", "aa-series");
var boots = Path.Combine(root, "bench", "data", "boots");
var benches = new Dictionary<string, Func<string[], IAsyncEnumerable<BenchFigure>>>(StringComparer.Ordinal)
{
    ["verdict"] = arguments => VerdictBench.Run(
        series, boots, arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 20_000).ToAsyncEnumerable(),
    ["placement"] = arguments => PlacementBench.Run(
        arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 20).ToAsyncEnumerable(),
    ["harness"] = HarnessBench.RunAsync,
    ["decide"] = arguments => DecideBench.Run(Path.Combine(root, "bench", "data", "within-run"), arguments).ToAsyncEnumerable(),
    ["record-stream"] = arguments => StreamRecorder.RecordAsync(Path.Combine(root, "bench", "data", "within-run"), arguments),
    ["neighbour"] = _ => NeighbourProgram.RunAsync(),
    ["record"] = arguments => SeriesRecorder.RecordAsync(series, arguments),
    ["record-boots"] = arguments => BootRecorder.RecordAsync(boots, arguments),
};

if (args.Length == 0 || !benches.TryGetValue(args[0], out var bench))
{
    Console.Error.WriteLine($"usage: KvmTune.Bench {string.Join(" | ", benches.Keys)}");
    return 2;
}

var figures = new List<BenchFigure>();
await foreach (var figure in bench(args[1..]))
{
    Console.WriteLine(figure);
    figures.Add(figure);
}

BenchFigure.Save(Path.Combine(root, "out", "bench"), args[0], figures);
var broken = figures.Where(figure => !figure.IsHeld).ToList();
foreach (var figure in broken)
{
    Console.Error.WriteLine($"NOT HELD: {figure}");
}

return broken.Count == 0 ? 0 : 1;

static string FindRoot(string folder)
{
    for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
    {
        if (File.Exists(Path.Combine(at.FullName, "KvmTune.slnx")))
        {
            return at.FullName;
        }
    }

    throw new DirectoryNotFoundException($"No KvmTune.slnx above {folder}: run the bench from the repository's own build.");
}
