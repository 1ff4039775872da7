// A running VM in this machine's kernel: the QEMU process, its threads, and the CPUs that each may use.
using System.Globalization;
using System.Text;
using KvmTune.Topology;

namespace KvmTune.Hosts;

/// <summary>
/// The QEMU process of a VM on this machine (sources: proc(5); QEMU names its threads because libvirt starts it with <c>debug-threads=on</c>).
/// </summary>
public sealed class QemuProcess
{
    private QemuProcess(int processId) => ProcessId = processId;

    /// <summary>The process id.</summary>
    public int ProcessId { get; }

    /// <summary>Finds the process of a VM.</summary>
    /// <param name="vmName">The VM's name, which is also the name of libvirt's pid file.</param>
    /// <param name="vmId">The VM's UUID, which is part of QEMU's command line.</param>
    /// <returns>The process; null if it is not on this machine or this user may not read it.</returns>
    public static QemuProcess? Find(string vmName, Guid vmId)
    {
        foreach (var folder in PidFolders())
        {
            var file = Path.Combine(folder, vmName + ".pid");
            if (File.Exists(file)
                && TryRead(file) is { } text
                && int.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && IsProcessOf(pid, vmId))
            {
                return new QemuProcess(pid);
            }
        }

        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && IsProcessOf(pid, vmId))
            {
                return new QemuProcess(pid);
            }
        }

        return null;
    }

    /// <summary>The thread id of every vCPU, by number; QEMU names these threads <c>CPU 0/KVM</c> or <c>CPU 0/TCG</c>.</summary>
    public IReadOnlyDictionary<int, int> VcpuThreads() => Threads("CPU ", '/');

    /// <summary>The thread id of every I/O thread by its id; QEMU names these threads <c>IO iothread1</c>.</summary>
    public IReadOnlyDictionary<int, int> IOThreads() => Threads("IO iothread", '\0');

    /// <summary>The host CPUs that a thread may run on now, according to the kernel; null if the thread has ended.</summary>
    /// <param name="threadId">The thread's id.</param>
    public CpuSet? Affinity(int threadId) =>
        StatusField(threadId, "Cpus_allowed_list:") is { } list && CpuSet.TryParse(list, out var cpus) ? cpus : null;

    /// <summary>
    /// The limit that keeps a thread from CPUs in its pin: the cpuset control group of the thread; null if none can be found.
    /// </summary>
    /// <param name="threadId">The thread's id.</param>
    public string? CpusetLimit(int threadId) =>
        ControlGroups.CpusOf(TryRead(ProcPath(string.Create(CultureInfo.InvariantCulture, $"task/{threadId}/cgroup"))), TryRead, ControlGroups.Root) is var (file, cpus)
            ? $"{file}: {cpus}" : null;

    /// <summary>The host NUMA nodes that a thread may take memory from; null if the thread has ended.</summary>
    /// <param name="threadId">The thread's id.</param>
    public CpuSet? AllowedNodes(int threadId) =>
        StatusField(threadId, "Mems_allowed_list:") is { } list && CpuSet.TryParse(list, out var nodes) ? nodes : null;

    /// <summary>The targets of the open file descriptors; null if this user may not read them.</summary>
    public IReadOnlyList<string>? OpenFiles()
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(ProcPath("fd")).Select(entry => new FileInfo(entry).LinkTarget).OfType<string>()];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The command line that QEMU was started with.</summary>
    public IReadOnlyList<string> CommandLine() =>
        TryRead(ProcPath("cmdline")) is { } text ? text.TrimEnd('\0').Split('\0') : [];

    /// <summary>The process's memory, mapping by mapping (<c>/proc/PID/smaps</c>); null if this user may not read it.</summary>
    public string? MemoryMaps() => TryRead(ProcPath("smaps"));

    /// <summary>The nodes of the process's memory, mapping by mapping (<c>/proc/PID/numa_maps</c>); null if this user may not read them.</summary>
    public string? NumaMaps() => TryRead(ProcPath("numa_maps"));

    private static IEnumerable<string> PidFolders()
    {
        yield return "/run/libvirt/qemu";
        if (Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime)
        {
            yield return Path.Combine(runtime, "libvirt/qemu/run");
        }
    }

    private static bool IsProcessOf(int pid, Guid vmId) =>
        TryRead(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/cmdline")) is { } commandLine
        && commandLine.Contains($"\0-uuid\0{vmId:D}\0", StringComparison.OrdinalIgnoreCase);

    private Dictionary<int, int> Threads(string prefix, char end)
    {
        var threads = new Dictionary<int, int>();
        foreach (var folder in Tasks())
        {
            if (TryRead(Path.Combine(folder, "comm"))?.Trim() is not { } name || !name.StartsWith(prefix, StringComparison.Ordinal))
            {
                continue;
            }

            var number = name[prefix.Length..];
            var stop = number.IndexOf(end, StringComparison.Ordinal);
            if (int.TryParse(stop < 0 ? number : number[..stop], NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                threads[id] = int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture);
            }
        }

        return threads;
    }

    // Empty once the process has ended.
    private string[] Tasks()
    {
        try
        {
            return Directory.GetDirectories(ProcPath("task"));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private string? StatusField(int threadId, string field) =>
        TryRead(ProcPath(string.Create(CultureInfo.InvariantCulture, $"task/{threadId}/status")))?
            .Split('\n')
            .FirstOrDefault(line => line.StartsWith(field, StringComparison.Ordinal))?[field.Length..].Trim();

    private string ProcPath(string name) => string.Create(CultureInfo.InvariantCulture, $"/proc/{ProcessId}/{name}");

    // Between finding and reading, a process may end, or its id may pass to another user's process: both mean "unknown", never a failure.
    private static string? TryRead(string path)
    {
        try
        {
            return File.ReadAllText(path, Encoding.UTF8);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
