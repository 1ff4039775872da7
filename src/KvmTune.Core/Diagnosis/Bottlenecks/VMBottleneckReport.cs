// The report on a VM that was watched for an interval: use, saturation and errors of each area, and the area that holds the VM back.
using System.Globalization;
using System.Text.Json.Serialization;
using KvmTune.Tuning;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>What a value shows, in the words of the USE method (Gregg).</summary>
[JsonText(typeof(EnumName))]
public enum EvidenceKind
{
    /// <summary>How much of a resource is used. It explains the rest, and is not a bottleneck by itself.</summary>
    Utilisation,

    /// <summary>Work that waits for the resource.</summary>
    Saturation,

    /// <summary>Work that failed.</summary>
    Error,
}

/// <summary>Why an area holds a VM back. The names are fixed: scripts rely on them.</summary>
[JsonText(typeof(EnumName))]
public enum BottleneckCause
{
    /// <summary>vCPUs wait for a host CPU that other threads use.</summary>
    VcpuDelay,

    /// <summary>The guest uses all its vCPUs.</summary>
    VcpusUsedUp,

    /// <summary>vCPUs or other threads of the VM stand still because a CPU quota is used up.</summary>
    CpuQuota,

    /// <summary>vCPUs of the VM wait for each other on one host CPU.</summary>
    VcpusShareHostCpu,

    /// <summary>QEMU's emulator thread waits for a host CPU, and with it all devices that have no I/O thread.</summary>
    EmulatorDelay,

    /// <summary>A disk is at its configured limit.</summary>
    DiskLimit,

    /// <summary>The guest waits for flushes: it is sync-bound.</summary>
    DiskFlushes,

    /// <summary>Requests queue at a slow disk.</summary>
    DiskQueue,

    /// <summary>The host paused the VM because a disk failed.</summary>
    DiskError,

    /// <summary>The I/O thread of a disk has no time left, or waits for a host CPU.</summary>
    IOThreadSaturated,

    /// <summary>The guest swaps, or waits for memory.</summary>
    GuestMemory,

    /// <summary>The host swaps the VM's memory.</summary>
    HostMemory,

    /// <summary>A NIC is at its configured limit.</summary>
    NicLimit,

    /// <summary>A NIC drops or damages packets.</summary>
    NicDrops,

    /// <summary>The guest sends lost segments again.</summary>
    TcpRetransmits,
}

/// <summary>One value that a verdict rests on.</summary>
public sealed record BottleneckEvidence
{
    /// <summary>What it shows.</summary>
    public required EvidenceKind Kind { get; init; }

    /// <summary>The part of the VM, for example <c>vCPU 0</c> or <c>disk vdb</c>.</summary>
    public required string Subject { get; init; }

    /// <summary>What was counted, for example <c>run-queue delay</c>.</summary>
    public required string Counter { get; init; }

    /// <summary>The value; null where it is not known.</summary>
    public double? Value { get; init; }

    /// <summary>The value's unit.</summary>
    public required string Unit { get; init; }

    /// <summary>Where the value was read.</summary>
    public required string Source { get; init; }

    /// <summary>The threshold; null where nothing is compared.</summary>
    public double? Threshold { get; init; }

    /// <summary>The threshold's name; null where nothing is compared.</summary>
    public string? ThresholdName { get; init; }

    /// <summary>Where the threshold comes from; null where nothing is compared.</summary>
    public string? ThresholdSource { get; init; }

    /// <summary>Whether it counts: the threshold is reached, and the other thresholds that it needs are reached too.</summary>
    public bool IsExceeded { get; init; }

    /// <summary>For example <c>vCPU 0 run-queue delay: 48 % (from 10 %: VcpuDelayPercent), /proc/PID/task/TID/schedstat</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{(IsExceeded ? "! " : null)}{Subject} {Counter}: {(Value is { } value ? $"{Round(value)} {Unit}" : "unknown")}{(Threshold is { } threshold ? $" (counts from {Round(threshold)} {Unit}: {ThresholdName})" : null)}, {Source}");

    private static string Round(double value) =>
        value.ToString(Math.Abs(value) >= 100 ? "0" : "0.##", CultureInfo.InvariantCulture);
}

/// <summary>One area of a VM.</summary>
public sealed record AreaBottleneck
{
    /// <summary>The area.</summary>
    public required TuningArea Area { get; init; }

    /// <summary>How much of it is used, in per cent; null where that is not known.</summary>
    public double? UtilisationPercent { get; init; }

    /// <summary>Whether it is saturated or fails.</summary>
    public bool IsSaturated => Cause is not null;

    /// <summary>Why it is; null where it is not.</summary>
    public BottleneckCause? Cause { get; init; }

    /// <summary>The part of the VM that shows it, for example <c>disk vdb</c>; null where the area is not saturated.</summary>
    public string? Subject { get; init; }

    /// <summary>The share of the interval in which the VM waited for the area; null where no counter measures time.</summary>
    public double? WaitingPercent { get; init; }

    /// <summary>Whether any counter of its saturation has a value: if none has, the area is unknown, not healthy.</summary>
    public bool IsKnown { get; init; } = true;

    /// <summary>The verdict on the area, in a sentence.</summary>
    public required string Verdict { get; init; }

    /// <summary>All values that were compared or shown.</summary>
    public required IReadOnlyList<BottleneckEvidence> Evidence { get; init => field = Items.Of(value); }

    /// <summary>The values of use.</summary>
    public IReadOnlyList<BottleneckEvidence> Utilisation => Of(EvidenceKind.Utilisation);

    /// <summary>The values of saturation.</summary>
    public IReadOnlyList<BottleneckEvidence> Saturation => Of(EvidenceKind.Saturation);

    /// <summary>The values of errors.</summary>
    public IReadOnlyList<BottleneckEvidence> Errors => Of(EvidenceKind.Error);

    /// <summary>For example <c>Disk: disk vdb stands at its limit…</c>.</summary>
    public override string ToString() => $"{Area}: {Verdict}";

    private Items<BottleneckEvidence> Of(EvidenceKind kind) => Evidence.Where(evidence => evidence.Kind == kind).ToItems();
}

/// <summary>The report on one VM.</summary>
public sealed record VMBottleneckReport
{
    /// <summary>The verdict where nothing is saturated.</summary>
    public const string NoBottleneck = "no bottleneck: leave it alone";

    /// <summary>The VM's name.</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection that the VM was reached by.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>When the watching began.</summary>
    public required DateTimeOffset StartedAt { get; init => field = value.ToLocalTime(); }

    /// <summary>How long it took.</summary>
    [JsonInclude]
    internal TimeSpan Interval { get; init; }

    /// <summary>How long it took, in seconds.</summary>
    public double IntervalSeconds => Interval.TotalSeconds;

    /// <summary>The area that holds the VM back; null where none does.</summary>
    public TuningArea? Area { get; init; }

    /// <summary>The area in a word: <c>CPU</c> and so on; <c>none</c> where none holds the VM back, <c>unknown</c> where no counter could tell.</summary>
    public string AreaName => Area is { } area
        ? area == TuningArea.Cpu ? "CPU" : area.ToString()
        : Areas.Any(found => found.Saturation.Any(evidence => evidence.Value is not null)) ? "none" : "unknown";

    /// <summary>Why it does; null where none does.</summary>
    public BottleneckCause? Cause { get; init; }

    /// <summary>The part of the VM that shows it; null where none does.</summary>
    public string? Subject { get; init; }

    /// <summary>The verdict, in a sentence.</summary>
    public required string Verdict { get; init; }

    /// <summary>The four areas.</summary>
    public required IReadOnlyList<AreaBottleneck> Areas { get; init => field = Items.Of(value); }

    /// <summary>What could not be read, and why.</summary>
    public required IReadOnlyList<string> Notes { get; init => field = Items.Of(value); }

    /// <summary>The CPU area.</summary>
    public AreaBottleneck? Cpu => Areas.FirstOrDefault(found => found.Area == TuningArea.Cpu);

    /// <summary>The disk area.</summary>
    public AreaBottleneck? Disk => Areas.FirstOrDefault(found => found.Area == TuningArea.Disk);

    /// <summary>The memory area.</summary>
    public AreaBottleneck? Memory => Areas.FirstOrDefault(found => found.Area == TuningArea.Memory);

    /// <summary>The network area.</summary>
    public AreaBottleneck? Network => Areas.FirstOrDefault(found => found.Area == TuningArea.Network);

    /// <summary>Whether an area holds the VM back.</summary>
    public bool HasBottleneck => Area is not null;

    /// <summary>The values that count against the VM.</summary>
    public IReadOnlyList<BottleneckEvidence> Exceeded => Areas.SelectMany(area => area.Evidence).Where(evidence => evidence.IsExceeded).ToItems();

    /// <summary>One area of the report.</summary>
    /// <param name="area">CPU, disk, memory or network.</param>
    public AreaBottleneck Of(TuningArea area) => Areas.First(found => found.Area == area);

    /// <summary>For example <c>'db01': Disk: disk vdb stands at its limit…</c>.</summary>
    public override string ToString() => $"'{VMName}': {(Area is { } area ? $"{area}: {Verdict}" : Verdict)}";
}
