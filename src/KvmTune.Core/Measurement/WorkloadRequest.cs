// What a user asks to be run: the workload's name and its settings, as a value that travels with the result and can be repeated.
using KvmTune.Guest;

namespace KvmTune.Measurement;

/// <summary>A workload by name, with the settings that make a repetition the same work.</summary>
public sealed record WorkloadRequest
{
    /// <summary>The workload's name, for example <c>RandomWrite</c>.</summary>
    public required string Name { get; init; }

    /// <summary>How many runs are counted; the warm-up comes on top.</summary>
    public int Runs { get; init; } = 8;

    /// <summary>How long the steady load of one run lasts; the ramp of a second comes on top.</summary>
    public TimeSpan RunTime { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>The folder in the guest where a disk workload makes its file; null lets the guest's largest writable file system be found.</summary>
    public string? GuestPath { get; init; }

    /// <summary>The size of a disk workload's file in MiB; null lets the workload choose by free space.</summary>
    public int? FileSizeMiB { get; init; }

    /// <summary>Which way into the guest is taken.</summary>
    public GuestChannelKind Channel { get; init; } = GuestChannelKind.Auto;
}
