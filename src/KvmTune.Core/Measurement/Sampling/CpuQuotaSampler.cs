// What the kernel took from a VM's vCPUs since a CPU quota was used up: the control groups of each vCPU and of the whole VM.
using System.Globalization;
using KvmTune.Hosts;

namespace KvmTune.Measurement.Sampling;

/// <summary>
/// Reads <c>cpu.stat</c> (kernel documents cgroup-v2 and sched-bwc): <c>nr_throttled</c> are the periods in which a group stood still,
/// <c>throttled_usec</c> (version 2) and <c>throttled_time</c> (version 1, in ns) for how long. A group of several threads counts that for
/// each host CPU, so the VM's own is a sum over its vCPUs.
/// </summary>
internal sealed class CpuQuotaSampler : IRunSampler
{
    private readonly List<(string File, string Prefix)> _groups = [];

    private CpuQuotaSampler()
    {
    }

    /// <summary>The sampler of a QEMU process; null where none of its groups can be seen.</summary>
    public static CpuQuotaSampler? Create(QemuProcess process) => Create(
        process.VcpuThreads().ToDictionary(thread => thread.Key, thread => string.Create(CultureInfo.InvariantCulture, $"/proc/{process.ProcessId}/task/{thread.Value}/cgroup")),
        "/sys/fs/cgroup");

    /// <summary>The sampler of given vCPU threads.</summary>
    /// <param name="cgroupFiles">The kernel's file with the groups of the thread of each vCPU.</param>
    /// <param name="root">Where control groups are mounted.</param>
    internal static CpuQuotaSampler? Create(IReadOnlyDictionary<int, string> cgroupFiles, string root)
    {
        var sampler = new CpuQuotaSampler();
        var parents = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (vcpu, file) in cgroupFiles.OrderBy(entry => entry.Key))
        {
            if (FolderOf(LocalHost.ReadAll(file), root) is not { } folder || Path.GetDirectoryName(folder) is not { } parent)
            {
                continue;
            }

            sampler._groups.Add((Path.Combine(folder, "cpu.stat"), string.Create(CultureInfo.InvariantCulture, $"Vcpu.{vcpu}.")));
            if (parents.Add(parent))
            {
                sampler._groups.Add((Path.Combine(parent, "cpu.stat"), "VM."));
            }
        }

        return sampler._groups.Count > 0 ? sampler : null;
    }

    public CounterReading Read()
    {
        var counters = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (file, prefix) in _groups)
        {
            foreach (var line in LocalHost.ReadAll(file)?.Split('\n') ?? [])
            {
                if (line.Split(' ') is [var name, var text] && double.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value))
                {
                    _ = name switch
                    {
                        "nr_throttled" => counters[prefix + "ThrottledPeriods"] = value,
                        "throttled_usec" => counters[prefix + "ThrottledNanoseconds"] = 1000 * value,
                        "throttled_time" => counters[prefix + "ThrottledNanoseconds"] = value,
                        _ => 0,
                    };
                }
            }
        }

        return new CounterReading(counters, new Dictionary<string, double>(StringComparer.Ordinal));
    }

    // A line is "id:controllers:path"; version 2 has one with id 0 and no controllers (cgroups(7)). libvirt gives each vCPU a group of its own, "vcpu0".
    private static string? FolderOf(string? groups, string root)
    {
        string? folder = null;
        foreach (var line in groups?.Split('\n') ?? [])
        {
            var parts = line.Split(':', 3);
            if (parts.Length == 3 && parts[2].StartsWith('/') && Path.GetFileName(parts[2]).StartsWith("vcpu", StringComparison.Ordinal) && !parts[2].Contains("..", StringComparison.Ordinal))
            {
                // Version 1 mounts the controller under its name, or under those that share its hierarchy.
                folder = parts[1].Length == 0 ? folder ?? root + parts[2]
                    : parts[1].Split(',').Contains("cpu", StringComparer.Ordinal)
                        ? new[] { parts[1], "cpu" }.Select(mount => $"{root}/{mount}{parts[2]}").FirstOrDefault(Directory.Exists) ?? folder : folder;
            }
        }

        return folder;
    }
}
