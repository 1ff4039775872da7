// Reads a recorded series of runs without a change between them: the data for tests of verdict rules.
using System.Text.Json;
using KvmTune.Measurement;

namespace KvmTune.Bench.Verdicts;

/// <summary>The values of one metric over consecutive runs of an unchanged guest.</summary>
/// <param name="Name">The series' name, for example <c>random-read</c>.</param>
/// <param name="Direction">The direction in which the metric improves.</param>
/// <param name="Kind">The kind of the metric.</param>
/// <param name="Values">The values in order.</param>
internal sealed record RecordedSeries(string Name, MetricDirection Direction, MetricKind Kind, double[] Values)
{
    private static readonly string[] Names = ["cpu-1-thread", "cpu-2-threads", "random-read", "random-write"];

    /// <summary>The rates of the series from which the rule was developed: events/s and IOPS.</summary>
    public static IReadOnlyList<RecordedSeries> Rates(string folder) =>
    [
        .. Names.Select(name => new RecordedSeries(
            name, MetricDirection.HigherIsBetter, MetricKind.Rate, Read(folder, name, IsCpu(name) ? "eps" : "iops"))),
    ];

    /// <summary>The 99th percentiles of latency inside each run, of the same series.</summary>
    public static IReadOnlyList<RecordedSeries> LatencyP99(string folder) =>
    [
        .. Names.Select(name => new RecordedSeries(
            name, MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile, Read(folder, name, IsCpu(name) ? "lat_p99" : "p99"))),
    ];

    /// <summary>The rates of the series that <c>record</c> made on the lab, with a noisy neighbour and without.</summary>
    public static IReadOnlyList<RecordedSeries> LabRates(string folder) =>
    [
        .. LabNames(folder).Select(name => new RecordedSeries(
            name, MetricDirection.HigherIsBetter, MetricKind.Rate, Read(folder, name, IsCpu(name) ? "EventsPerSecond" : "Iops"))),
    ];

    /// <summary>The 99th percentiles of latency inside each run, of the same series.</summary>
    public static IReadOnlyList<RecordedSeries> LabLatencyP99(string folder) =>
    [
        .. LabNames(folder).Select(name => new RecordedSeries(
            name, MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile, Read(folder, name, "LatencyP99"))),
    ];

    private static IEnumerable<string> LabNames(string folder) => Directory.EnumerateFiles(folder, "lab-*.json")
        .Select(file => Path.GetFileNameWithoutExtension(file))
        .Order(StringComparer.Ordinal);

    private static bool IsCpu(string name) => name.Replace("lab-", null, StringComparison.Ordinal).StartsWith("cpu", StringComparison.Ordinal);

    // The first series are plain lists of runs; those of the lab have a head that describes the recording.
    private static double[] Read(string folder, string name, string metric)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, $"{name}.json")));
        var root = document.RootElement;
        var runs = root.ValueKind == JsonValueKind.Array ? root : root.GetProperty("Runs");
        return [.. runs.EnumerateArray().Select(run => run.GetProperty(metric).GetDouble())];
    }
}
