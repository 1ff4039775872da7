// The result of comparing two measurements of a VM: a verdict, every metric behind it, and the words for it.
using KvmTune.Measurement;
using KvmTune.Tuning;

namespace KvmTune.Statistics;

/// <summary>A baseline, a candidate, and a verdict for every metric.</summary>
public sealed record VMComparison
{
    /// <summary>The VM's name (libvirt: domain name).</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection that the VM was reached by.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The measurement before the change.</summary>
    public required VMPerformance Baseline { get; init; }

    /// <summary>The measurement after the change.</summary>
    public required VMPerformance Candidate { get; init; }

    /// <summary>The change between the two, where the candidate carries it.</summary>
    public VMTuningResult? Change => Candidate.Change;

    /// <summary>In which order the runs were made.</summary>
    public required ComparisonDesign Design { get; init; }

    /// <summary>What one value of it is of.</summary>
    public ComparisonUnit Unit { get; init; }

    /// <summary>In pairs, how many consecutive runs of a side made one value, by their median: 1, or the runs of one boot.</summary>
    public int RunsPerUnit { get; init; } = 1;

    /// <summary>True where the design lets drift of the host look like an effect: everything but pairs, where there is a verdict at all.</summary>
    public required bool IsProvisional { get; init; }

    /// <summary>
    /// True where so few units can show neither a difference nor sameness (four boots, or one boot before and one after): the result is a
    /// direction, and the verdict is inconclusive.
    /// </summary>
    public bool IsDirectionOnly { get; init; }

    /// <summary>The runs that failed on either side; null in a record from before they were compared.</summary>
    public FailedRuns? FailedRuns { get; init; }

    /// <summary>Every metric of the workload, the one that decides first.</summary>
    public required IReadOnlyList<MetricComparison> Metrics { get; init => field = Items.Of(value); }

    /// <summary>
    /// The verdict: that of the metric that decides, unless a guard got worse and it did not, runs failed more often, or a control shifted.
    /// </summary>
    public required Verdict Verdict { get; init; }

    /// <summary>The verdict in words.</summary>
    public required string Sentence { get; init; }

    /// <summary>What a reader must know to trust it as far as it goes, each a sentence.</summary>
    public IReadOnlyList<string> Notes { get; init => field = Items.Of(value); } = Items<string>.None;

    /// <summary>The metric that decides.</summary>
    public MetricComparison PrimaryMetric => Metrics.Single(metric => metric.Role == MetricRole.Primary);

    /// <summary>For example <c>db01: RandomWrite IOPS improved by 18 % (…).</c></summary>
    public override string ToString() => $"{VMName}: {Sentence}";
}
