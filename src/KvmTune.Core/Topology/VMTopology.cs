// The places of a VM's vCPUs, threads, memory, disks and NICs, as running and as configured.
using System.Text.Json.Serialization;

namespace KvmTune.Topology;

/// <summary>
/// A VM with its place on the host. The top-level members show the values in force: of the running VM if it runs,
/// otherwise of the persistent configuration. <see cref="PendingRestart"/> shows the settings that a restart would change.
/// </summary>
public sealed record VMTopology
{
    /// <summary>The VM's name (libvirt: domain name).</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection to the VM.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>libvirt's name of the state.</summary>
    public required VMState State { get; init; }

    /// <summary>Whether a persistent configuration exists; a VM without one disappears when it stops.</summary>
    public required bool IsPersistent { get; init; }

    /// <summary>The running configuration; null if the VM does not run.</summary>
    public VMConfiguration? Running { get; init; }

    /// <summary>The persistent configuration, in force from the next start; null for a transient VM.</summary>
    public VMConfiguration? Configured { get; init; }

    /// <summary>All vCPUs by number, plugged in or not.</summary>
    public required IReadOnlyList<VcpuTopology> Vcpus { get; init => field = Items.Of(value); }

    /// <summary>The settings in which the running VM differs from its persistent configuration.</summary>
    public IReadOnlyList<ConfigurationDifference> Differences { get; init => field = Items.Of(value); } = Items<ConfigurationDifference>.None;

    /// <summary>
    /// The differences that only a restart can bring into force. A setting that the running VM could take at once does not wait for a restart.
    /// </summary>
    public IReadOnlyList<ConfigurationDifference> PendingRestart => Differences.Where(difference => !difference.CanBeLive).ToItems();

    /// <summary>The configuration in force.</summary>
    public VMConfiguration Current => Running ?? Configured
        ?? throw new InvalidOperationException($"The VM '{VMName}' has neither a running nor a persistent configuration.");

    /// <summary>The number of vCPUs that are plugged in.</summary>
    public int VcpuCount => Current.CurrentVcpus;

    /// <summary>The host CPUs of the emulator thread; null if it is not pinned.</summary>
    public CpuSet? EmulatorPin => Current.EmulatorPin;

    /// <summary>The I/O threads.</summary>
    public IReadOnlyList<IOThreadTopology> IOThreads => new Items<IOThreadTopology>(
        [.. Current.IOThreadIds.Select(id => new IOThreadTopology(id, Current.IOThreadPins.GetValueOrDefault(id)) { VM = new VMOwner(VMName, VMId, ConnectionUri) })]);

    /// <summary>The host CPUs of threads without a pin of their own (<c>&lt;vcpu cpuset&gt;</c>); null for all.</summary>
    public CpuSet? DefaultCpuSet => Current.VcpuCpuSet;

    /// <summary>Limits, weights and schedulers of the VM's threads.</summary>
    public CpuLimits Limits => Current.Limits;

    /// <summary>The guest's CPU.</summary>
    public CpuConfiguration Cpu => Current.Cpu;

    /// <summary>The guest's memory and its backing.</summary>
    public MemoryConfiguration Memory => Current.Memory;

    /// <summary>The pins of the vCPUs, grouped by host CPUs, for example <c>0-1:2 2:3-5</c>; null if no vCPU is pinned.</summary>
    public string? Pins => Vcpus.Where(vcpu => vcpu.Pin is not null).GroupBy(vcpu => vcpu.Pin!)
        .Select(pinned => $"{CpuSet.Of(pinned.Select(vcpu => vcpu.Number))}:{pinned.Key}").ToList() is { Count: > 0 } pins ? string.Join(' ', pins) : null;

    /// <summary>The page sizes of the memory: <c>normal</c>, <c>2 MiB</c>, or <c>huge</c> for the host's default size.</summary>
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

/// <summary>Identifies the VM of a part.</summary>
/// <param name="VMName">The VM's name.</param>
/// <param name="VMId">The VM's UUID.</param>
/// <param name="ConnectionUri">The libvirt connection to the VM.</param>
internal sealed record VMOwner(string VMName, Guid VMId, string ConnectionUri);

/// <summary>A part of a VM: a vCPU, an I/O thread, a disk, a NIC. It names its VM, so that cmdlets take both the VM and the part from it.</summary>
public abstract record VMPart
{
    /// <summary>The name of its VM; null in a configuration that was not read from a host.</summary>
    public string? VMName => VM?.VMName;

    /// <summary>The UUID of its VM; null in a configuration that was not read from a host.</summary>
    public Guid? VMId => VM?.VMId;

    /// <summary>The libvirt connection to its VM; null in a configuration that was not read from a host.</summary>
    public string? ConnectionUri => VM?.ConnectionUri;

    // Set by the reader.
    [JsonInclude]
    internal VMOwner? VM { get; set; }
}

/// <summary>One vCPU.</summary>
/// <param name="Number">The vCPU's number in the VM, from 0.</param>
/// <param name="IsOnline">Whether it is plugged in.</param>
/// <param name="Pin">The host CPUs of its pin; null if it is not pinned.</param>
/// <param name="HostCpu">The host CPU that it ran on at the moment of reading; null if the VM does not run.</param>
/// <param name="CpuTimeSeconds">The seconds of host CPU time that it has used since the VM's start; null if the VM does not run.</param>
public sealed record VcpuTopology(int Number, bool IsOnline, CpuSet? Pin, int? HostCpu, double? CpuTimeSeconds) : VMPart
{
    /// <summary>For example <c>vCPU 0 on 0-3</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"vCPU {Number}{(Pin is null ? null : $" on {Pin}")}");
}

/// <summary>One I/O thread.</summary>
/// <param name="Id">Its id in the VM, from 1.</param>
/// <param name="Pin">The host CPUs of its pin; null if it is not pinned.</param>
public sealed record IOThreadTopology(int Id, CpuSet? Pin) : VMPart
{
    /// <summary>Its id, with the name of the cmdlets' parameter.</summary>
    public int IOThread => Id;

    /// <summary>For example <c>I/O thread 1 on 0-3</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"I/O thread {Id}{(Pin is null ? null : $" on {Pin}")}");
}

/// <summary>A setting that differs between the running VM and its persistent configuration.</summary>
/// <param name="Setting">The setting in words, for example <c>disk vdb cache</c>.</param>
/// <param name="Running">The value in force; null if it is not set.</param>
/// <param name="Configured">The value from the next start on; null if it is not set.</param>
public sealed record ConfigurationDifference(string Setting, string? Running, string? Configured)
{
    /// <summary>Whether the running VM could take the other value without a restart.</summary>
    public bool CanBeLive { get; init; }

    /// <summary>For example <c>disk vdb cache: writeback -> none</c>.</summary>
    public override string ToString() => $"{Setting}: {Running ?? "(not set)"} -> {Configured ?? "(not set)"}";
}
