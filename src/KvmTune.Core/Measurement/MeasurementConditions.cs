// What was true of host and guest while a measurement was made, so that unlike results are not compared.
namespace KvmTune.Measurement;

/// <summary>The conditions of a measurement. A value that could not be known is null, never a guess.</summary>
public sealed record MeasurementConditions
{
    /// <summary>The host's name as libvirt reports it.</summary>
    public required string HostName { get; init; }

    /// <summary>The host's kernel release, where the host is the local one.</summary>
    public string? HostKernel { get; init; }

    /// <summary>The version of the libvirt daemon, as <c>major.minor.release</c>.</summary>
    public string? LibvirtVersion { get; init; }

    /// <summary>The hypervisor and its version, for example <c>QEMU 7.2.22</c>.</summary>
    public string? HypervisorVersion { get; init; }

    /// <summary>The type of the domain: <c>kvm</c>, <c>qemu</c> (emulation), <c>test</c>.</summary>
    public required string DomainType { get; init; }

    /// <summary>The CPU frequency governor, where the host is local and has one.</summary>
    public string? CpuGovernor { get; init; }

    /// <summary>Whether simultaneous multithreading is active on the local host.</summary>
    public bool? SimultaneousMultithreading { get; init; }

    /// <summary>The mode of transparent huge pages on the local host: always, madvise or never.</summary>
    public string? TransparentHugePages { get; init; }

    /// <summary>How many other VMs ran on the host when the measurement began.</summary>
    public int? OtherRunningVMs { get; init; }

    /// <summary>The host's one-minute load average when the measurement began, where the host is local.</summary>
    public double? HostLoadAverage { get; init; }

    /// <summary>SHA-256 over the VM's running XML without what differs at each start (ids, aliases, labels, tap names), in hex.</summary>
    public required string ConfigurationHash { get; init; }

    /// <summary>The channel that the workload was run by: <c>Agent</c>, <c>Ssh</c>, or <c>None</c>.</summary>
    public required string Channel { get; init; }

    /// <summary>The workload program and its version in the guest, for example <c>fio-3.33</c>.</summary>
    public string? WorkloadVersion { get; init; }

    /// <summary>The guest's kernel release, where the workload looked at the guest.</summary>
    public string? GuestKernel { get; init; }

    /// <summary>What was free on the file system of the disk workload's file before that was made, in MiB; null where there was no file.</summary>
    public long? GuestFreeMiB { get; init; }

    /// <summary>Where in the guest a disk workload worked, and how large its file was; null where there was no file.</summary>
    public string? GuestFile { get; init; }

    /// <summary>For example <c>host1, qemu, by Agent</c>.</summary>
    public override string ToString() => $"{HostName}, {DomainType}, by {Channel}";
}
