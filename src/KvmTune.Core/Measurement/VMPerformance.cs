// The result of a measurement: all its runs, their metrics, and the conditions during the runs.
using System.Globalization;
using System.Text.Json.Serialization;
using KvmTune.Tuning;
using MathNet.Numerics.Statistics;

namespace KvmTune.Measurement;

/// <summary>The samples of every metric of one workload on one VM, with the conditions during the runs.</summary>
public sealed record VMPerformance : IChangeBaseline
{
    /// <summary>The id of this measurement in the journal and in files; null if it was not made by the measuring loop.</summary>
    public Guid? Id { get; init; }

    /// <summary>The VM's name (libvirt: domain name).</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The URI of the libvirt connection to the VM.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The workload in the guest; a later measurement that receives this object repeats it.</summary>
    public required WorkloadRequest Workload { get; init; }

    /// <summary>The workload's name, for example <c>RandomWrite</c>.</summary>
    public string WorkloadName => Workload.Name;

    /// <summary>The metrics that every good run has a value for. Exactly one of them is primary.</summary>
    public required IReadOnlyList<MetricDefinition> Metrics { get; init => field = Items.Of(value); }

    /// <summary>All runs in the order they were made: warm-up runs and failed runs too. Nothing is dropped.</summary>
    public required IReadOnlyList<MeasuredRun> Runs { get; init => field = Items.Of(value); }

    /// <summary>The conditions on host and guest during the runs.</summary>
    public required MeasurementConditions Conditions { get; init; }

    /// <summary>When the measurement began.</summary>
    public required DateTimeOffset StartedAt { get; init => field = value.ToLocalTime(); }

    /// <summary>How long the measurement took, preparation and clean-up included.</summary>
    [JsonInclude]
    internal TimeSpan Elapsed { get; init; }

    /// <summary>How long the measurement took, preparation and clean-up included, in seconds.</summary>
    public double ElapsedSeconds => Elapsed.TotalSeconds;

    /// <summary>Facts that a reader needs to interpret the numbers, each a sentence (for example: reads came from the host's page cache).</summary>
    public IReadOnlyList<string> Notes { get; init => field = Items.Of(value); } = Items<string>.None;

    /// <summary>The change before this measurement, if it came down the pipeline.</summary>
    public VMTuningResult? Change { get; init; }

    /// <summary>The change before this measurement in words; null if none came down the pipeline.</summary>
    public string? Title => Change?.Title;

    /// <summary>The measurement before <see cref="Change"/>, if it came down the pipeline.</summary>
    public VMPerformance? Baseline { get; init; }

    /// <summary>The metric that decides a verdict.</summary>
    public MetricDefinition PrimaryMetric => Metrics.Single(metric => metric.IsPrimary);

    /// <summary>The runs that count, in order: no warm-up, screened or failed runs.</summary>
    public IReadOnlyList<MeasuredRun> CountedRuns => Runs.Where(run => run is { IsWarmup: false, IsScreened: false, Failure: null }).ToItems();

    /// <summary>The median of the primary metric over <see cref="CountedRuns"/>, in its unit; null without a usable run.</summary>
    public double? Median => MedianOf(PrimaryMetric.Name);

    /// <summary>The median of one metric over <see cref="CountedRuns"/>, in its unit; null without a usable run.</summary>
    /// <exception cref="ArgumentException">The workload has no metric of that name.</exception>
    public double? MedianOf(string metricName) =>
        ValuesOf(metricName).Where(double.IsFinite).ToArray() is { Length: > 0 } values ? ArrayStatistics.MedianInplace(values) : null;

    /// <summary>The range of the primary metric over <see cref="CountedRuns"/>, in per cent of its median; null with fewer than two runs.</summary>
    public double? RangePercent => Median is not 0 && ValuesOf(PrimaryMetric.Name) is { Count: > 1 } values ? (values.Max() - values.Min()) / Median * 100 : null;

    /// <summary>The median of the 99th percentile of latency, in milliseconds; null if the workload does not report it.</summary>
    public double? P99Milliseconds => Metrics.FirstOrDefault(metric => metric is { IsTail: true, Unit: "ns" }) is { } metric
        ? MedianOf(metric.Name) / 1e6
        : null;

    /// <summary>For example <c>db01: RandomWrite, 8 runs</c>.</summary>
    public override string ToString() => $"{VMName}: {Workload.Name}, {CountedRuns.Count.ToString(CultureInfo.InvariantCulture)} runs";

    /// <summary>The values of one metric over <see cref="CountedRuns"/>, in order, without the runs that lack it.</summary>
    /// <exception cref="ArgumentException">The workload has no metric of that name.</exception>
    public IReadOnlyList<double> ValuesOf(string metricName)
    {
        if (!Metrics.Any(metric => string.Equals(metric.Name, metricName, StringComparison.Ordinal)))
        {
            throw new ArgumentException(
                $"The workload {Workload.Name} has no metric '{metricName}'. It has: {string.Join(", ", Metrics.Select(metric => metric.Name))}.",
                nameof(metricName));
        }

        return CountedRuns.Where(run => run.Values.ContainsKey(metricName)).Select(run => run.Values[metricName]).ToList();
    }
}

/// <summary>One run of a workload.</summary>
public sealed record MeasuredRun
{
    /// <summary>The run's place in its measurement, from 1.</summary>
    public required int Number { get; init; }

    /// <summary>When the load started.</summary>
    public required DateTimeOffset StartedAt { get; init => field = value.ToLocalTime(); }

    /// <summary>How long the run took, with its ramp and the start and end of the program.</summary>
    [JsonInclude]
    internal TimeSpan Duration { get; init; }

    /// <summary>How long the run took, with its ramp and the start and end of the program, in seconds.</summary>
    public double DurationSeconds => Duration.TotalSeconds;

    /// <summary>True for a first run that only warms caches and allocates; it is kept and shown, but not counted.</summary>
    public bool IsWarmup { get; init; }

    /// <summary>True for a run of a pair that was repeated because the host was disturbed; it is kept and shown, but not counted.</summary>
    public bool IsScreened { get; init; }

    /// <summary>Why the run failed; null for a good one.</summary>
    public string? Failure { get; init; }

    /// <summary>
    /// The value of every metric by its name; empty for a failed run. A value that the workload's tool did not report is absent, for example the
    /// variation of a run with fewer than two reported seconds.
    /// </summary>
    public IReadOnlyDictionary<string, double> Values { get; init => field = Map.Of(value); } = Map<string, double>.None;

    /// <summary>The rate of each second that the workload's tool reported, in order, in the primary metric's unit.</summary>
    public IReadOnlyList<double> PerSecondRates { get; init => field = Items.Of(value); } = Items<double>.None;

    /// <summary>The slot behind this run, if the side changed inside one load; else null.</summary>
    public MeasuredSlot? Slot { get; init; }

    /// <summary>
    /// The differences of the host's counters over the run, by name with the unit in it (for example
    /// <c>VcpuDelayNanoseconds</c>, <c>HostCpuBusyPercent</c>). A counter that the host does not keep is absent, never 0.
    /// </summary>
    public IReadOnlyDictionary<string, double> Counters { get; init => field = Map.Of(value); } = Map<string, double>.None;

    /// <summary>For example <c>run 3: Iops 6519, LatencyP99 1840</c>.</summary>
    public override string ToString() => Failure is null ? $"run {Number}: {string.Join(", ", Values.Select(value => FormattableString.Invariant($"{value.Key} {value.Value:0.###}")))}" : $"run {Number} failed: {Failure}";
}
