// The memory that the process really uses.
using System.Globalization;

namespace KvmTune.Tests.Libvirt;

internal static class ProcessMemory
{
    /// <summary>The resident memory in KiB after a full collection, from /proc/self/status.</summary>
    public static long ResidentKiB()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        var line = File.ReadLines("/proc/self/status").First(text => text.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(
            line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^2],
            CultureInfo.InvariantCulture);
    }

    /// <summary>The growth, in KiB, while an action is repeated, after enough repetitions to settle.</summary>
    /// <remarks>
    /// A leak grows every time. The runtime grows occasionally (recompiled code, a larger heap), so an apparent leak is measured twice more, and the
    /// smallest growth counts.
    /// </remarks>
    public static long GrowthKiB(int settle, int times, long limitKiB, Action action)
    {
        Repeat(settle, action);
        var least = long.MaxValue;
        for (var round = 0; round < 3 && least >= limitKiB; round++)
        {
            var before = ResidentKiB();
            Repeat(times, action);
            least = Math.Min(least, ResidentKiB() - before);
        }

        return least;
    }

    private static void Repeat(int times, Action action)
    {
        for (var i = 0; i < times; i++)
        {
            action();
        }
    }
}
