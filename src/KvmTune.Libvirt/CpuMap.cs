// libvirt's CPU bitmaps: bit n of the map, counted from the lowest bit of the first byte, is host CPU n.
namespace KvmTune.Libvirt;

internal static class CpuMap
{
    /// <summary>The bytes that a map of some CPUs takes (VIR_CPU_MAPLEN).</summary>
    public static int LengthOf(int cpus) => (cpus + 7) / 8;

    /// <summary>Writes a map as libvirt wants it.</summary>
    public static byte[] ToBytes(IReadOnlyList<bool> map)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentOutOfRangeException.ThrowIfZero(map.Count, nameof(map));
        var bytes = new byte[LengthOf(map.Count)];
        for (var cpu = 0; cpu < map.Count; cpu++)
        {
            if (map[cpu])
            {
                bytes[cpu / 8] |= (byte)(1 << (cpu % 8));
            }
        }

        return bytes;
    }

    /// <summary>Reads a map of libvirt's; CPUs beyond its end are not in it.</summary>
    public static bool[] FromBytes(ReadOnlySpan<byte> bytes, int cpus)
    {
        var map = new bool[cpus];
        for (var cpu = 0; cpu < cpus && cpu / 8 < bytes.Length; cpu++)
        {
            map[cpu] = (bytes[cpu / 8] & (1 << (cpu % 8))) != 0;
        }

        return map;
    }
}
