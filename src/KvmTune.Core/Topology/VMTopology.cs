// Where everything of a VM sits: vCPUs, threads, memory, disks and NICs, as running and as configured.
using System.Text.Json.Serialization;

namespace KvmTune.Topology;

/// <summary>
/// A VM with its place on the host. The members at the top show what is in force: the running VM where it runs,
/// else of the persistent configuration. What a restart would change stands in <see cref="PendingRestart"/>.
/// </summary>
public sealed record VMTopology
{
    /// <summary>The VM's name (libvirt: domain name).</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection that the VM was reached by.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The state as libvirt names it.</summary>
    public required VMState State { get; init; }

    /// <summary>Whether a persistent configuration exists; a VM without one is gone when it stops.</summary>
    public required bool IsPersistent { get; init; }

    /// <summary>The running configuration; null when the VM does not run.</summary>
    public VMConfiguration? Running { get; init; }

    /// <summary>The persistent configuration, in force from the next start; null for a transient VM.</summary>
    public VMConfiguration? Configured { get; init; }

    /// <summary>The vCPUs, plugged in or not, by number.</summary>
    public required IReadOnlyList<VcpuTopology> Vcpus { get; init => field = Items.Of(value); }

    /// <summary>The settings in which the running VM differs from its persistent configuration.</summary>
    public IReadOnlyList<ConfigurationDifference> Differences { get; init => field = Items.Of(value); } = Items<ConfigurationDifference>.None;

    /// <summary>Those of them that only a restart can bring into force. A setting that the running VM could take at once is not waiting for a restart.</summary>
    public IReadOnlyList<ConfigurationDifference> PendingRestart => Differences.Where(difference => !difference.CanBeLive).ToItems();

    /// <summary>What is in force now.</summary>
    public VMConfiguration Current => Running ?? Configured
        ?? throw new InvalidOperationException($"The VM '{VMName}' has neither a running nor a persistent configuration.");

    /// <summary>How many vCPUs are plugged in.</summary>
    public int VcpuCount => Current.CurrentVcpus;

    /// <summary>The host CPUs of the emulator thread; null when it is not pinned.</summary>
    public CpuSet? EmulatorPin => Current.EmulatorPin;

    /// <summary>The I/O threads.</summary>
    public IReadOnlyList<IOThreadTopology> IOThreads => new Items<IOThreadTopology>(
        [.. Current.IOThreadIds.Select(id => new IOThreadTopology(id, Current.IOThreadPins.GetValueOrDefault(id)) { VM = new VMOwner(VMName, VMId, ConnectionUri) })]);

    /// <summary>The host CPUs of threads without a pin of their own (<c>&lt;vcpu cpuset&gt;</c>); null for all.</summary>
    public CpuSet? DefaultCpuSet => Current.VcpuCpuSet;

    /// <summary>Limits, weights and schedulers of its threads.</summary>
    public CpuLimits Limits => Current.Limits;

    /// <summary>The CPU that the guest sees.</summary>
    public CpuConfiguration Cpu => Current.Cpu;

    /// <summary>The guest's memory and what backs it.</summary>
    public MemoryConfiguration Memory => Current.Memory;

    /// <summary>The pins of the vCPUs, those of the same host CPUs together, for example <c>0-1:2 2:3-5</c>; null where no vCPU is pinned.</summary>
    public string? Pins => Vcpus.Where(vcpu => vcpu.Pin is not null).GroupBy(vcpu => vcpu.Pin!)
        .Select(pinned => $"{CpuSet.Of(pinned.Select(vcpu => vcpu.Number))}:{pinned.Key}").ToList() is { Count: > 0 } pins ? string.Join(' ', pins) : null;

    /// <summary>The sizes of the pages behind the memory: <c>normal</c>, <c>2 MiB</c>, or <c>huge</c> where the host's default size is meant.</summary>
    public string Pages => !Memory.UsesHugePages
        ? "normal"
        : Memory.HugePages.Count == 0 ? "huge" : string.Join(' ', Memory.HugePages.Select(page => page.PageSizeKiB is { } size ? PageSize.Short(size) : "huge"));

    /// <summary>The disks.</summary>
    public IReadOnlyList<DiskConfiguration> Disks => Current.Disks;

    /// <summary>The network interfaces.</summary>
    public IReadOnlyList<NicConfiguration> Nics => Current.Nics;

    /// <summary>For example <c>db01: Running, 2 vCPUs, 2048 MiB</c>.</summary>
    public override string ToString() => Running is null && Configured is null
        ? $"{VMName}: {State}"
        : FormattableString.Invariant($"{VMName}: {State}, {VcpuCount} vCPU{(VcpuCount == 1 ? null : "s")}, {Memory.MaximumKiB / 1024} MiB");
}

/// <summary>Which VM something belongs to.</summary>
/// <param name="VMName">The VM's name.</param>
/// <param name="VMId">The VM's UUID.</param>
/// <param name="ConnectionUri">The libvirt connection that the VM is reached by.</param>
internal sealed record VMOwner(string VMName, Guid VMId, string ConnectionUri);

/// <summary>A part of a VM: a vCPU, an I/O thread, a disk, a NIC. It knows its VM, so that cmdlets take it for that VM and itself.</summary>
public abstract record VMPart
{
    /// <summary>The name of its VM; null in a configuration that was not read from a host.</summary>
    public string? VMName => VM?.VMName;

    /// <summary>The UUID of its VM; null in a configuration that was not read from a host.</summary>
    public Guid? VMId => VM?.VMId;

    /// <summary>The libvirt connection that its VM is reached by; null in a configuration that was not read from a host.</summary>
    public string? ConnectionUri => VM?.ConnectionUri;

    // Set by the one who read it.
    [JsonInclude]
    internal VMOwner? VM { get; set; }
}

/// <summary>One vCPU.</summary>
/// <param name="Number">The vCPU's number in the VM, from 0.</param>
/// <param name="IsOnline">Whether it is plugged in.</param>
/// <param name="Pin">The host CPUs that it is pinned to; null when it is not pinned.</param>
/// <param name="HostCpu">The host CPU that it ran on when it was looked at; null when the VM does not run.</param>
/// <param name="CpuTimeSeconds">The seconds of host CPU time that it has used since the VM's start; null when the VM does not run.</param>
public sealed record VcpuTopology(int Number, bool IsOnline, CpuSet? Pin, int? HostCpu, double? CpuTimeSeconds) : VMPart
{
    /// <summary>For example <c>vCPU 0 on 0-3</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"vCPU {Number}{(Pin is null ? null : $" on {Pin}")}");
}

/// <summary>One I/O thread.</summary>
/// <param name="Id">Its id in the VM, from 1.</param>
/// <param name="Pin">The host CPUs that it is pinned to; null when it is not pinned.</param>
public sealed record IOThreadTopology(int Id, CpuSet? Pin) : VMPart
{
    /// <summary>Its id, under the name of the parameter that takes it.</summary>
    public int IOThread => Id;

    /// <summary>For example <c>I/O thread 1 on 0-3</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"I/O thread {Id}{(Pin is null ? null : $" on {Pin}")}");
}

/// <summary>A setting that differs between the running VM and its persistent configuration.</summary>
/// <param name="Setting">The setting in words, for example <c>disk vdb cache</c>.</param>
/// <param name="Running">The value in force; null when it is not set.</param>
/// <param name="Configured">The value from the next start on; null when it is not set.</param>
public sealed record ConfigurationDifference(string Setting, string? Running, string? Configured)
{
    /// <summary>Whether the running VM could take the other value without a restart.</summary>
    public bool CanBeLive { get; init; }

    /// <summary>For example <c>disk vdb cache: writeback -> none</c>.</summary>
    public override string ToString() => $"{Setting}: {Running ?? "(not set)"} -> {Configured ?? "(not set)"}";
}
