// A checkpoint: the tuning state of a VM at one moment, under a name.
using KvmTune.Tuning;

namespace KvmTune.Journal;

/// <summary>A named tuning state of a VM.</summary>
public sealed record TuningCheckpoint
{
    /// <summary>The VM's name at that time.</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection that the VM was reached by.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The checkpoint's name, unique for each VM.</summary>
    public required string Name { get; init; }

    /// <summary>When it was made.</summary>
    public required DateTimeOffset MadeAt { get; init => field = value.ToLocalTime(); }

    /// <summary>The user who made it.</summary>
    public required string User { get; init; }

    /// <summary>The settings of the VM's persistent configuration; of the running one for a transient VM.</summary>
    public required TuningState State { get; init; }

    /// <summary>How many settings it holds.</summary>
    public int SettingCount => State.Values.Count;

    /// <summary>For example <c>db01: before-summer</c>.</summary>
    public override string ToString() => $"{VMName}: {Name}";
}
