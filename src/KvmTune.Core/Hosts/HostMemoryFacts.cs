// The memory settings of this machine's kernel: hugetlbfs mounts, page pools, transparent huge pages, KSM, CPU flags.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Hosts;

/// <summary>
/// The local kernel's facts about memory, read once (sources: kernel documents hugetlbpage, transhuge, ksm). A fact that
/// cannot be read is null.
/// </summary>
public sealed record HostMemoryFacts
{
    /// <summary>The hugetlbfs mounts.</summary>
    public IReadOnlyList<HugePageMount> Mounts { get; init; } = [];

    /// <summary>The default size of a huge page in KiB.</summary>
    public long? DefaultPageSizeKiB { get; init; }

    /// <summary>When the kernel uses transparent huge pages: always, madvise or never.</summary>
    public string? TransparentHugePages { get; init; }

    /// <summary>Whether the kernel merges equal pages (KSM) now.</summary>
    public bool? MergesPages { get; init; }

    /// <summary>Whether the CPU has pages of 1 GiB (flag <c>pdpe1gb</c>); null on other processors than x86.</summary>
    public bool? HasGigabytePages { get; init; }

    /// <summary>The pools according to the kernel.</summary>
    public IReadOnlyList<KernelPagePool> Pools { get; init; } = [];

    /// <summary>Free pages that the kernel already reserved for mappings, on all nodes, by page size in KiB.</summary>
    public IReadOnlyDictionary<long, long> Reserved { get; init; } = new Dictionary<long, long>();

    /// <summary>Reads the facts.</summary>
    /// <param name="root">The folder that takes the place of <c>/</c>.</param>
    public static HostMemoryFacts Read(string root = "/")
    {
        var defaultSize = DefaultSize(root);
        return new HostMemoryFacts
        {
            DefaultPageSizeKiB = defaultSize,
            Mounts = ReadMounts(root, defaultSize),
            TransparentHugePages = InBrackets(TryRead(root, "sys/kernel/mm/transparent_hugepage/enabled")),
            MergesPages = TryRead(root, "sys/kernel/mm/ksm/run")?.Trim() is { } run ? run == "1" : null,
            HasGigabytePages = CpuFlags(root) is { } flags ? flags.Split(' ').Contains("pdpe1gb", StringComparer.Ordinal) : null,
            Pools = [.. ReadPools(root)],
            Reserved = ReadReserved(root),
        };
    }

    private static List<HugePageMount> ReadMounts(string root, long? defaultSize)
    {
        var mounts = new List<HugePageMount>();
        foreach (var line in TryRead(root, "proc/self/mounts")?.Split('\n') ?? [])
        {
            // device, mount point (spaces as \040), file system, options
            if (line.Split(' ') is [_, var point, "hugetlbfs", var options, ..])
            {
                var size = options.Split(',').FirstOrDefault(option => option.StartsWith("pagesize=", StringComparison.Ordinal));
                if ((size is null ? defaultSize : PageSize.Parse(size["pagesize=".Length..])) is { } kibibytes)
                {
                    mounts.Add(new HugePageMount(point.Replace("\\040", " ", StringComparison.Ordinal), kibibytes));
                }
            }
        }

        return mounts;
    }

    private static long? DefaultSize(string root) =>
        TryRead(root, "proc/meminfo")?.Split('\n').FirstOrDefault(line => line.StartsWith("Hugepagesize:", StringComparison.Ordinal)) is { } line
            ? PageSize.Parse(line["Hugepagesize:".Length..])
            : null;

    private static string? CpuFlags(string root) =>
        TryRead(root, "proc/cpuinfo")?.Split('\n').FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal))?.Split(':')[^1];

    private static IEnumerable<KernelPagePool> ReadPools(string root)
    {
        foreach (var (node, nodeFolder) in Numbered(Path.Combine(root, "sys/devices/system/node"), "node", string.Empty))
        {
            foreach (var (size, folder) in Numbered(Path.Combine(nodeFolder, "hugepages"), "hugepages-", "kB"))
            {
                if (Count(folder, "nr_hugepages") is { } total)
                {
                    yield return new KernelPagePool((int)node, size, total, Count(folder, "free_hugepages") ?? 0, Count(folder, "surplus_hugepages") ?? 0);
                }
            }
        }
    }

    private static Dictionary<long, long> ReadReserved(string root) =>
        Numbered(Path.Combine(root, "sys/kernel/mm/hugepages"), "hugepages-", "kB")
            .ToDictionary(entry => entry.Number, entry => Count(entry.Folder, "resv_hugepages") ?? 0);

    // Folders such as node0 or hugepages-2048kB, with their number.
    private static IEnumerable<(long Number, string Folder)> Numbered(string parent, string prefix, string suffix)
    {
        if (!Directory.Exists(parent))
        {
            return [];
        }

        return from folder in Directory.EnumerateDirectories(parent)
               let name = Path.GetFileName(folder)
               where name.StartsWith(prefix, StringComparison.Ordinal) && name.EndsWith(suffix, StringComparison.Ordinal)
               let digits = name[prefix.Length..^suffix.Length]
               where digits.Length > 0 && digits.All(char.IsAsciiDigit)
               let number = long.Parse(digits, CultureInfo.InvariantCulture)
               orderby number
               select (number, folder);
    }

    private static long? Count(string folder, string file) =>
        long.TryParse(TryRead(folder, file)?.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : null;

    private static string? InBrackets(string? line) => line?.Split('[') is [_, var rest] ? rest.Split(']')[0] : null;

    private static string? TryRead(string root, string path)
    {
        try
        {
            return File.ReadAllText(Path.Combine(root, path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>A mounted hugetlbfs.</summary>
/// <param name="Path">The mount point.</param>
/// <param name="PageSizeKiB">The size of its pages in KiB.</param>
public sealed record HugePageMount(string Path, long PageSizeKiB);

/// <summary>A pool according to the kernel.</summary>
/// <param name="Node">The NUMA node.</param>
/// <param name="PageSizeKiB">The page size in KiB.</param>
/// <param name="Total">All pages, including surplus pages.</param>
/// <param name="Free">The free pages.</param>
/// <param name="Surplus">The pages beyond the configured size.</param>
public sealed record KernelPagePool(int Node, long PageSizeKiB, long Total, long Free, long Surplus);
