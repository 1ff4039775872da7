// What the kernel took from a VM's threads since a CPU quota was used up: the control groups of each thread, of the whole VM, and above it.
using System.Globalization;
using KvmTune.Hosts;
using static KvmTune.NumberText;

namespace KvmTune.Measurement.Sampling;

/// <summary>
/// Reads <c>cpu.stat</c> (kernel documents cgroup-v2 and sched-bwc): <c>nr_throttled</c> are the periods, of <c>nr_periods</c>, in which a
/// group stood still, <c>throttled_usec</c> (version 2) and <c>throttled_time</c> (version 1, in ns) for how long. A group of several
/// threads counts that for each host CPU, so the VM's own is a sum.
/// </summary>
internal sealed class CpuQuotaSampler : IRunSampler
{
    /// <summary>The names of the counters of the VM's own group.</summary>
    public const string OfVM = "VM.";

    /// <summary>The names of the counters of the groups that the VM's own one is in, the nearest first: a level follows.</summary>
    public const string AboveVM = "AboveVM.";

    /// <summary>How many levels above the VM's group are looked at: machine.slice, and those of a container that the VM runs in.</summary>
    public const int MostLevels = 8;

    private readonly List<(string File, string Prefix)> _groups = [];

    private CpuQuotaSampler()
    {
    }

    /// <summary>The sampler of a QEMU process; null where none of its groups can be seen.</summary>
    public static CpuQuotaSampler? Create(QemuProcess process)
    {
        var threads = process.VcpuThreads().Select(thread => (Prefix: $"Vcpu.{Text(thread.Key)}.", thread.Value))
            .Concat(process.IOThreads().Select(thread => (Prefix: $"IOThread.{Text(thread.Key)}.", thread.Value))).Append((Prefix: "Emulator.", process.ProcessId));
        return Create(threads.Select(thread => (thread.Prefix, $"/proc/{Text(process.ProcessId)}/task/{Text(thread.Item2)}/cgroup")), ControlGroups.Root);
    }

    /// <summary>The sampler of given threads.</summary>
    /// <param name="threads">How the counters of each thread are named, and the kernel's file with the groups that it is in.</param>
    /// <param name="root">Where control groups are mounted.</param>
    internal static CpuQuotaSampler? Create(IEnumerable<(string Prefix, string GroupsFile)> threads, string root)
    {
        var sampler = new CpuQuotaSampler();
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (prefix, file) in threads)
        {
            if (ControlGroups.Of(LocalHost.ReadAll(file), "cpu", root) is not { } group)
            {
                continue;
            }

            // A daemon without the right to make groups, such as a user's own, leaves the threads in the group that it is in itself.
            var isOwn = IsLibvirts(Path.GetFileName(group.Path));
            if (isOwn)
            {
                sampler.Add(group.Mount, group.Path, prefix);
            }

            var above = isOwn ? Path.GetDirectoryName(group.Path) : group.Path;
            for (var level = isOwn ? 0 : 1; level <= MostLevels && above is { Length: > 1 } && known.Add(above); level++)
            {
                sampler.Add(group.Mount, above, level == 0 ? OfVM : $"{AboveVM}{Text(level)}.");
                above = Path.GetDirectoryName(above);
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
                        "nr_periods" => counters[prefix + "QuotaPeriods"] = value,
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

    private void Add(string mount, string path, string prefix) => _groups.Add(($"{mount}{path}/cpu.stat", prefix));

    // libvirt gives each vCPU and each I/O thread a group of its own, "vcpu0" and "iothread1", and the other threads one together, "emulator".
    private static bool IsLibvirts(string group) =>
        group == "emulator" || group.StartsWith("vcpu", StringComparison.Ordinal) || group.StartsWith("iothread", StringComparison.Ordinal);
}
