// An observation in a VM's configuration: its place, severity and evidence, and the change that would address it.
using KvmTune.Tuning;

namespace KvmTune.Diagnosis;

/// <summary>How grave a finding is, the gravest first.</summary>
[JsonText(typeof(EnumName))]
public enum FindingSeverity
{
    /// <summary>Data or the next start of the VM is at risk, or vCPUs wait for each other under any load.</summary>
    High,

    /// <summary>Known to cost speed or safety for the workloads that it names.</summary>
    Medium,

    /// <summary>Worth a try where a measurement shows that its area is slow.</summary>
    Low,

    /// <summary>Nothing is known to be wrong, but something could not be read.</summary>
    Unknown,
}

/// <summary>A value that a finding rests on.</summary>
/// <param name="What">What was looked at, for example <c>disk vdb cache</c>.</param>
/// <param name="Value">What was found.</param>
/// <param name="Source">Where it was read, for example <c>libvirt: persistent XML</c>.</param>
public sealed record FindingEvidence(string What, string Value, string Source)
{
    /// <summary>For example <c>disk vdb cache: (not set) (libvirt: persistent XML)</c>.</summary>
    public override string ToString() => $"{What}: {Value} ({Source})";
}

/// <summary>
/// A finding is a candidate, never a command: whether the change helps is for an experiment to say.
/// </summary>
public sealed record VMTuningFinding
{
    /// <summary>The VM's name.</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection that the VM was reached by.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The area that it belongs to.</summary>
    public required TuningArea Area { get; init; }

    /// <summary>How grave it is.</summary>
    public required FindingSeverity Severity { get; init; }

    /// <summary>A fixed PascalCase word that scripts can rely on. Where a rule of changes finds the same fault, it is the rule's id.</summary>
    public required string Id { get; init; }

    /// <summary>The part of the VM that it is about, for example <c>disk vdb</c>.</summary>
    public required string Subject { get; init; }

    /// <summary>The values that it rests on, with their sources.</summary>
    public required IReadOnlyList<FindingEvidence> Evidence { get; init => field = Items.Of(value); }

    /// <summary>The workloads for which it matters, by the names that Measure-VMPerformance takes.</summary>
    public required IReadOnlyList<string> Workloads { get; init => field = Items.Of(value); }

    /// <summary>What to try.</summary>
    public required string Suggestion { get; init; }

    /// <summary>Why it matters, in one sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>The source of the reason.</summary>
    public required string Source { get; init; }

    /// <summary>The change that would address it; null where there is none, and <see cref="NoPlanReason"/> says why.</summary>
    public VMTuningPlan? Plan { get; init; }

    /// <summary>Why there is no plan; null where there is one.</summary>
    public string? NoPlanReason { get; init; }

    /// <summary>What the plan's change does, in words; null without a plan.</summary>
    public string? Title => Plan?.Title;

    /// <summary>What the plan's change does, in words; <c>none:</c> and the reason without a plan.</summary>
    public string Remedy => Title ?? $"none: {NoPlanReason}";

    /// <summary>For example <c>Medium DoubleCaching of 'db01', disk vdb</c>.</summary>
    public override string ToString() => $"{Severity} {Id} of '{VMName}', {Subject}";
}
