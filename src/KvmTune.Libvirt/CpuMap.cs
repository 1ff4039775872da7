// libvirt's CPU bitmaps: bit n of the map, counted from the lowest bit of the first byte, is host CPU n.
namespace KvmTune.Libvirt;

internal static class CpuMap
{
    /// <summary>The length in bytes of a map for a number of CPUs (VIR_CPU_MAPLEN).</summary>
    public static int LengthOf(int cpus) => (cpus + 7) / 8;

    /// <summary>Writes a map in libvirt's form.</summary>
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

    /// <summary>Reads libvirt's map; CPUs beyond its end count as not set.</summary>
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
