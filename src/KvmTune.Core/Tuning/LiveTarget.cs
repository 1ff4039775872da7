// A running VM while a change is made in it: the libvirt domain, the host, and the VM's process where it is on this machine.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>What a live change works on.</summary>
/// <param name="Domain">The domain, on a writable connection.</param>
/// <param name="Before">The running configuration before the change.</param>
/// <param name="HostCpus">The host CPUs that are online.</param>
/// <param name="CpuMapLength">The length of a CPU map on this host.</param>
/// <param name="Process">The VM's process; null when the host is another machine or the driver has no processes.</param>
public sealed record LiveTarget(LibvirtDomain Domain, VMConfiguration Before, CpuSet HostCpus, int CpuMapLength, QemuProcess? Process)
{
    /// <summary>The host CPUs of a thread that is not pinned: <c>&lt;vcpu cpuset&gt;</c>, else all that are online (libvirt formatdomain).</summary>
    public CpuSet UnpinnedCpus => Before.VcpuCpuSet is { IsEmpty: false } cpus ? cpus : HostCpus;
}

/// <summary>What can be looked at after the restart that put a change in force.</summary>
/// <param name="Domain">The domain, on a writable connection.</param>
/// <param name="Running">The running configuration now.</param>
/// <param name="Process">The VM's process; null when the host is another machine or the driver has no processes.</param>
public sealed record RestartedTarget(LibvirtDomain Domain, VMConfiguration Running, QemuProcess? Process)
{
    /// <summary>The clock for waits.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>What is left for a person to do, as a change finds it out.</summary>
    public ICollection<string> Notes { get; } = [];
}
