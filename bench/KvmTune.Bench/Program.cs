// Runs one benchmark by its name, prints its figures and writes them to out/bench/NAME.json under the repository's root.
using System.Globalization;
using KvmTune.Bench;
using KvmTune.Bench.Placements;
using KvmTune.Bench.Verdicts;

var root = FindRoot(AppContext.BaseDirectory);
var benches = new Dictionary<string, Func<string[], IReadOnlyList<BenchFigure>>>(StringComparer.Ordinal)
{
    ["verdict"] = arguments => VerdictBench.Run(
        Path.Combine(root, "bench", "data", "aa-series"),
        arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 2000),
    ["placement"] = arguments => PlacementBench.Run(arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 20),
};

if (args.Length == 0 || !benches.TryGetValue(args[0], out var bench))
{
    Console.Error.WriteLine($"usage: KvmTune.Bench {string.Join(" | ", benches.Keys)}");
    return 2;
}

var figures = bench(args[1..]);
foreach (var figure in figures)
{
    Console.WriteLine(figure);
}

BenchFigure.Save(Path.Combine(root, "out", "bench"), args[0], figures);
return 0;

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
