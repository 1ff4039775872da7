// The requested workload: its name and its settings, as a value that is stored with the result and can be repeated.
using System.Text.Json.Serialization;
using KvmTune.Guest;

namespace KvmTune.Measurement;

/// <summary>A workload by name, with the settings that a repetition needs for the same work.</summary>
public sealed record WorkloadRequest
{
    /// <summary>The workload's name, for example <c>RandomWrite</c>.</summary>
    public required string Name { get; init; }

    /// <summary>How many runs are counted; the warm-up is extra.</summary>
    public int Runs { get; init; } = 8;

    /// <summary>How long the steady load of one run lasts; the ramp of a second is extra.</summary>
    [JsonInclude]
    internal TimeSpan RunTime { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How many seconds the steady load of one run lasts; the ramp of a second is extra.</summary>
    [JsonIgnore]
    public double RunTimeSeconds { get => RunTime.TotalSeconds; init => RunTime = TimeSpan.FromSeconds(value); }

    /// <summary>The folder in the guest for the file of a disk workload; null means the guest's largest writable file system.</summary>
    public string? GuestPath { get; init; }

    /// <summary>The size of a disk workload's file in MiB; null means that the workload chooses by free space.</summary>
    public int? FileSizeMiB { get; init; }

    /// <summary>Which channel into the guest to use.</summary>
    public GuestChannelKind Channel { get; init; } = GuestChannelKind.Auto;

    /// <summary>How to reach the guest by SSH; null to not use SSH.</summary>
    public SshEndpoint? Ssh { get; init; }

    /// <summary>The program of the workload Command; null for the others.</summary>
    public CommandSettings? Command { get; init; }

    /// <summary>The host's address as the guest reaches it, for the workload Network; null means the host's address on the VM's bridge.</summary>
    public string? HostAddress { get; init; }

    /// <summary>How many parallel streams the workload Network sends in each direction.</summary>
    public int Streams { get; init; } = 4;

    /// <summary>The area that the workload Observe watches.</summary>
    public ObservedArea Area { get; init; } = ObservedArea.Cpu;

    /// <summary>For example <c>RandomWrite</c>.</summary>
    public override string ToString() => Name;
}

/// <summary>The user's own program as a workload: each run of it is one run of the measurement.</summary>
public sealed record CommandSettings
{
    /// <summary>The program: an absolute path, or a name that the guest's <c>PATH</c> finds.</summary>
    public required string Path { get; init; }

    /// <summary>Its arguments, each passed unchanged.</summary>
    public IReadOnlyList<string> Arguments { get; init => field = Items.Of(value); } = Items<string>.None;

    /// <summary>The metrics, and how to find them in the program's output. Exactly one is primary.</summary>
    public required IReadOnlyList<CommandMetric> Metrics { get; init => field = Items.Of(value); }

    /// <summary>How long one run may take; after that the program is ended in the guest.</summary>
    [JsonInclude]
    internal TimeSpan TimeLimit { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How many seconds one run may take; after that the program is ended in the guest.</summary>
    [JsonIgnore]
    public double TimeLimitSeconds { get => TimeLimit.TotalSeconds; init => TimeLimit = TimeSpan.FromSeconds(value); }

    /// <summary>Two settings are equal if they run the same program and read the same metrics.</summary>
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

/// <summary>The areas that the workload Observe can watch.</summary>
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
