// The kernel parameters that reserve huge pages at boot.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Tuning.HugePages;

/// <summary>Writes kernel parameters (source: kernel document hugetlbpage; counts per node since Linux 5.16).</summary>
public static class KernelCommandLine
{
    /// <summary>For example <c>hugepagesz=1G hugepages=0:1,1:2</c>; on a host with one node <c>hugepagesz=2M hugepages=512</c>.</summary>
    /// <param name="pageSizeKiB">The page size in KiB.</param>
    /// <param name="pagesByNode">The number of pages for each node.</param>
    public static string For(long pageSizeKiB, IReadOnlyDictionary<int, long> pagesByNode)
    {
        var counts = pagesByNode.Count == 1 && pagesByNode.Keys.First() == 0
            ? pagesByNode.Values.First().ToString(CultureInfo.InvariantCulture)
            : string.Join(',', pagesByNode.OrderBy(entry => entry.Key).Select(entry => string.Create(CultureInfo.InvariantCulture, $"{entry.Key}:{entry.Value}")));
        return $"hugepagesz={PageSize.Short(pageSizeKiB)} hugepages={counts}";
    }
}
