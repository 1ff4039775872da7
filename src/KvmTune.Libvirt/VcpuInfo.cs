// libvirt's information about vCPUs and I/O threads.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

/// <summary>The vCPUs to count (virDomainVcpuFlags).</summary>
[Flags]
internal enum VcpuCountFlags
{
    /// <summary>The virtual CPUs of the running domain if it runs, else of the persistent configuration.</summary>
    Current = 0,

    /// <summary>The virtual CPUs of the running domain.</summary>
    Live = 1,

    /// <summary>The virtual CPUs of the persistent configuration.</summary>
    Config = 2,

    /// <summary>The maximum number, not the number of plugged-in ones.</summary>
    Maximum = 4,

    /// <summary>The virtual CPUs that the guest uses, according to its agent.</summary>
    Guest = 8,
}

/// <summary>The host CPU of a virtual CPU in a running domain.</summary>
/// <param name="Number">Its number, from 0.</param>
/// <param name="CpuTimeNanoseconds">The CPU time it has used, in nanoseconds.</param>
/// <param name="HostCpu">The host CPU it last ran on; negative if it is offline or libvirt does not report it.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct VcpuPlace(int Number, ulong CpuTimeNanoseconds, int HostCpu);

/// <summary>An I/O thread of a domain.</summary>
/// <param name="Id">Its id, from 1.</param>
/// <param name="CpuMap">The host CPUs it may run on; the index is the host CPU's id.</param>
public sealed record IOThreadInfo(uint Id, bool[] CpuMap);
