// The ledger of an optimization: the slow areas, the changes that were tried, and which were kept and why.
using System.Text.Json.Serialization;
using KvmTune.Diagnosis;
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Experiments;
using KvmTune.Statistics;
using KvmTune.Tuning;

namespace KvmTune.Optimization;

/// <summary>The result of an optimization.</summary>
[JsonText(typeof(EnumName))]
public enum OptimizationOutcome
{
    /// <summary>Nothing is slow: nothing was tried.</summary>
    LeftAlone,

    /// <summary>At least one change was kept.</summary>
    Improved,

    /// <summary>An area is slow, and no change that was tried helped.</summary>
    NothingHelped,

    /// <summary>An area is slow, and there is nothing to try against it.</summary>
    NothingToTry,

    /// <summary>The time was over before a change was kept.</summary>
    TimeLimitReached,
}

/// <summary>The decision on a candidate.</summary>
[JsonText(typeof(EnumName))]
public enum CandidateDecision
{
    /// <summary>It was tried, and the VM has it.</summary>
    Kept,

    /// <summary>It was tried, and the VM is as it was before.</summary>
    Undone,

    /// <summary>It was not tried, and the VM is as it was.</summary>
    Skipped,

    /// <summary>The experiment ended with an error, and the VM is as it was before.</summary>
    Failed,
}

/// <summary>One line of the ledger: a candidate and the decision on it.</summary>
public sealed record OptimizationStep
{
    /// <summary>The diagnosis that it follows, counted from 1.</summary>
    public required int Round { get; init; }

    /// <summary>The finding in the VM's configuration.</summary>
    public required VMTuningFinding Finding { get; init; }

    /// <summary>The decision.</summary>
    public required CandidateDecision Decision { get; init; }

    /// <summary>Why, as a sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>The experiment; null where none came to its end.</summary>
    public VMExperiment? Experiment { get; init; }

    /// <summary>The area.</summary>
    public TuningArea Area => Finding.Area;

    /// <summary>The change in words, or what the finding suggests where there is no change for it.</summary>
    public string Title => Finding.Title ?? Finding.Suggestion;

    /// <summary>The experiment's verdict; null where there was none.</summary>
    public Verdict? Verdict => Experiment?.Verdict;

    /// <summary>For example <c>Kept: unpin vCPU 0-1. Throughput improved by 84 %.</c></summary>
    public override string ToString() => $"{Decision}: {Title}. {Reason}";
}

/// <summary>What an optimization did to one VM.</summary>
public sealed record VMOptimization
{
    /// <summary>The VM's name (libvirt: domain name).</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection that the VM was reached by.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The workload that loaded the guest and judged the changes; <c>Observe</c> for the guest's own load.</summary>
    public required string Workload { get; init; }

    /// <summary>The result.</summary>
    public required OptimizationOutcome Outcome { get; init; }

    /// <summary>Why it ended, as a sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>The diagnoses, in order: one at the start, and one after each change that was kept.</summary>
    public required IReadOnlyList<VMBottleneckReport> Diagnoses { get; init => field = Items.Of(value); }

    /// <summary>The candidates that were tried or skipped, in order.</summary>
    public required IReadOnlyList<OptimizationStep> Steps { get; init => field = Items.Of(value); }

    /// <summary>When it began.</summary>
    public required DateTimeOffset StartedAt { get; init => field = value.ToLocalTime(); }

    /// <summary>How long it took.</summary>
    [JsonInclude]
    internal TimeSpan Elapsed { get; init; }

    /// <summary>How long it took, in seconds.</summary>
    public double ElapsedSeconds => Elapsed.TotalSeconds;

    /// <summary>The candidates that were kept.</summary>
    public IReadOnlyList<OptimizationStep> Kept => Steps.Where(step => step.Decision == CandidateDecision.Kept).ToItems();

    /// <summary>How many experiments came to their end.</summary>
    public int TriedCount => Steps.Count(step => step.Experiment is not null);

    /// <summary>For example <c>db01: LeftAlone. no bottleneck: leave it alone</c>.</summary>
    public override string ToString() => $"{VMName}: {Outcome}. {Reason}";
}
