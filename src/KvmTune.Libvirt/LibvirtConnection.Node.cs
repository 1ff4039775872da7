// The host: which CPUs are online, and its free memory.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtConnection
{
    // More than any host has, and the most that the remote protocol carries; libvirt stops at the last node that there is.
    private const int MaximumNodes = 1024;

    /// <summary>The number of host CPUs that are present, online or not: host CPU ids go up to it (<c>virNodeGetCPUMap</c>).</summary>
    public int GetHostCpuCount() => LibvirtError.Check(virNodeGetCPUMap(Handle, null, null, 0), Handle);

    /// <summary>Which host CPUs are online: the index is the host CPU's id, for all that are present.</summary>
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
