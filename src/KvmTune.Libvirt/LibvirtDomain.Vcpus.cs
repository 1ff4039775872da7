// A domain's vCPUs and emulator threads: their number, the host CPUs that they run on, and their pins.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtDomain
{
    /// <summary>The number of virtual CPUs (<c>virDomainGetVcpusFlags</c>).</summary>
    /// <param name="flags">The vCPUs to count.</param>
    internal int GetVcpuCount(VcpuCountFlags flags = VcpuCountFlags.Current)
        => Check(virDomainGetVcpusFlags(Handle, (uint)flags));

    /// <summary>
    /// The host CPUs that the running domain's vCPUs are on now, without their pins: a single call to the daemon, for long lists.
    /// </summary>
    /// <param name="room">The largest number of virtual CPUs to return: as many as the domain can have.</param>
    public IReadOnlyList<VcpuPlace> GetVcpuPlaces(int room)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(room);
        var native = new NativeVcpuInfo[room];
        fixed (NativeVcpuInfo* pointer = native)
        {
            room = Check(virDomainGetVcpus(Handle, pointer, room, null, 0));
        }

        var places = new VcpuPlace[room];
        for (var i = 0; i < room; i++)
        {
            places[i] = new VcpuPlace((int)native[i].Number, native[i].CpuTime, native[i].Cpu);
        }

        return places;
    }

    /// <summary>Sets where a virtual CPU may run. libvirt does not check that it exists: the caller must.</summary>
    /// <param name="vcpu">The virtual CPU, from 0.</param>
    /// <param name="map">The host CPUs; the index is the host CPU's id. CPUs beyond its end are not allowed.</param>
    /// <param name="target">The running domain, the persistent configuration, or both.</param>
    public void PinVcpu(int vcpu, IReadOnlyList<bool> map, AffectTarget target)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(vcpu);
        var bytes = CpuMap.ToBytes(map);
        fixed (byte* pointer = bytes)
        {
            Check(virDomainPinVcpuFlags(Handle, (uint)vcpu, pointer, bytes.Length, (uint)target));
        }
    }

    /// <summary>Where the virtual CPUs may run; an unpinned one reads as all host CPUs.</summary>
    /// <param name="target">The running domain or the persistent configuration.</param>
    /// <param name="maxHostCpus">The length of the maps; 0 for as many CPUs as the host has.</param>
    /// <returns>A map for each virtual CPU; the index is the host CPU's id.</returns>
    public IReadOnlyList<bool[]> GetVcpuPins(AffectTarget target, int maxHostCpus = 0)
    {
        var cpus = HostCpus(maxHostCpus);
        var mapLength = CpuMap.LengthOf(cpus);
        var room = GetVcpuCount((VcpuCountFlags)target | VcpuCountFlags.Maximum);
        var bytes = new byte[room * mapLength];
        int count;
        fixed (byte* pointer = bytes)
        {
            count = Check(virDomainGetVcpuPinInfo(Handle, room, pointer, mapLength, (uint)target));
        }

        var maps = new bool[count][];
        for (var i = 0; i < count; i++)
        {
            maps[i] = CpuMap.FromBytes(bytes.AsSpan(i * mapLength, mapLength), cpus);
        }

        return maps;
    }

    /// <summary>Sets where the emulator's threads may run.</summary>
    /// <param name="map">The host CPUs; the index is the host CPU's id.</param>
    /// <param name="target">The running domain, the persistent configuration, or both.</param>
    public void PinEmulator(IReadOnlyList<bool> map, AffectTarget target)
    {
        var bytes = CpuMap.ToBytes(map);
        fixed (byte* pointer = bytes)
        {
            Check(virDomainPinEmulator(Handle, pointer, bytes.Length, (uint)target));
        }
    }

    /// <summary>Where the emulator's threads may run; unpinned reads as all host CPUs.</summary>
    /// <param name="target">The running domain or the persistent configuration.</param>
    /// <param name="maxHostCpus">The length of the map; 0 for as many CPUs as the host has.</param>
    public bool[] GetEmulatorPin(AffectTarget target, int maxHostCpus = 0)
    {
        var cpus = HostCpus(maxHostCpus);
        var bytes = new byte[CpuMap.LengthOf(cpus)];
        fixed (byte* pointer = bytes)
        {
            Check(virDomainGetEmulatorPinInfo(Handle, pointer, bytes.Length, (uint)target));
        }

        return CpuMap.FromBytes(bytes, cpus);
    }

    private int HostCpus(int maximum)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maximum);
        return maximum > 0 ? maximum : Connection.GetHostCpuCount();
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainGetVcpusFlags(DomainHandle domain, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainGetVcpus(
        DomainHandle domain, NativeVcpuInfo* info, int room, byte* maps, int mapLength);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainPinVcpuFlags(DomainHandle domain, uint vcpu, byte* map, int length, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainGetVcpuPinInfo(DomainHandle domain, int maps, byte* map, int length, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainPinEmulator(DomainHandle domain, byte* map, int length, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainGetEmulatorPinInfo(DomainHandle domain, byte* map, int length, uint flags);

    // virVcpuInfo
    [StructLayout(LayoutKind.Sequential)]
    private struct NativeVcpuInfo
    {
        public uint Number;
        public int State;
        public ulong CpuTime;
        public int Cpu;
    }
}
