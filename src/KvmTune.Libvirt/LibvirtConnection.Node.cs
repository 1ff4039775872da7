// The host's online CPUs and its free memory.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtConnection
{
    // More than any host has, and the limit of the remote protocol; libvirt stops at the last existing node.
    private const int MaximumNodes = 1024;

    /// <summary>The number of host CPUs that are present, online or not. Host CPU ids are below it (<c>virNodeGetCPUMap</c>).</summary>
    public int GetHostCpuCount() => LibvirtError.Check(virNodeGetCPUMap(Handle, null, null, 0), Handle);

    /// <summary>Whether each host CPU is online: the index is the host CPU's id, for all present CPUs.</summary>
    public bool[] GetOnlineCpus()
    {
        byte* map = null;
        var count = LibvirtError.Check(virNodeGetCPUMap(Handle, &map, null, 0), Handle);
        try
        {
            return CpuMap.FromBytes(new ReadOnlySpan<byte>(map, CpuMap.LengthOf(count)), count);
        }
        finally
        {
            NativeMemory.Free(map);
        }
    }

    /// <summary>The free memory in bytes; the index is the NUMA node (<c>virNodeGetCellsFreeMemory</c>).</summary>
    public IReadOnlyList<long> GetFreeMemoryBytesPerNode()
    {
        var free = new long[MaximumNodes];
        fixed (long* pointer = free)
        {
            var count = LibvirtError.Check(virNodeGetCellsFreeMemory(Handle, pointer, 0, MaximumNodes), Handle);
            return free[..count];
        }
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virNodeGetCPUMap(ConnectionHandle connection, byte** map, uint* online, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virNodeGetCellsFreeMemory(ConnectionHandle connection, long* free, int start, int maximum);
}
