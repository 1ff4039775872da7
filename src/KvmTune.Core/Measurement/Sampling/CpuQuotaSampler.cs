// How long the kernel stopped a VM's threads for CPU quotas: in the control group of each thread, of the whole VM, and of the groups above.
using System.Globalization;
using KvmTune.Hosts;
using static KvmTune.NumberText;

namespace KvmTune.Measurement.Sampling;

/// <summary>
/// Reads <c>cpu.stat</c> (kernel documents cgroup-v2 and sched-bwc). <c>nr_throttled</c> is the number of periods, of <c>nr_periods</c>, in
/// which a group was stopped; <c>throttled_usec</c> (version 2) and <c>throttled_time</c> (version 1, in ns) are how long. A group of several
/// threads adds up the time of each host CPU, so the number for the whole VM is a sum.
/// </summary>
internal sealed class CpuQuotaSampler : IRunSampler
{
    /// <summary>The prefix of the counters of the VM's own group.</summary>
    public const string OfVM = "VM.";

    /// <summary>The prefix of the counters of the groups above the VM's own one; the level follows, 1 for the nearest.</summary>
    public const string AboveVM = "AboveVM.";

    /// <summary>How many levels above the VM's group are read: machine.slice, and the groups of a container that the VM runs in.</summary>
    public const int MostLevels = 8;

    private readonly List<(string File, string Prefix)> _groups = [];

    private CpuQuotaSampler()
    {
    }

    /// <summary>The sampler of a QEMU process; null if none of its groups is readable.</summary>
    public static CpuQuotaSampler? Create(QemuProcess process)
    {
        var threads = process.VcpuThreads().Select(thread => (Prefix: $"Vcpu.{Text(thread.Key)}.", thread.Value))
            .Concat(process.IOThreads().Select(thread => (Prefix: $"IOThread.{Text(thread.Key)}.", thread.Value))).Append((Prefix: "Emulator.", process.ProcessId));
        return Create(threads.Select(thread => (thread.Prefix, $"/proc/{Text(process.ProcessId)}/task/{Text(thread.Item2)}/cgroup")), ControlGroups.Root);
    }

    /// <summary>The sampler of given threads.</summary>
    /// <param name="threads">The prefix of each thread's counters, and the kernel's file that lists the thread's groups.</param>
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

            // A daemon without the right to make groups, for example a user's own, leaves the threads in its own group.
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

    // libvirt makes one group for each vCPU ("vcpu0") and each I/O thread ("iothread1"), and one for all other threads ("emulator").
    private static bool IsLibvirts(string group) =>
        group == "emulator" || group.StartsWith("vcpu", StringComparison.Ordinal) || group.StartsWith("iothread", StringComparison.Ordinal);
}
