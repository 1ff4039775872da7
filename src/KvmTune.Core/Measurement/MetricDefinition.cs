// What a workload measures: the name, unit and direction of one metric, and the role it plays in a verdict.
namespace KvmTune.Measurement;

/// <summary>Which way a metric gets better.</summary>
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
    /// <summary>Work done in a time: IOPS, MiB/s, events/s.</summary>
    Rate,

    /// <summary>A mean time for one piece of work where their number under way is fixed, so that it is the inverse of the rate.</summary>
    MeanLatency,

    /// <summary>A percentile or maximum of the latencies inside one run. fio and sysbench quantise these in steps of 2 to 4 %.</summary>
    LatencyPercentile,

    /// <summary>How unsteady one run was inside itself: the coefficient of variation of its per-second rate.</summary>
    Variation,

    /// <summary>A mean time for one piece of work of a guest's own load, whose number under way is anything: the rate does not tell it.</summary>
    OwnLatency,
}

/// <summary>One metric that a workload yields for every run.</summary>
/// <param name="Name">A fixed PascalCase word, for example <c>Iops</c> or <c>LatencyP99</c>.</param>
/// <param name="Unit">The unit of the values, for example <c>IOPS</c>, <c>ns</c>, <c>events/s</c>, <c>%</c>.</param>
/// <param name="Direction">Which way the metric gets better.</param>
/// <param name="Kind">Decides the practical threshold of a verdict.</param>
/// <param name="IsPrimary">True for the one metric of the workload that decides the verdict; the others are guards.</param>
public sealed record MetricDefinition(string Name, string Unit, MetricDirection Direction, MetricKind Kind, bool IsPrimary = false)
{
    /// <summary>Whether it is a 99th percentile of latency, whose names end in <c>P99</c>.</summary>
    public bool IsTail => Name.EndsWith("P99", StringComparison.Ordinal);

    /// <summary>For example <c>Iops (IOPS)</c>.</summary>
    public override string ToString() => $"{Name} ({Unit})";
}
