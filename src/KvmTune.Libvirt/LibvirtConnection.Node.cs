// The host: its hardware, which CPUs are online, its memory and its counters.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtConnection
{
    // More than any host has, and the most that the remote protocol carries; libvirt stops at the last node that there is.
    private const int MaximumNodes = 1024;

    private const int FieldLength = 80; // VIR_NODE_CPU_STATS_FIELD_LENGTH, VIR_NODE_MEMORY_STATS_FIELD_LENGTH

    private delegate int CounterReader(NativeCounter* counters, ref int count);

    /// <summary>The host's hardware in brief (<c>virNodeGetInfo</c>).</summary>
    public NodeInfo GetNodeInfo()
    {
        NativeNodeInfo info;
        LibvirtError.Check(virNodeGetInfo(Handle, &info), Handle);
        return new NodeInfo(
            TypedParameters.NameOf(new ReadOnlySpan<byte>(info.Model, NativeNodeInfo.ModelLength)),
            info.MemoryKiB,
            (int)info.Cpus,
            (int)info.MHz,
            (int)info.Nodes,
            (int)info.Sockets,
            (int)info.Cores,
            (int)info.Threads);
    }

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

    /// <summary>CPU time since the host's boot, in nanoseconds: <c>kernel</c>, <c>user</c>, <c>idle</c>, <c>iowait</c>, ….</summary>
    /// <param name="cpu">A host CPU; -1 for all of them together.</param>
    public IReadOnlyDictionary<string, ulong> GetNodeCpuStats(int cpu = -1)
        => ReadCounters(
            (NativeCounter* counters, ref int count) => virNodeGetCPUStats(Handle, cpu, counters, ref count, 0),
            nameof(virNodeGetCPUStats));

    /// <summary>Memory in KiB: <c>total</c>, <c>free</c>, and for the whole host <c>buffers</c> and <c>cached</c>.</summary>
    /// <param name="node">A NUMA node; -1 for the whole host.</param>
    public IReadOnlyDictionary<string, ulong> GetNodeMemoryStats(int node = -1)
        => ReadCounters(
            (NativeCounter* counters, ref int count) => virNodeGetMemoryStats(Handle, node, counters, ref count, 0),
            nameof(virNodeGetMemoryStats));

    private Dictionary<string, ulong> ReadCounters(CounterReader read, string function)
    {
        var room = 0;
        LibvirtError.Check(read(null, ref room), Handle, function);
        var counters = new NativeCounter[room];
        fixed (NativeCounter* pointer = counters)
        {
            var count = room;
            LibvirtError.Check(read(pointer, ref count), Handle, function);
            var values = new Dictionary<string, ulong>(count, StringComparer.Ordinal);
            for (var i = 0; i < Math.Min(count, room); i++)
            {
                values[TypedParameters.NameOf(new ReadOnlySpan<byte>(pointer[i].Field, FieldLength))] = pointer[i].Value;
            }

            return values;
        }
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virNodeGetInfo(ConnectionHandle connection, NativeNodeInfo* info);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virNodeGetCPUMap(ConnectionHandle connection, byte** map, uint* online, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virNodeGetCellsFreeMemory(ConnectionHandle connection, long* free, int start, int maximum);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virNodeGetCPUStats(
        ConnectionHandle connection, int cpu, NativeCounter* counters, ref int count, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virNodeGetMemoryStats(
        ConnectionHandle connection, int node, NativeCounter* counters, ref int count, uint flags);

    // virNodeInfo
    [StructLayout(LayoutKind.Sequential)]
    private struct NativeNodeInfo
    {
        public const int ModelLength = 32;

        public fixed byte Model[ModelLength];
        public nuint MemoryKiB;
        public uint Cpus;
        public uint MHz;
        public uint Nodes;
        public uint Sockets;
        public uint Cores;
        public uint Threads;
    }

    // virNodeCPUStats and virNodeMemoryStats, which are alike
    [StructLayout(LayoutKind.Sequential)]
    private struct NativeCounter
    {
        public fixed byte Field[FieldLength];
        public ulong Value;
    }
}
