// The conditions on host and guest during a measurement, so that a comparison can refuse measurements under different ones.
namespace KvmTune.Measurement;

/// <summary>The conditions of a measurement. An unknown value is null, never a guess.</summary>
public sealed record MeasurementConditions
{
    /// <summary>The host's name as libvirt reports it.</summary>
    public required string HostName { get; init; }

    /// <summary>The host's kernel release, if the host is the local one.</summary>
    public string? HostKernel { get; init; }

    /// <summary>The version of the libvirt daemon, as <c>major.minor.release</c>.</summary>
    public string? LibvirtVersion { get; init; }

    /// <summary>The hypervisor and its version, for example <c>QEMU 7.2.22</c>.</summary>
    public string? HypervisorVersion { get; init; }

    /// <summary>The type of the domain: <c>kvm</c>, <c>qemu</c> (emulation), <c>test</c>.</summary>
    public required string DomainType { get; init; }

    /// <summary>The CPU frequency governor, if the host is local and has one.</summary>
    public string? CpuGovernor { get; init; }

    /// <summary>Whether simultaneous multithreading is active on the local host.</summary>
    public bool? SimultaneousMultithreading { get; init; }

    /// <summary>The mode of transparent huge pages on the local host: always, madvise or never.</summary>
    public string? TransparentHugePages { get; init; }

    /// <summary>How many other VMs ran on the host when the measurement began.</summary>
    public int? OtherRunningVMs { get; init; }

    /// <summary>The host's one-minute load average when the measurement began, if the host is local.</summary>
    public double? HostLoadAverage { get; init; }

    /// <summary>SHA-256 over the VM's running XML without the parts that differ at each start (ids, aliases, labels, tap names), in hex.</summary>
    public required string ConfigurationHash { get; init; }

    /// <summary>The channel that ran the workload: <c>Agent</c>, <c>Ssh</c>, or <c>None</c>.</summary>
    public required string Channel { get; init; }

    /// <summary>The workload program and its version in the guest, for example <c>fio-3.33</c>.</summary>
    public string? WorkloadVersion { get; init; }

    /// <summary>The guest's kernel release, if the workload read it.</summary>
    public string? GuestKernel { get; init; }

    /// <summary>The free space on the file system of the disk workload's file before the file was made, in MiB; null without a file.</summary>
    public long? GuestFreeMiB { get; init; }

    /// <summary>The path, disk and size of the disk workload's file in the guest; null for a workload without a file.</summary>
    public string? GuestFile { get; init; }

    /// <summary>For example <c>host1, qemu, by Agent</c>.</summary>
    public override string ToString() => $"{HostName}, {DomainType}, by {Channel}";
}
