// What a user asks to be run: the workload's name and its settings, as a value that travels with the result and can be repeated.
using System.Text.Json.Serialization;
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
    [JsonInclude]
    internal TimeSpan RunTime { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How many seconds the steady load of one run lasts; the ramp of a second comes on top.</summary>
    [JsonIgnore]
    public double RunTimeSeconds { get => RunTime.TotalSeconds; init => RunTime = TimeSpan.FromSeconds(value); }

    /// <summary>The folder in the guest where a disk workload makes its file; null lets the guest's largest writable file system be found.</summary>
    public string? GuestPath { get; init; }

    /// <summary>The size of a disk workload's file in MiB; null lets the workload choose by free space.</summary>
    public int? FileSizeMiB { get; init; }

    /// <summary>Which way into the guest is taken.</summary>
    public GuestChannelKind Channel { get; init; } = GuestChannelKind.Auto;

    /// <summary>How the guest is reached by SSH; null where it is not to be.</summary>
    public SshEndpoint? Ssh { get; init; }

    /// <summary>The program of the workload Command; null for the others.</summary>
    public CommandSettings? Command { get; init; }

    /// <summary>The host's address as the guest reaches it, for the workload Network; null lets it be found on the VM's bridge.</summary>
    public string? HostAddress { get; init; }

    /// <summary>How many streams the workload Network sends at a time in each direction.</summary>
    public int Streams { get; init; } = 4;

    /// <summary>What the workload Observe looks at.</summary>
    public ObservedArea Area { get; init; } = ObservedArea.Cpu;

    /// <summary>For example <c>RandomWrite</c>.</summary>
    public override string ToString() => Name;
}

/// <summary>The user's own program as a workload: each run of it is one run of the measurement.</summary>
public sealed record CommandSettings
{
    /// <summary>The program: an absolute path, or a name that the guest's <c>PATH</c> finds.</summary>
    public required string Path { get; init; }

    /// <summary>Its arguments, each handed over as it stands.</summary>
    public IReadOnlyList<string> Arguments { get; init => field = Items.Of(value); } = Items<string>.None;

    /// <summary>The metrics, and where they are in what the program writes. Exactly one is primary.</summary>
    public required IReadOnlyList<CommandMetric> Metrics { get; init => field = Items.Of(value); }

    /// <summary>How long one run may take; past it the program is ended in the guest.</summary>
    [JsonInclude]
    internal TimeSpan TimeLimit { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How many seconds one run may take; past it the program is ended in the guest.</summary>
    [JsonIgnore]
    public double TimeLimitSeconds { get => TimeLimit.TotalSeconds; init => TimeLimit = TimeSpan.FromSeconds(value); }

    /// <summary>Two settings are equal when they run the same and read the same.</summary>
    public bool Equals(CommandSettings? other) =>
        other is not null && Path == other.Path && TimeLimit == other.TimeLimit
        && Arguments.SequenceEqual(other.Arguments, StringComparer.Ordinal) && Metrics.SequenceEqual(other.Metrics);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Path, Arguments.Count, Metrics.Count, TimeLimit);

    /// <summary>For example <c>/opt/load --fast</c>.</summary>
    public override string ToString() => Arguments.Count == 0 ? Path : $"{Path} {string.Join(' ', Arguments)}";
}

/// <summary>One metric of the user's own program. Exactly one of <paramref name="Pattern"/> and <paramref name="JsonPath"/> is given.</summary>
/// <param name="Definition">Its name, unit, direction and kind.</param>
/// <param name="Pattern">A .NET regular expression; its group <c>value</c>, or its first group, is the number. The last match counts.</param>
/// <param name="JsonPath">Where the number is in a JSON report: <c>$.result.tps</c>, <c>$.runs[0]['mean time']</c>.</param>
public sealed record CommandMetric(MetricDefinition Definition, string? Pattern = null, string? JsonPath = null)
{
    /// <summary>For example <c>Throughput</c>.</summary>
    public override string ToString() => Definition.Name;
}

/// <summary>What the workload Observe looks at.</summary>
[JsonText(typeof(EnumName))]
public enum ObservedArea
{
    /// <summary>Processors: how much the guest computes, and how long it waits for a host processor.</summary>
    Cpu,

    /// <summary>Disks: requests a second, and how long they take.</summary>
    Disk,

    /// <summary>Network: throughput and drops.</summary>
    Network,
}
