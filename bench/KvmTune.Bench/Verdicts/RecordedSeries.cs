// Reads a recorded series of runs with nothing changed between them: the material that verdict rules are tried on.
using System.Text.Json;
using KvmTune.Measurement;

namespace KvmTune.Bench.Verdicts;

/// <summary>The values of one metric over consecutive runs of an unchanged guest.</summary>
/// <param name="Name">The series' name, for example <c>random-read</c>.</param>
/// <param name="Direction">Which way the metric gets better.</param>
/// <param name="Kind">The kind of the metric.</param>
/// <param name="Values">The values in order.</param>
internal sealed record RecordedSeries(string Name, MetricDirection Direction, MetricKind Kind, double[] Values)
{
    private static readonly string[] Names = ["cpu-1-thread", "cpu-2-threads", "random-read", "random-write"];

    /// <summary>The rates of all series: events/s and IOPS.</summary>
    public static IReadOnlyList<RecordedSeries> Rates(string folder) =>
    [
        .. Names.Select(name => new RecordedSeries(
            name, MetricDirection.HigherIsBetter, MetricKind.Rate, Read(folder, name, IsCpu(name) ? "eps" : "iops"))),
    ];

    /// <summary>The 99th percentiles of latency inside each run, of all series.</summary>
    public static IReadOnlyList<RecordedSeries> LatencyP99(string folder) =>
    [
        .. Names.Select(name => new RecordedSeries(
            name, MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile, Read(folder, name, IsCpu(name) ? "lat_p99" : "p99"))),
    ];

    private static bool IsCpu(string name) => name.StartsWith("cpu", StringComparison.Ordinal);

    private static double[] Read(string folder, string name, string metric)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, $"{name}.json")));
        return [.. document.RootElement.EnumerateArray().Select(run => run.GetProperty(metric).GetDouble())];
    }
}
