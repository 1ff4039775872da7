// What a plot of a comparison shows: for each metric every run of both sides, their medians, and how sure those are.
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>A comparison to look at.</summary>
public sealed record ComparisonPlot
{
    /// <summary>The VM's name (libvirt: domain name).</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection that the VM was reached by.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The workload, and the change between the two sides where the comparison knows it.</summary>
    public required string Title { get; init; }

    /// <summary>The verdict on all metrics together.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>True where drift of the host is not excluded.</summary>
    public required bool IsProvisional { get; init; }

    /// <summary>The metrics that are drawn, in the comparison's order.</summary>
    public required IReadOnlyList<MetricPlot> Metrics { get; init => field = Items.Of(value); }

    /// <summary>The slots in the order of time, where the side changed inside one load; else null.</summary>
    public SwitchbackTimeline? Timeline { get; init; }

    /// <summary>Whether it is drawn with ASCII characters only.</summary>
    public bool IsAscii { get; init; }

    /// <summary>The picture, without colours.</summary>
    public override string ToString() => ComparisonPicture.Draw(this);

    /// <summary>The plot of a comparison.</summary>
    /// <param name="comparison">The comparison.</param>
    /// <param name="isShown">Which metrics are drawn; null for the primary one.</param>
    /// <param name="change">What was changed, in words, where the comparison itself does not carry it.</param>
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
/// <param name="Comparison">What the comparison found for it.</param>
/// <param name="Baseline">The runs before the change.</param>
/// <param name="Candidate">The runs after it.</param>
public sealed record MetricPlot(MetricComparison Comparison, PlotSide Baseline, PlotSide Candidate)
{
    internal static MetricPlot Of(VMComparison comparison, MetricComparison metric)
    {
        // The values that were compared: those of runs, or of boots with several runs each.
        var samples = MetricSamples.Of(
            metric.Metric, comparison.Baseline, comparison.Candidate,
            new ComparisonOptions { Design = comparison.Design, RunsPerUnit = comparison.RunsPerUnit }, comparison.Unit);
        return new(
            metric,
            Side(comparison, comparison.Baseline, metric, metric.BaselineMedian, samples.Baseline),
            Side(comparison, comparison.Candidate, metric, metric.CandidateMedian, samples.Candidate));
    }

    // Values of one block are not independent, so an interval that takes them as such would be too narrow.
    private static PlotSide Side(
        VMComparison comparison, VMPerformance performance, MetricComparison metric, double? median, double[] compared) => new(
        [.. performance.CountedRuns.Select(run => run.Values.TryGetValue(metric.Metric.Name, out var value) ? value : double.NaN).Where(double.IsFinite)],
        median,
        comparison.Design == ComparisonDesign.Blocks ? null : MedianInterval.Of(compared, metric.ConfidenceLevel));

    /// <summary>For example <c>Iops: +18 % (Improved)</c>.</summary>
    public override string ToString() => Comparison.ToString();
}

/// <summary>One side of a metric.</summary>
/// <param name="Values">The value of every run that counts, in order, in the metric's unit.</param>
/// <param name="Median">The side's median as it was compared; null without a usable run.</param>
/// <param name="Interval">The interval of that median; null where so few runs give none, or runs in blocks are not independent.</param>
public sealed record PlotSide(IReadOnlyList<double> Values, double? Median, MedianInterval? Interval)
{
    /// <summary>For example <c>12 runs, median 6519</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Values.Count} runs, median {Median:0.###}");
}
