// What a change did: the plan that was applied, what was read back afterwards, and how to take it back.
using System.Text.Json.Serialization;
using KvmTune.Hosts;

namespace KvmTune.Tuning;

/// <summary>How an attempt to change a VM ended.</summary>
[JsonText(typeof(EnumName))]
public enum TuningOutcome
{
    /// <summary>The change is in force.</summary>
    Applied,

    /// <summary>The change is made and comes into force with the next start of the VM.</summary>
    RestartPending,

    /// <summary>The VM was already as asked for; nothing was touched.</summary>
    NoChange,

    /// <summary>The change is kept, since it was worth keeping (<c>-Unless</c>); nothing was touched.</summary>
    Kept,
}

/// <summary>What a change did.</summary>
public sealed record VMTuningResult
{
    /// <summary>The VM's name.</summary>
    public string VMName => Plan.VMName;

    /// <summary>The VM's UUID.</summary>
    public Guid VMId => Plan.VMId;

    /// <summary>The libvirt connection that the VM was reached by.</summary>
    public string ConnectionUri => Plan.ConnectionUri;

    /// <summary>The area of the change.</summary>
    public TuningArea Area => Plan.Area;

    /// <summary>What the change does, in words.</summary>
    public string Title => Plan.Title;

    /// <summary>How it ended.</summary>
    public required TuningOutcome Outcome { get; init; }

    /// <summary>The plan that was applied.</summary>
    public required VMTuningPlan Plan { get; init; }

    /// <summary>What was read back after the change.</summary>
    public IReadOnlyList<Verification> Verifications { get; init => field = Items.Of(value); } = Items<Verification>.None;

    /// <summary>What is left for a person to do, for example a command to run in a guest that has no agent.</summary>
    public IReadOnlyList<string> Notes { get; init => field = Items.Of(value); } = Items<string>.None;

    /// <summary>Whether the VM got a new QEMU process for the change.</summary>
    public bool Restarted { get; init; }

    /// <summary>By which way: <see cref="RestartBy.Suspend"/> or <see cref="RestartBy.Reboot"/>; null where it was not restarted.</summary>
    public RestartBy? RestartedBy { get; init; }

    /// <summary>How long the guest stood still for a suspend, in seconds; null for anything else.</summary>
    public double? PauseSeconds { get; init; }

    /// <summary>Why it was a reboot where a suspend was preferred (<see cref="RestartBy.Auto"/>); null for anything else.</summary>
    public string? RebootReason { get; init; }

    /// <summary>The journal's entry of the change; null where nothing was touched.</summary>
    public long? JournalId { get; init; }

    /// <summary>The changes that take this one back, in the order to apply them.</summary>
    public IReadOnlyList<VMChange> Inverse { get; init => field = Items.Of(value); } = Items<VMChange>.None;

    /// <summary>When it was applied.</summary>
    public required DateTimeOffset AppliedAt { get; init => field = value.ToLocalTime(); }

    /// <summary>How long it took, a restart included.</summary>
    [JsonInclude]
    internal TimeSpan Elapsed { get; init; }

    /// <summary>How long it took, a restart included, in seconds.</summary>
    public double ElapsedSeconds => Elapsed.TotalSeconds;

    /// <summary>The measurement that came down the pipeline before the change: the baseline of the next one.</summary>
    [JsonInclude]
    internal IChangeBaseline? Baseline { get; init; }

    /// <summary>The measurement that came down the pipeline before the change; null for none. No property: its runs would stand in the JSON of every change.</summary>
    public IChangeBaseline? MeasuredBefore() => Baseline;

    /// <summary>The settings that changed.</summary>
    public IReadOnlyList<SettingDifference> Differences => Plan.Differences;

    /// <summary>The virsh commands that do the same, a line each.</summary>
    public string VirshCommand => Plan.VirshCommand;

    /// <summary>For example <c>db01: pin vCPU 0 to host CPU 2 (Applied)</c>.</summary>
    public override string ToString() => $"{VMName}: {Title} ({Outcome})";
}
