// Reads a host's topology: capabilities, online CPUs, free memory and pages, and information that only the local kernel has.
using System.Globalization;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Hosts;

/// <summary>Reads hosts. Information that a driver does not support stays unknown; any other failure is an error.</summary>
public static class HostReading
{
    /// <summary>
    /// The host with all available information. The capabilities are read again, because they contain the sizes of page pools and memory, and
    /// both can change.
    /// </summary>
    /// <exception cref="LibvirtException">libvirt refuses, or the connection to the daemon is lost.</exception>
    public static VMHostTopology Read(HostConnection host)
    {
        var connection = host.Read();
        var now = CapabilitiesReader.Read(connection.GetCapabilitiesXml(), host.Uri, connection.HostName);
        var (online, mapLength) = Cpus(host);
        return WithState(now, host, online, mapLength, Isolated(host)) with { Nodes = WithFree(connection, now.Nodes), CpuName = host.IsLocalQemu ? CpuName("/proc/cpuinfo") : null };
    }

    /// <summary>
    /// The host's CPUs only: free memory and pages of its nodes are not read, and its memory and page pools are those of the first reading.
    /// </summary>
    /// <exception cref="LibvirtException">libvirt refuses, or the connection to the daemon is lost.</exception>
    public static VMHostTopology ReadCpus(HostConnection host)
    {
        var (online, mapLength) = Cpus(host);
        var isolated = Isolated(host);
        return host.WithCpuState(online, isolated, hardware => WithState(hardware, host, online, mapLength, isolated));
    }

    /// <summary>The host CPUs that are online; those of the capabilities if the driver does not report the online ones.</summary>
    public static CpuSet OnlineCpus(HostConnection host) => Cpus(host).Online;

    /// <summary>
    /// The host CPUs that are online, or those of the capabilities if the driver does not report the online ones; and the length that libvirt
    /// expects of a CPU map: the highest number of a present CPU plus one.
    /// </summary>
    public static (CpuSet Online, int MapLength) Cpus(HostConnection host)
    {
        // The same files that libvirt reads on this machine (libvirt 9.0 virHostCPUGetMap), without a call to the daemon.
        if (host.IsLocalQemu && LocalList("/sys/devices/system/cpu/online") is { IsEmpty: false } now && LocalList("/sys/devices/system/cpu/present") is { IsEmpty: false } present)
        {
            return (now, present.Numbers.Max() + 1);
        }

        if (Supported(host.Read().GetOnlineCpus) is { } map)
        {
            return (CpuSet.FromMap(map), map.Length);
        }

        var online = host.Hardware().OnlineCpus;
        return (online, online.Numbers.DefaultIfEmpty(0).Max() + 1);
    }

    private static CpuSet? Isolated(HostConnection host) =>
        host.IsLocalQemu ? Isolated("/sys/devices/system/cpu/isolated", "/sys/fs/cgroup/cpuset.cpus.isolated") : null;

    private static VMHostTopology WithState(VMHostTopology topology, HostConnection host, CpuSet online, int mapLength, CpuSet? isolated)
    {
        var present = CpuSet.Of(topology.Cpus.Select(cpu => cpu.Id)).Union(online);
        var speeds = host.IsLocalQemu ? Speeds("/sys/devices/system/cpu", online) : new Dictionary<int, int>();
        var types = host.IsLocalQemu ? CoreTypes("/sys/devices", online) : new Dictionary<int, string>();
        return topology with
        {
            Nodes = speeds.Count == 0 && types.Count == 0 ? topology.Nodes : [.. topology.Nodes.Select(node => node with
            {
                Cpus = [.. node.Cpus.Select(cpu => cpu with { Speed = speeds.TryGetValue(cpu.Id, out var speed) ? speed : null, CoreType = types.GetValueOrDefault(cpu.Id) })],
            })],
            OnlineCpus = online,
            OfflineCpus = present.Union(AllOf(mapLength)).Except(online),
            IsolatedCpus = isolated,
        };
    }

    /// <summary>The CPUs outside the kernel's load balancing, by its command line or by a cpuset partition; null if it reports none.</summary>
    /// <param name="byCommandLine">The kernel's list of the CPUs in <c>isolcpus</c>.</param>
    /// <param name="byPartition">
    /// Its list of the CPUs in isolated partitions (kernel document cgroup-v2, <c>cpuset.cpus.isolated</c>); older kernels have none.
    /// </param>
    internal static CpuSet? Isolated(string byCommandLine, string byPartition) =>
        LocalList(byCommandLine) is { } isolated ? isolated.Union(LocalList(byPartition) ?? CpuSet.Empty) : LocalList(byPartition);

    /// <summary>
    /// The speed of each CPU, all by the same measure (kernel: <c>cpu_capacity</c>, else <c>cpufreq/cpuinfo_max_freq</c>); empty if one is missing.
    /// </summary>
    /// <param name="folder">The kernel's folder of CPUs.</param>
    /// <param name="cpus">The CPUs.</param>
    internal static IReadOnlyDictionary<int, int> Speeds(string folder, CpuSet cpus)
    {
        return Measured("cpu_capacity") ?? Measured("cpufreq/cpuinfo_max_freq") ?? [];

        Dictionary<int, int>? Measured(string file)
        {
            var speeds = new Dictionary<int, int>();
            foreach (var cpu in cpus.Numbers)
            {
                var path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"cpu{cpu}"), file);
                if (!File.Exists(path) || !int.TryParse(File.ReadAllText(path), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var speed) || speed <= 0)
                {
                    return null;
                }

                speeds[cpu] = speed;
            }

            return speeds;
        }
    }

    /// <summary>
    /// The type of each CPU's core on a hybrid Intel processor, by the kernel's performance monitors (<c>cpu_core/cpus</c>, <c>cpu_atom/cpus</c>,
    /// <c>cpu_lowpower/cpus</c>); empty on others, and if a CPU belongs to none of them.
    /// </summary>
    /// <param name="folder">The kernel's folder of devices.</param>
    /// <param name="cpus">The CPUs.</param>
    internal static IReadOnlyDictionary<int, string> CoreTypes(string folder, CpuSet cpus)
    {
        var types = new Dictionary<int, string>();
        foreach (var type in CoreKinds.CoreTypes)
        {
            foreach (var cpu in LocalList(Path.Combine(folder, $"cpu_{type}", "cpus"))?.Numbers ?? [])
            {
                types[cpu] = type;
            }
        }

        return cpus.Numbers.All(types.ContainsKey) ? types : new Dictionary<int, string>();
    }

    private static List<HostNode> WithFree(LibvirtConnection connection, IReadOnlyList<HostNode> nodes)
    {
        if (nodes.Count == 0)
        {
            // A host without cells (the test driver's, from a node file) answers this call with an error.
            return [];
        }

        var memory = Supported(connection.GetFreeMemoryBytesPerNode);
        var result = new List<HostNode>();
        foreach (var node in nodes)
        {
            var sizes = node.PagePools.Select(pool => (uint)pool.PageSizeKiB).Distinct().ToList();
            var free = sizes.Count == 0 ? null : Supported(() => connection.GetFreePages(sizes, node.Id, 1));
            result.Add(node with
            {
                FreeMemoryKiB = memory is not null && node.Id < memory.Count ? memory[node.Id] / 1024 : null,
                PagePools = node.PagePools.Select(pool => pool with
                {
                    Free = (long?)free?.FirstOrDefault(entry => entry.PageSizeKiB == pool.PageSizeKiB && entry.Node == node.Id)?.Free,
                }).ToList(),
            });
        }

        return result;
    }

    private static string? CpuName(string path) => File.Exists(path)
        ? File.ReadLines(path).Take(100).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[^1].Trim() is { Length: > 0 } name
            ? TerminalText.Line(name)
            : null
        : null;

    private static CpuSet AllOf(int count) => CpuSet.Of(Enumerable.Range(0, count));

    private static CpuSet? LocalList(string path) =>
        File.Exists(path) && CpuSet.TryParse(File.ReadAllText(path).Trim(), out var set) ? set : null;

    // A daemon in front of the test driver reports a missing answer with its own message (libvirt 9.0, remote dispatch).
    private static T? Supported<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (LibvirtException exception) when (exception.ErrorCode is LibvirtErrorCode.NoSupport or LibvirtErrorCode.OperationUnsupported
            || (exception.ErrorCode is LibvirtErrorCode.InternalError && exception.Message.Contains("did not set virError", StringComparison.Ordinal)))
        {
            return default;
        }
    }
}
