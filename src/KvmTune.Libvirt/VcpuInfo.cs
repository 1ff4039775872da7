// What libvirt says about virtual CPUs and I/O threads.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

/// <summary>What to count (virDomainVcpuFlags).</summary>
[Flags]
internal enum VcpuCountFlags
{
    /// <summary>The virtual CPUs of the running domain if it runs, else of the persistent configuration.</summary>
    Current = 0,

    /// <summary>Those of the running domain.</summary>
    Live = 1,

    /// <summary>Those of the persistent configuration.</summary>
    Config = 2,

    /// <summary>The most there can be, rather than those that are plugged in.</summary>
    Maximum = 4,

    /// <summary>Those that the guest uses, as its agent says.</summary>
    Guest = 8,
}

/// <summary>Where a virtual CPU of a running domain is.</summary>
/// <param name="Number">Its number, from 0.</param>
/// <param name="CpuTimeNanoseconds">The CPU time it has used, in nanoseconds.</param>
/// <param name="HostCpu">The host CPU it last ran on; negative where it is offline or libvirt cannot tell.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct VcpuPlace(int Number, ulong CpuTimeNanoseconds, int HostCpu);

/// <summary>An I/O thread of a domain.</summary>
/// <param name="Id">Its id, from 1.</param>
/// <param name="CpuMap">The host CPUs it may run on; the index is the host CPU's id.</param>
public sealed record IOThreadInfo(uint Id, bool[] CpuMap);
