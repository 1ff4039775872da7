// The huge pages that a process maps, from the kernel's own counters: the amount of memory, and the nodes.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Hosts;

/// <summary>Huge pages of one size that a process has mapped and touched.</summary>
/// <param name="PageSizeKiB">The page size in KiB.</param>
/// <param name="MappedKiB">The mapped memory in KiB (<c>Private_Hugetlb</c> and <c>Shared_Hugetlb</c> in smaps).</param>
public sealed record MappedHugePages(long PageSizeKiB, long MappedKiB);

/// <summary>Reads the memory maps of a process (source: proc(5), kernel document filesystems/proc).</summary>
public static class GuestPages
{
    /// <summary>The huge pages in a process's <c>smaps</c>, by page size. Transparent huge pages do not count.</summary>
    /// <param name="smaps">The text of <c>/proc/PID/smaps</c>.</param>
    public static IReadOnlyList<MappedHugePages> FromSmaps(string smaps)
    {
        ArgumentNullException.ThrowIfNull(smaps);
        var mapped = new SortedDictionary<long, long>();
        var pageSize = 0L;
        foreach (var line in smaps.AsSpan().EnumerateLines())
        {
            if (Value(line, "KernelPageSize:") is { } size)
            {
                pageSize = size;
            }
            else if ((Value(line, "Private_Hugetlb:") ?? Value(line, "Shared_Hugetlb:")) is { } kibibytes and > 0)
            {
                mapped[pageSize] = mapped.GetValueOrDefault(pageSize) + kibibytes;
            }
        }

        return [.. mapped.Select(entry => new MappedHugePages(entry.Key, entry.Value))];
    }

    /// <summary>The nodes that a process's huge pages of one size are on.</summary>
    /// <param name="numaMaps">The text of <c>/proc/PID/numa_maps</c>.</param>
    /// <param name="pageSizeKiB">The page size in KiB.</param>
    public static CpuSet NodesFromNumaMaps(string numaMaps, long pageSizeKiB)
    {
        ArgumentNullException.ThrowIfNull(numaMaps);
        var nodes = new HashSet<int>();
        foreach (var line in numaMaps.Split('\n'))
        {
            var words = line.Split(' ');
            if (words.Contains("huge", StringComparer.Ordinal)
                && words.Contains(string.Create(CultureInfo.InvariantCulture, $"kernelpagesize_kB={pageSizeKiB}"), StringComparer.Ordinal))
            {
                nodes.UnionWith(PagesByNode(words).Select(entry => entry.Node));
            }
        }

        return CpuSet.Of(nodes);
    }

    /// <summary>The memory of a process on each node, in KiB.</summary>
    /// <param name="numaMaps">The text of <c>/proc/PID/numa_maps</c>.</param>
    public static IReadOnlyDictionary<int, long> KiBByNode(string numaMaps)
    {
        ArgumentNullException.ThrowIfNull(numaMaps);
        const string pageSize = "kernelpagesize_kB=";
        var nodes = new SortedDictionary<int, long>();
        foreach (var line in numaMaps.Split('\n'))
        {
            var words = line.Split(' ');
            var size = words.FirstOrDefault(word => word.StartsWith(pageSize, StringComparison.Ordinal)) is { } found
                ? long.Parse(found.AsSpan(pageSize.Length), CultureInfo.InvariantCulture)
                : 4;
            foreach (var (node, pages) in PagesByNode(words))
            {
                nodes[node] = nodes.GetValueOrDefault(node) + (pages * size);
            }
        }

        return nodes;
    }

    // A word is "N0=512": node and pages (numa(7)).
    private static IEnumerable<(int Node, long Pages)> PagesByNode(IEnumerable<string> words) =>
        from word in words
        where word is ['N', >= '0' and <= '9', ..]
        let at = word.IndexOf('=', StringComparison.Ordinal)
        select (int.Parse(word.AsSpan(1, at - 1), CultureInfo.InvariantCulture), long.Parse(word.AsSpan(at + 1), CultureInfo.InvariantCulture));

    private static long? Value(ReadOnlySpan<char> line, string field) =>
        line.StartsWith(field, StringComparison.Ordinal)
        && long.TryParse(line[field.Length..].Trim().TrimEnd("kB").Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;
}
