// Measurements with random values, for simulations that need whole measurements.
using KvmTune.Measurement;

namespace KvmTune.Bench.Verdicts;

/// <summary>Creates measurements.</summary>
internal static class DrawnMeasurement
{
    private static readonly Guid VM = new("6f1c1c5e-2d7a-4f2a-9a51-4f6b0c8f0a11");
    private static readonly DateTimeOffset Start = new(2024, 6, 7, 12, 0, 0, TimeSpan.Zero);

    /// <summary>A measurement with values of IOPS, the deciding metric, and of latencies.</summary>
    public static VMPerformance Of(params (string Name, double[] Values)[] metrics) => new()
    {
        VMName = "drawn",
        VMId = VM,
        ConnectionUri = "test:///default",
        Workload = new() { Name = "RandomWrite" },
        Metrics =
        [
            .. metrics.Select((metric, i) => i == 0
                ? new MetricDefinition(metric.Name, metric.Name, MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true)
                : new MetricDefinition(metric.Name, "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile)),
        ],
        Runs =
        [
            .. metrics[0].Values.Select((_, i) => Run(i + 1) with
            {
                Values = metrics.ToDictionary(metric => metric.Name, metric => metric.Values[i], StringComparer.Ordinal),
            }),
        ],
        Conditions = new() { HostName = "drawn", DomainType = "kvm", ConfigurationHash = "a", Channel = "None" },
        StartedAt = Start,
        Elapsed = TimeSpan.FromMinutes(1),
    };

    /// <summary>A run without values.</summary>
    public static MeasuredRun Run(int number) => new() { Number = number, StartedAt = Start.AddSeconds(4 * number), Duration = TimeSpan.FromSeconds(4) };
}
