// The result of a change: the plan that was applied, the values that were read back, and how to take the change back.
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

    /// <summary>The VM was already as requested; nothing was changed.</summary>
    NoChange,

    /// <summary>The change is kept, because it was worth keeping (<c>-Unless</c>); nothing was changed.</summary>
    Kept,
}

/// <summary>The result of a change.</summary>
public sealed record VMTuningResult
{
    /// <summary>The VM's name.</summary>
    public string VMName => Plan.VMName;

    /// <summary>The VM's UUID.</summary>
    public Guid VMId => Plan.VMId;

    /// <summary>The libvirt connection to the VM.</summary>
    public string ConnectionUri => Plan.ConnectionUri;

    /// <summary>The area of the change.</summary>
    public TuningArea Area => Plan.Area;

    /// <summary>The change in words.</summary>
    public string Title => Plan.Title;

    /// <summary>How it ended.</summary>
    public required TuningOutcome Outcome { get; init; }

    /// <summary>The plan that was applied.</summary>
    public required VMTuningPlan Plan { get; init; }

    /// <summary>The values that were read back after the change.</summary>
    public IReadOnlyList<Verification> Verifications { get; init => field = Items.Of(value); } = Items<Verification>.None;

    /// <summary>The steps that are left to the user, for example a command to run in a guest without an agent.</summary>
    public IReadOnlyList<string> Notes { get; init => field = Items.Of(value); } = Items<string>.None;

    /// <summary>Whether the VM got a new QEMU process for the change.</summary>
    public bool Restarted { get; init; }

    /// <summary>The way of the restart, <see cref="RestartBy.Suspend"/> or <see cref="RestartBy.Reboot"/>; null without a restart.</summary>
    public RestartBy? RestartedBy { get; init; }

    /// <summary>How long a suspend paused the guest, in seconds; null without a suspend.</summary>
    public double? PauseSeconds { get; init; }

    /// <summary>Why the VM was rebooted although a suspend was preferred (<see cref="RestartBy.Auto"/>); null otherwise.</summary>
    public string? RebootReason { get; init; }

    /// <summary>The journal entry of the change; null if nothing was changed.</summary>
    public long? JournalId { get; init; }

    /// <summary>The changes that take this one back, in the order to apply them.</summary>
    public IReadOnlyList<VMChange> Inverse { get; init => field = Items.Of(value); } = Items<VMChange>.None;

    /// <summary>
    /// The most direct source that confirmed the change, for example <c>by the kernel</c>; <c>NOT as asked</c> if a value differs; null if nothing was
    /// verified.
    /// </summary>
    public string? Verified => Verifications.Count == 0
        ? null
        : Verifications.Any(verification => !verification.IsMet) ? "NOT as asked"
        : Verifications.Max(verification => verification.By) switch
        {
            VerifiedBy.Guest => "in the guest",
            VerifiedBy.Kernel => "by the kernel",
            VerifiedBy.Qemu => "by QEMU",
            _ => "by libvirt",
        };

    /// <summary>When it was applied.</summary>
    public required DateTimeOffset AppliedAt { get; init => field = value.ToLocalTime(); }

    /// <summary>The duration, including a restart.</summary>
    [JsonInclude]
    internal TimeSpan Elapsed { get; init; }

    /// <summary>The duration in seconds, including a restart.</summary>
    public double ElapsedSeconds => Elapsed.TotalSeconds;

    /// <summary>The measurement from the pipeline before the change: the baseline of the next one.</summary>
    [JsonInclude]
    internal IChangeBaseline? Baseline { get; init; }

    /// <summary>
    /// The measurement from the pipeline before the change; null for none. A method, because a property would add its runs to the JSON of every
    /// change.
    /// </summary>
    public IChangeBaseline? MeasuredBefore() => Baseline;

    /// <summary>The settings that changed.</summary>
    public IReadOnlyList<SettingDifference> Differences => Plan.Differences;

    /// <summary>The equivalent virsh commands, one per line.</summary>
    public string VirshCommand => Plan.VirshCommand;

    /// <summary>For example <c>db01: pin vCPU 0 to host CPU 2 (Applied)</c>.</summary>
    public override string ToString() => $"{VMName}: {Title} ({Outcome})";
}
