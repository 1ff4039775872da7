// The result of an experiment: both measurements, the change between them, the comparison, the decision and why.
using System.Text.Json.Serialization;
using KvmTune.Measurement;
using KvmTune.Statistics;
using KvmTune.Tuning;

namespace KvmTune.Experiments;

/// <summary>A baseline, one change, a candidate, a comparison and a decision.</summary>
public sealed record VMExperiment
{
    /// <summary>The id of this experiment in the journal; the entries of all its changes have it.</summary>
    public required Guid ExperimentId { get; init; }

    /// <summary>The VM's name (libvirt: domain name).</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The URI of the libvirt connection to the VM.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>What the change does, in words.</summary>
    public required string Title { get; init; }

    /// <summary>The change as it was last made; one element, unless several changes counted as one.</summary>
    public required IReadOnlyList<VMTuningResult> Changes { get; init => field = Items.Of(value); }

    /// <summary>The first of <see cref="Changes"/>: the only one, unless several changes counted as one.</summary>
    public VMTuningResult Change => Changes[0];

    /// <summary>The plan of <see cref="Change"/>.</summary>
    public VMTuningPlan Plan => Change.Plan;

    /// <summary>The runs without the change.</summary>
    public required VMPerformance Baseline { get; init; }

    /// <summary>The runs with the change.</summary>
    public required VMPerformance Candidate { get; init; }

    /// <summary>The comparison of the two.</summary>
    public required VMComparison Comparison { get; init; }

    /// <summary>The verdict of <see cref="Comparison"/>.</summary>
    public Verdict Verdict => Comparison.Verdict;

    /// <summary>What happened to the change.</summary>
    public required ExperimentDecision Decision { get; init; }

    /// <summary>The reason for the decision, as a sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>The rule for keeping the change.</summary>
    public required KeepRule Keep { get; init; }

    /// <summary>The order of the runs; never <see cref="ExperimentDesign.Auto"/>.</summary>
    public required ExperimentDesign Design { get; init; }

    /// <summary>The seed of the coin that ordered the runs inside each pair.</summary>
    public required int Seed { get; init; }

    /// <summary>The number of counted pairs; 0 for a design without pairs.</summary>
    public required int PairCount { get; init; }

    /// <summary>How many pairs were repeated because the host was disturbed; their runs are kept with <see cref="MeasuredRun.IsScreened"/>.</summary>
    public required int ScreenedPairCount { get; init; }

    /// <summary>How many times the experiment restarted the VM.</summary>
    public required int RestartCount { get; init; }

    /// <summary>How the side was switched inside one load; null for every other design.</summary>
    public SwitchingSummary? Switching { get; init; }

    /// <summary>The steps in order, each with its time.</summary>
    public required IReadOnlyList<ExperimentStep> Steps { get; init => field = Items.Of(value); }

    /// <summary>Facts that a reader needs about this experiment, each a sentence, for example what the time limit did not allow.</summary>
    public IReadOnlyList<string> Notes { get; init => field = Items.Of(value); } = Items<string>.None;

    /// <summary>The journal entries of the experiment's changes, in order; empty if no journal is kept.</summary>
    public IReadOnlyList<long> JournalIds { get; init => field = Items.Of(value); } = Items<long>.None;

    /// <summary>When the experiment began.</summary>
    public required DateTimeOffset StartedAt { get; init => field = value.ToLocalTime(); }

    /// <summary>How long the experiment took.</summary>
    [JsonInclude]
    internal TimeSpan Elapsed { get; init; }

    /// <summary>How long the experiment took, in seconds.</summary>
    public double ElapsedSeconds => Elapsed.TotalSeconds;

    /// <summary>The medians of both sides, for example <c>1200 -> 1500 IOPS</c>.</summary>
    public string Result
    {
        get
        {
            var metric = Comparison.PrimaryMetric;
            var unit = metric.Metric.Unit;
            return metric is { BaselineMedian: { } before, CandidateMedian: { } after } && MetricText.Scale(before, unit) is var scale && scale == MetricText.Scale(after, unit)
                ? $"{MetricText.Digits(before / scale.Divisor)} -> {MetricText.Value(after, unit)}"
                : $"{MetricText.Value(metric.BaselineMedian, unit)} -> {MetricText.Value(metric.CandidateMedian, unit)}";
        }
    }

    /// <summary>The shift of the primary metric with its interval, for example <c>+18 % [+12, +25]</c>.</summary>
    public string Shift => ComparisonPicture.Shift(Comparison.PrimaryMetric);

    /// <summary>The shift of the primary metric, in per cent; null if there is none.</summary>
    public double? ShiftPercent => Comparison.PrimaryMetric.ShiftPercent;

    /// <summary>For example <c>db01: pin vCPU 0 to host CPU 2 (Improved, Kept)</c>.</summary>
    public override string ToString() => $"{VMName}: {Title} ({Verdict}, {Decision})";

    /// <summary>How long all steps of a kind took together.</summary>
    public TimeSpan ElapsedOf(ExperimentStepKind kind) =>
        TimeSpan.FromTicks(Steps.Where(step => step.Kind == kind).Sum(step => step.Elapsed.Ticks));
}

/// <summary>How the side was switched inside one load.</summary>
public sealed record SwitchingSummary
{
    /// <summary>The length of a slot, in seconds.</summary>
    [JsonPropertyName("Slot")]
    [JsonConverter(typeof(SecondsAsTimeSpan))]
    public double SlotSeconds { get; init; }

    /// <summary>How many seconds of each slot's beginning were not used.</summary>
    [JsonPropertyName("Guard")]
    [JsonConverter(typeof(SecondsAsTimeSpan))]
    public double GuardSeconds { get; init; }

    /// <summary>
    /// Whether the load settled within half of the longest slot after a switch, and reported often enough to tell. If not, there is no verdict.
    /// </summary>
    public required bool IsSettled { get; init; }

    /// <summary>How many times the side was switched.</summary>
    public required int SwitchCount { get; init; }

    /// <summary>The median time of a switch, in seconds.</summary>
    [JsonPropertyName("MedianSwitchTime")]
    [JsonConverter(typeof(SecondsAsTimeSpan))]
    public double MedianSwitchTimeSeconds { get; init; }

    /// <summary>The longest time of a switch, in seconds.</summary>
    [JsonPropertyName("LongestSwitchTime")]
    [JsonConverter(typeof(SecondsAsTimeSpan))]
    public double LongestSwitchTimeSeconds { get; init; }

    /// <summary>How many seconds the guest's reports may be from their real time on the host's clock.</summary>
    [JsonPropertyName("ClockError")]
    [JsonConverter(typeof(SecondsAsTimeSpan))]
    public double ClockErrorSeconds { get; init; }

    /// <summary>For example <c>30 switches, slots of 1 s</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{SwitchCount} switches, slots of {SlotSeconds:0.##} s");
}

/// <summary>The purpose of a step in an experiment.</summary>
[JsonText(typeof(EnumName))]
public enum ExperimentStepKind
{
    /// <summary>Checking the plan against the VM's present state.</summary>
    Check,

    /// <summary>Noting the conditions and preparing the workload in the guest, and removing it.</summary>
    Prepare,

    /// <summary>Making the change or taking it back, a restart included.</summary>
    Switch,

    /// <summary>Runs.</summary>
    Measure,

    /// <summary>Comparing the two sides.</summary>
    Compare,
}

/// <summary>One step of an experiment.</summary>
/// <param name="Kind">Its purpose.</param>
/// <param name="Name">The step in words, for example <c>pair 3: candidate</c>.</param>
/// <param name="StartedAt">When it began.</param>
[method: JsonConstructor]
public sealed record ExperimentStep(ExperimentStepKind Kind, string Name, DateTimeOffset StartedAt)
{
    /// <summary>Creates a step with its duration.</summary>
    /// <param name="kind">Its purpose.</param>
    /// <param name="name">The step in words, for example <c>pair 3: candidate</c>.</param>
    /// <param name="startedAt">When it began.</param>
    /// <param name="elapsed">How long it took.</param>
    public ExperimentStep(ExperimentStepKind kind, string name, DateTimeOffset startedAt, TimeSpan elapsed)
        : this(kind, name, startedAt) => Elapsed = elapsed;

    /// <summary>When it began.</summary>
    public DateTimeOffset StartedAt { get; init => field = value.ToLocalTime(); } = StartedAt.ToLocalTime();

    /// <summary>How long it took.</summary>
    [JsonInclude]
    internal TimeSpan Elapsed { get; init; }

    /// <summary>How many seconds it took.</summary>
    public double ElapsedSeconds => Elapsed.TotalSeconds;

    /// <summary>For example <c>pair 3: candidate (12.4 s)</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Name} ({ElapsedSeconds:0.#} s)");
}
