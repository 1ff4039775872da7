// The result of comparing two measurements of a VM: a verdict, every metric behind it, and the words for them.
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

    /// <summary>The URI of the libvirt connection to the VM.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The measurement before the change.</summary>
    public required VMPerformance Baseline { get; init; }

    /// <summary>The measurement after the change.</summary>
    public required VMPerformance Candidate { get; init; }

    /// <summary>The change between the two measurements, if the candidate has it.</summary>
    public VMTuningResult? Change => Candidate.Change;

    /// <summary>In which order the runs were made.</summary>
    public required ComparisonDesign Design { get; init; }

    /// <summary>What one value of the comparison stands for.</summary>
    public ComparisonUnit Unit { get; init; }

    /// <summary>In pairs, how many consecutive runs of a side make one value, by their median: 1, or the runs of one boot.</summary>
    public int RunsPerUnit { get; init; } = 1;

    /// <summary>True if drift of the host can look like an effect: for all designs except pairs, unless the result is only a direction.</summary>
    public required bool IsProvisional { get; init; }

    /// <summary>
    /// True if there are too few units to show a difference or sameness (four boots, or one boot before and one after). The result is then a
    /// direction, and the verdict is inconclusive.
    /// </summary>
    public bool IsDirectionOnly { get; init; }

    /// <summary>The failed runs of both sides; null in a record of an earlier version, which did not compare them.</summary>
    public FailedRuns? FailedRuns { get; init; }

    /// <summary>Every metric of the workload, the deciding one first.</summary>
    public required IReadOnlyList<MetricComparison> Metrics { get; init => field = Items.Of(value); }

    /// <summary>
    /// The verdict of the deciding metric, unless a guard got worse and it did not, runs failed more often, or a negative control shifted.
    /// </summary>
    public required Verdict Verdict { get; init; }

    /// <summary>The verdict in words.</summary>
    public required string Sentence { get; init; }

    /// <summary>Facts that a reader needs to know how far to trust the verdict, each a sentence.</summary>
    public IReadOnlyList<string> Notes { get; init => field = Items.Of(value); } = Items<string>.None;

    /// <summary>The metric that decides.</summary>
    public MetricComparison PrimaryMetric => Metrics.Single(metric => metric.Role == MetricRole.Primary);

    /// <summary>For example <c>db01: RandomWrite IOPS improved by 18 % (…).</c></summary>
    public override string ToString() => $"{VMName}: {Sentence}";
}
