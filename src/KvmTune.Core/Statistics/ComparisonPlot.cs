// The content of a plot: for each metric the runs of both sides, their medians, and the intervals of the medians.
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>A comparison for drawing.</summary>
public sealed record ComparisonPlot
{
    /// <summary>The VM's name (libvirt: domain name).</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The URI of the libvirt connection to the VM.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The workload, and the change between the two sides if the comparison knows it.</summary>
    public required string Title { get; init; }

    /// <summary>The verdict on all metrics together.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>True if drift of the host is not excluded.</summary>
    public required bool IsProvisional { get; init; }

    /// <summary>The drawn metrics, in the comparison's order.</summary>
    public required IReadOnlyList<MetricPlot> Metrics { get; init => field = Items.Of(value); }

    /// <summary>The slots in time order, if the side changed inside one load; else null.</summary>
    public SwitchbackTimeline? Timeline { get; init; }

    /// <summary>Whether to draw with ASCII characters only.</summary>
    public bool IsAscii { get; init; }

    /// <summary>The picture, without colours.</summary>
    public override string ToString() => ComparisonPicture.Draw(this);

    /// <summary>The plot of a comparison.</summary>
    /// <param name="comparison">The comparison.</param>
    /// <param name="isShown">Which metrics to draw; null for the primary one.</param>
    /// <param name="change">The change in words, if the comparison itself does not have it.</param>
    public static ComparisonPlot Of(VMComparison comparison, Predicate<MetricComparison>? isShown = null, string? change = null)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        isShown ??= metric => metric.Role == MetricRole.Primary;
        change ??= comparison.Change?.Title;
        return new()
        {
            VMName = comparison.VMName,
            VMId = comparison.VMId,
            ConnectionUri = comparison.ConnectionUri,
            Title = change is null ? comparison.Candidate.Workload.Name : $"{comparison.Candidate.Workload.Name}: {change}",
            Verdict = comparison.Verdict,
            IsProvisional = comparison.IsProvisional,
            Timeline = SwitchbackTimeline.Of(comparison),
            Metrics = [.. comparison.Metrics.Where(metric => isShown(metric)).Select(metric => MetricPlot.Of(comparison, metric))],
        };
    }
}

/// <summary>One metric of a plot.</summary>
/// <param name="Comparison">The comparison of the metric.</param>
/// <param name="Baseline">The runs before the change.</param>
/// <param name="Candidate">The runs after it.</param>
public sealed record MetricPlot(MetricComparison Comparison, PlotSide Baseline, PlotSide Candidate)
{
    internal static MetricPlot Of(VMComparison comparison, MetricComparison metric)
    {
        // The compared values: of runs, or of boots with several runs each.
        var samples = MetricSamples.Of(
            metric.Metric, comparison.Baseline, comparison.Candidate,
            new ComparisonOptions { Design = comparison.Design, RunsPerUnit = comparison.RunsPerUnit }, comparison.Unit);
        return new(
            metric,
            Side(comparison, comparison.Baseline, metric, metric.BaselineMedian, samples.Baseline),
            Side(comparison, comparison.Candidate, metric, metric.CandidateMedian, samples.Candidate));
    }

    // Values of one block are not independent, so an interval that assumes independence would be too narrow.
    private static PlotSide Side(
        VMComparison comparison, VMPerformance performance, MetricComparison metric, double? median, double[] compared) => new(
        [.. performance.CountedRuns.Select(run => run.Values.TryGetValue(metric.Metric.Name, out var value) ? value : double.NaN).Where(double.IsFinite)],
        median,
        comparison.Design == ComparisonDesign.Blocks ? null : MedianInterval.Of(compared, metric.ConfidenceLevel));

    /// <summary>For example <c>Iops: +18 % (Improved)</c>.</summary>
    public override string ToString() => Comparison.ToString();
}

/// <summary>One side of a metric.</summary>
/// <param name="Values">The value of every counted run, in order, in the metric's unit.</param>
/// <param name="Median">The side's median in the comparison; null without a usable run.</param>
/// <param name="Interval">The interval of that median; null if there are too few runs, or the runs are in blocks and not independent.</param>
public sealed record PlotSide(IReadOnlyList<double> Values, double? Median, MedianInterval? Interval)
{
    /// <summary>The value of every counted run, in order, in the metric's unit.</summary>
    public IReadOnlyList<double> Values { get; init => field = Items.Of(value); } = Items.Of(Values);

    /// <summary>For example <c>12 runs, median 6519</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Values.Count} runs, median {Median:0.###}");
}
