// Keeps the size of a pool over a restart of the host: a sysctl file for the host as a whole, a tmpfiles.d entry for a node.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Topology;

namespace KvmTune.Tuning.HugePages;

/// <summary>
/// Writes what sets pools at boot (sources: sysctl.d(5), tmpfiles.d(5); kernel document hugetlbpage). Pages above 32 MiB are
/// left to the kernel command line: memory is in too small pieces for them once the system runs.
/// </summary>
/// <param name="kernel">What the local kernel says.</param>
/// <param name="root">The folder that stands for <c>/</c>: another one for the image of a system.</param>
public sealed class PoolPersistence(HostMemoryFacts kernel, string root = "/")
{
    private const long LargestAtRunTimeKiB = 32 * 1024;
    private const string SysctlFile = "etc/sysctl.d/90-kvmtune-hugepages.conf";
    private const string TmpfilesFile = "etc/tmpfiles.d/kvmtune-hugepages.conf";
    private const string SysctlKey = "vm.nr_hugepages = ";

    /// <summary>Whether pages of a size can be had reliably once the system runs.</summary>
    public static bool IsPossible(long pageSizeKiB) => pageSizeKiB <= LargestAtRunTimeKiB;

    /// <summary>The file that a request is written to.</summary>
    public string PathFor(HugePagePoolRequest request) => Path.Combine(root, IsSysctl(request) ? SysctlFile : TmpfilesFile);

    /// <summary>The files that a request may change.</summary>
    public IReadOnlyList<string> Files => [Path.Combine(root, SysctlFile), Path.Combine(root, TmpfilesFile)];

    /// <summary>Writes a request; what an earlier one said of the same pools is replaced.</summary>
    /// <returns>The file; null for a request for no pages, which is kept by writing nothing.</returns>
    /// <exception cref="KvmTuneException">The file cannot be written.</exception>
    public string? Write(HugePagePoolRequest request)
    {
        try
        {
            // One of the two says how large the pools of a size are, never both. A request for the whole host replaces those for its nodes.
            Update(SysctlFile, line => request.PageSizeKiB == kernel.DefaultPageSizeKiB && line.StartsWith(SysctlKey, StringComparison.Ordinal),
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

    private static string KernelFile(HugePagePoolRequest request) => string.Create(
        CultureInfo.InvariantCulture,
        $"/sys/{(request.Node is { } node ? string.Create(CultureInfo.InvariantCulture, $"devices/system/node/node{node}") : "kernel/mm")}/hugepages/hugepages-{request.PageSizeKiB}kB/nr_hugepages");

    private static bool IsReplaced(string line, HugePagePoolRequest request) =>
        line.Contains(KernelFile(request), StringComparison.Ordinal)
        || (line.Contains(string.Create(CultureInfo.InvariantCulture, $"hugepages-{request.PageSizeKiB}kB/"), StringComparison.Ordinal)
            && (request.Node is null || line.Contains("/sys/kernel/mm/", StringComparison.Ordinal)));

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

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
