// A running VM during a live change: the libvirt domain, the host, and the VM's process if it is on this machine.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>The target of a live change.</summary>
/// <param name="Domain">The domain, on a writable connection.</param>
/// <param name="Before">The running configuration before the change.</param>
/// <param name="HostCpus">The host CPUs that are online.</param>
/// <param name="CpuMapLength">The length of a CPU map on this host.</param>
/// <param name="Process">The VM's process; null if the host is another machine or the driver has no processes.</param>
public sealed record LiveTarget(LibvirtDomain Domain, VMConfiguration Before, CpuSet HostCpus, int CpuMapLength, QemuProcess? Process)
{
    /// <summary>The host CPUs of an unpinned thread: <c>&lt;vcpu cpuset&gt;</c>, otherwise all online CPUs (libvirt formatdomain).</summary>
    public CpuSet UnpinnedCpus => Before.VcpuCpuSet is { IsEmpty: false } cpus ? cpus : HostCpus;
}

/// <summary>The target of the checks after the restart that brought a change into force.</summary>
/// <param name="Domain">The domain, on a writable connection.</param>
/// <param name="Running">The running configuration now.</param>
/// <param name="Process">The VM's process; null if the host is another machine or the driver has no processes.</param>
public sealed record RestartedTarget(LibvirtDomain Domain, VMConfiguration Running, QemuProcess? Process)
{
    /// <summary>The clock for waits.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The steps that are left to the user, added by the change.</summary>
    public ICollection<string> Notes { get; } = [];
}
