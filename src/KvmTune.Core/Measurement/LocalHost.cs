// Reads facts about the local host's kernel, for a VM that runs on this machine.
using System.Globalization;

namespace KvmTune.Measurement;

/// <summary>Reads /proc and /sys of this machine. A value that does not exist is null.</summary>
internal static class LocalHost
{
    public static string? Kernel() => ReadLine("/proc/sys/kernel/osrelease");

    public static string? CpuGovernor() => ReadLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");

    public static bool? SimultaneousMultithreading() => ReadLine("/sys/devices/system/cpu/smt/active") switch
    {
        "1" => true,
        "0" => false,
        _ => null,
    };

    /// <summary>The active mode: the word in brackets of "always [madvise] never".</summary>
    public static string? TransparentHugePages()
    {
        var line = ReadLine("/sys/kernel/mm/transparent_hugepage/enabled");
        return line?.Split('[') is [_, var rest] ? rest.Split(']')[0] : null;
    }

    public static double? LoadAverage() =>
        double.TryParse(ReadLine("/proc/loadavg")?.Split(' ')[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var load) ? load : null;

    /// <summary>The first line of a file; null if it cannot be read.</summary>
    public static string? ReadLine(string path) => ReadAll(path)?.Split('\n')[0];

    /// <summary>The text of a file; null if it cannot be read.</summary>
    public static string? ReadAll(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
