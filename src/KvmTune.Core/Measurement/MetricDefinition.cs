// One metric of a workload: its name, unit and direction, and its part in a verdict.
namespace KvmTune.Measurement;

/// <summary>Which direction of a metric is better.</summary>
[JsonText(typeof(EnumName))]
public enum MetricDirection
{
    /// <summary>More is better (IOPS, events per second).</summary>
    HigherIsBetter,

    /// <summary>Less is better (latency, variation).</summary>
    LowerIsBetter,
}

/// <summary>The kind of a metric. It decides the smallest shift that counts as a practical difference.</summary>
[JsonText(typeof(EnumName))]
public enum MetricKind
{
    /// <summary>Work per time: IOPS, MiB/s, events/s.</summary>
    Rate,

    /// <summary>A mean time per request with a fixed number of requests under way, so that it is the inverse of the rate.</summary>
    MeanLatency,

    /// <summary>A percentile or maximum of the latencies inside one run. fio and sysbench quantise these in steps of 2 to 4 %.</summary>
    LatencyPercentile,

    /// <summary>How unsteady the rate was inside one run: the coefficient of variation of the per-second rates.</summary>
    Variation,

    /// <summary>A mean time per request of the guest's own load. Its number of requests under way varies: the rate does not give it.</summary>
    OwnLatency,
}

/// <summary>One metric that a workload yields for every run.</summary>
/// <param name="Name">A fixed PascalCase word, for example <c>Iops</c> or <c>LatencyP99</c>.</param>
/// <param name="Unit">The unit of the values, for example <c>IOPS</c>, <c>ns</c>, <c>events/s</c>, <c>%</c>.</param>
/// <param name="Direction">Which direction is better.</param>
/// <param name="Kind">Decides the practical threshold of a verdict.</param>
/// <param name="IsPrimary">True for the one metric of the workload that decides the verdict; the others are guards.</param>
public sealed record MetricDefinition(string Name, string Unit, MetricDirection Direction, MetricKind Kind, bool IsPrimary = false)
{
    /// <summary>Whether it is a 99th percentile of latency, whose names end in <c>P99</c>.</summary>
    public bool IsTail => Name.EndsWith("P99", StringComparison.Ordinal);

    /// <summary>For example <c>Iops (IOPS)</c>.</summary>
    public override string ToString() => $"{Name} ({Unit})";
}
