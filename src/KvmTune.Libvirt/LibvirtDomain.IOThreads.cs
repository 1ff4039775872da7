// A domain's I/O threads and their pins.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtDomain
{
    /// <summary>The I/O threads and where each may run (<c>virDomainGetIOThreadInfo</c>).</summary>
    /// <param name="target">The running domain or the persistent configuration.</param>
    /// <param name="maxHostCpus">The length of the maps; 0 for as many CPUs as the host has.</param>
    public IReadOnlyList<IOThreadInfo> GetIOThreads(AffectTarget target, int maxHostCpus = 0)
    {
        var cpus = HostCpus(maxHostCpus);
        NativeIOThreadInfo** native = null;
        var count = Check(virDomainGetIOThreadInfo(Handle, &native, (uint)target));
        try
        {
            var threads = new IOThreadInfo[count];
            for (var i = 0; i < count; i++)
            {
                var map = new ReadOnlySpan<byte>(native[i]->CpuMap, native[i]->CpuMapLength);
                threads[i] = new IOThreadInfo(native[i]->Id, CpuMap.FromBytes(map, cpus));
            }

            return threads;
        }
        finally
        {
            for (var i = 0; i < count; i++)
            {
                virDomainIOThreadInfoFree(native[i]);
            }

            NativeMemory.Free(native);
        }
    }

    /// <summary>Sets where an I/O thread may run.</summary>
    /// <param name="id">The I/O thread's id.</param>
    /// <param name="map">The host CPUs; the index is the host CPU's id.</param>
    /// <param name="target">The running domain, the persistent configuration, or both.</param>
    public void PinIOThread(uint id, IReadOnlyList<bool> map, AffectTarget target)
    {
        var bytes = CpuMap.ToBytes(map);
        fixed (byte* pointer = bytes)
        {
            Check(virDomainPinIOThread(Handle, id, pointer, bytes.Length, (uint)target));
        }
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainGetIOThreadInfo(DomainHandle domain, NativeIOThreadInfo*** info, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial void virDomainIOThreadInfoFree(NativeIOThreadInfo* info);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainPinIOThread(DomainHandle domain, uint id, byte* map, int length, uint flags);

    // virDomainIOThreadInfo
    [StructLayout(LayoutKind.Sequential)]
    private struct NativeIOThreadInfo
    {
        public uint Id;
        public byte* CpuMap;
        public int CpuMapLength;
    }
}
