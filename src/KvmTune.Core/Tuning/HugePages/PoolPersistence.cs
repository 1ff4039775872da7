// Keeps the size of a pool over a restart of the host: in a sysctl file for the whole host, in a tmpfiles.d entry for a node.
using System.Globalization;
using System.Text.RegularExpressions;
using KvmTune.Hosts;
using KvmTune.Topology;
using static KvmTune.NumberText;

namespace KvmTune.Tuning.HugePages;

/// <summary>
/// Writes the files that set pools at boot (sources: sysctl.d(5), tmpfiles.d(5); kernel document hugetlbpage). Pages above 32 MiB need
/// the kernel command line: on a running system the free memory is too fragmented for them.
/// </summary>
/// <param name="kernel">The local kernel's data.</param>
/// <param name="root">The folder that replaces <c>/</c>, for example the root of a system image.</param>
public sealed partial class PoolPersistence(HostMemoryFacts kernel, string root = "/")
{
    private static readonly string[] ConfigurationPlaces = ["etc", "run", "usr/local/lib", "usr/lib"];

    private const long LargestAtRunTimeKiB = 32 * 1024;
    private const string SysctlFile = "etc/sysctl.d/90-kvmtune-hugepages.conf";
    private const string TmpfilesFile = "etc/tmpfiles.d/kvmtune-hugepages.conf";
    private const string SysctlKey = "vm.nr_hugepages = ";

    /// <summary>Whether a running host can reliably reserve pages of a size.</summary>
    public static bool IsPossible(long pageSizeKiB) => pageSizeKiB <= LargestAtRunTimeKiB;

    /// <summary>The file for a request.</summary>
    public string PathFor(HugePagePoolRequest request) => Path.Combine(root, IsSysctl(request) ? SysctlFile : TmpfilesFile);

    /// <summary>The files that a request may change.</summary>
    public IReadOnlyList<string> Files => [Path.Combine(root, SysctlFile), Path.Combine(root, TmpfilesFile)];

    /// <summary>Writes a request, and replaces earlier requests for the same pools.</summary>
    /// <returns>The file; null for a request for no pages, which needs no entry.</returns>
    /// <exception cref="KvmTuneException">The file cannot be written.</exception>
    public string? Write(HugePagePoolRequest request)
    {
        try
        {
            // Only one of the two files may set the pools of a size. A request for the whole host replaces those for its nodes.
            Update(SysctlFile, line => IsReplacedSysctl(line, request),
                IsSysctl(request) && request.Count > 0 ? SysctlKey + Text(request.Count) : null);
            Update(TmpfilesFile, line => IsReplaced(line, request), IsSysctl(request) || request.Count == 0 ? null : $"w {KernelFile(request)} - - - - {Text(request.Count)}");
            return request.Count > 0 ? PathFor(request) : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new KvmTuneException(
                "PersistFailed", KvmTuneErrorCategory.PermissionDenied,
                $"The pool is set, but it is not kept over a restart of the host: {exception.Message} Writing below {Path.Combine(root, "etc")} needs root.", exception);
        }
    }

    /// <summary>The entries, also in files of other programs, that make the pool of a request another one at the next boot.</summary>
    /// <remarks>
    /// The last sysctl file by name wins, and sysctl.conf comes after all of them (sysctl.d(5)). The last tmpfiles.d entry wins, and comes after
    /// sysctl's. An entry for the whole host sets the pools of all nodes; one for a node after it changes the sum.
    /// </remarks>
    public IReadOnlyList<PoolAtBoot> AtBoot(HugePagePoolRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var entries = Entries(request.PageSizeKiB).ToList();
        if (request.Node is { } node)
        {
            return entries.LastOrDefault(entry => entry.Node is null || entry.Node == node) is { } last && (last.Count != request.Count || (last.Node is null && last.Count > 0)) ? [last] : [];
        }

        var whole = entries.FindLastIndex(entry => entry.Node is null);
        var nodes = entries.Skip(whole + 1).GroupBy(entry => entry.Node).Select(same => same.Last()).ToList();
        return whole < 0
            ? nodes.Sum(entry => entry.Count) == request.Count ? [] : nodes
            : [.. entries[whole].Count == request.Count ? Array.Empty<PoolAtBoot>() : [entries[whole]], .. nodes];
    }

    /// <summary>The lines for other pools that <see cref="Write"/> removes from its two files, because they would set the pool of the request too.</summary>
    public IReadOnlyList<(string File, string Line)> Replaced(HugePagePoolRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return
        [
            .. LinesOf(SysctlFile).Where(line => !IsSysctl(request) && IsReplacedSysctl(line, request)).Select(line => (Path.Combine(root, SysctlFile), line)),
            .. LinesOf(TmpfilesFile).Where(line => IsReplaced(line, request) && !line.Contains(KernelFile(request), StringComparison.Ordinal)).Select(line => (Path.Combine(root, TmpfilesFile), line)),
        ];
    }

    // The entries for pools of a page size, in the order in which the boot uses them.
    private IEnumerable<PoolAtBoot> Entries(long pageSizeKiB)
    {
        var bySysctl = pageSizeKiB != kernel.DefaultPageSizeKiB
            ? []
            : FilesIn("sysctl.d").Append(Path.Combine(root, "etc/sysctl.conf")).SelectMany(file => Read(file, line =>
                line.TrimStart('-').Split('=', 2) is [var key, var value] && key.Trim().Replace('/', '.') == "vm.nr_hugepages" ? (null, value.Trim()) : null));
        var size = pageSizeKiB.ToString(CultureInfo.InvariantCulture);
        return bySysctl.Concat(FilesIn("tmpfiles.d").SelectMany(file => Read(file, line =>
            line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is { Length: > 6 } words && words[0].StartsWith('w')
            && PoolFile().Match(words[1]) is { Success: true } pool && pool.Groups["size"].Value == size
                ? (pool.Groups["node"] is { Success: true } node ? int.Parse(node.Value, CultureInfo.InvariantCulture) : null, words[6])
                : null)));
    }

    // The files of a folder that systemd reads in several places; of files with the same name only the one in the first place counts.
    private IEnumerable<string> FilesIn(string folder) => ConfigurationPlaces.Select(place => Path.Combine(root, place, folder)).Where(Directory.Exists)
        .SelectMany(place => Directory.EnumerateFiles(place, "*.conf"))
        .DistinctBy(Path.GetFileName, StringComparer.Ordinal).OrderBy(Path.GetFileName, StringComparer.Ordinal);

    // A file that cannot be read counts as empty. The next boot may read it, but its content is unknown here.
    private static IEnumerable<PoolAtBoot> Read(string file, Func<string, (int? Node, string Count)?> entryIn) => LinesIn(file)
        .Select(line => entryIn(line.Trim()) is var (node, text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? new PoolAtBoot(file, count, node) : null)
        .OfType<PoolAtBoot>();

    private static string[] LinesIn(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private string[] LinesOf(string file) => LinesIn(Path.Combine(root, file));

    private static string KernelFile(HugePagePoolRequest request) => string.Create(
        CultureInfo.InvariantCulture,
        $"/sys/{(request.Node is { } node ? string.Create(CultureInfo.InvariantCulture, $"devices/system/node/node{node}") : "kernel/mm")}/hugepages/hugepages-{request.PageSizeKiB}kB/nr_hugepages");

    private static bool IsReplaced(string line, HugePagePoolRequest request) =>
        line.Contains(KernelFile(request), StringComparison.Ordinal)
        || (line.Contains(string.Create(CultureInfo.InvariantCulture, $"hugepages-{request.PageSizeKiB}kB/"), StringComparison.Ordinal)
            && (request.Node is null || line.Contains("/sys/kernel/mm/", StringComparison.Ordinal)));

    private bool IsReplacedSysctl(string line, HugePagePoolRequest request) =>
        request.PageSizeKiB == kernel.DefaultPageSizeKiB && line.StartsWith(SysctlKey, StringComparison.Ordinal);

    [GeneratedRegex(@"\A/sys/(kernel/mm|devices/system/node/node(?<node>[0-9]{1,9}))/hugepages/hugepages-(?<size>[0-9]+)kB/nr_hugepages\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PoolFile();

    private bool IsSysctl(HugePagePoolRequest request) => request.Node is null && request.PageSizeKiB == kernel.DefaultPageSizeKiB;

    private void Update(string file, Func<string, bool> isReplaced, string? line)
    {
        var path = Path.Combine(root, file);
        var before = File.Exists(path) ? File.ReadAllLines(path) : [];
        var after = before.Where(existing => !isReplaced(existing)).ToList();
        if (line is not null)
        {
            if (after.Count == 0)
            {
                after.Add("# Pools of huge pages, written by KvmTune (Set-HugePagePool -Persist).");
            }

            after.Add(line);
        }

        if (after.Count > 0 && after.Exists(existing => !existing.StartsWith('#')))
        {
            if (!after.SequenceEqual(before, StringComparer.Ordinal))
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                File.WriteAllLines(path + ".new", after);
                File.Move(path + ".new", path, overwrite: true);
            }
        }
        else if (before.Length > 0)
        {
            File.Delete(path);
        }
    }
}

/// <summary>The entry of a file that sets a pool at the next boot.</summary>
/// <param name="File">The file.</param>
/// <param name="Count">The number of pages.</param>
/// <param name="Node">The NUMA node of the pool; null for the whole host.</param>
public sealed record PoolAtBoot(string File, long Count, int? Node);
