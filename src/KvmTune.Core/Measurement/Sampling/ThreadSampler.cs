// The QEMU process's threads on the local host: run-queue delay, migrations between processors, and where each vCPU ran last.
using System.Globalization;
using KvmTune.Hosts;

namespace KvmTune.Measurement.Sampling;

/// <summary>
/// Reads <c>/proc/PID/task/TID/schedstat</c> (run time, run-queue delay, in ns), <c>sched</c> (migrations; only where the kernel was built
/// with SCHED_DEBUG) and <c>stat</c> (the processor that the thread ran on last).
/// </summary>
internal sealed class ThreadSampler : IRunSampler
{
    private readonly string _tasks;
    private readonly List<(string Path, int Vcpu)> _vcpus = [];
    private readonly HashSet<string> _vcpuIds = new(StringComparer.Ordinal);
    private readonly List<(string Path, string Prefix)> _services = [];

    private ThreadSampler(string tasks) => _tasks = tasks;

    /// <summary>The sampler of a QEMU process; null if its threads are not readable.</summary>
    public static ThreadSampler? Create(QemuProcess process)
    {
        var sampler = new ThreadSampler(string.Create(CultureInfo.InvariantCulture, $"/proc/{process.ProcessId}/task"));
        foreach (var (vcpu, thread) in process.VcpuThreads())
        {
            var task = string.Create(CultureInfo.InvariantCulture, $"{sampler._tasks}/{thread}");
            sampler._vcpus.Add((task, vcpu));
            sampler._vcpuIds.Add(task);
        }

        // The main loop is the first thread of the process. It does the work of all devices without an I/O thread.
        sampler._services.Add((string.Create(CultureInfo.InvariantCulture, $"{sampler._tasks}/{process.ProcessId}"), "MainLoop."));
        sampler._services.AddRange(process.IOThreads().Select(thread => (
            string.Create(CultureInfo.InvariantCulture, $"{sampler._tasks}/{thread.Value}"), string.Create(CultureInfo.InvariantCulture, $"IOThread.{thread.Key}."))));
        return sampler._vcpus.Count > 0 ? sampler : null;
    }

    public CounterReading Read()
    {
        var counters = new Dictionary<string, double>(StringComparer.Ordinal);
        var gauges = new Dictionary<string, double>(StringComparer.Ordinal);
        void Add(string name, double value) => counters[name] = counters.GetValueOrDefault(name) + value;

        foreach (var (task, vcpu) in _vcpus)
        {
            var prefix = string.Create(CultureInfo.InvariantCulture, $"Vcpu.{vcpu}.");
            if (ReadSchedstat(task) is { } times)
            {
                Add("VcpuRunQueueDelayNanoseconds", times.Delay);
                Add(prefix + "RunQueueDelayNanoseconds", times.Delay);
                Add(prefix + "RunNanoseconds", times.Run);
            }

            if (ReadMigrations(task) is { } migrations)
            {
                Add("VcpuMigrations", migrations);
                Add(prefix + "Migrations", migrations);
            }

            if (ReadProcessor(task) is { } processor)
            {
                gauges[prefix + "HostCpu"] = processor;
            }
        }

        foreach (var (task, prefix) in _services)
        {
            if (ReadSchedstat(task) is { } times)
            {
                Add(prefix + "RunQueueDelayNanoseconds", times.Delay);
                Add(prefix + "RunNanoseconds", times.Run);
            }
        }

        // The other threads: main loop, I/O threads, workers. Workers come and go, so their counters are the sum over the present ones.
        foreach (var task in Tasks())
        {
            if (!_vcpuIds.Contains(task) && ReadSchedstat(task) is { } times)
            {
                Add("EmulatorRunQueueDelayNanoseconds", times.Delay);
                Add("EmulatorTimeNanoseconds", times.Run);
            }
        }

        return new CounterReading(counters, gauges);
    }

    private string[] Tasks()
    {
        try
        {
            return Directory.GetDirectories(_tasks);
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static (double Run, double Delay)? ReadSchedstat(string task) =>
        LocalHost.ReadLine(task + "/schedstat")?.Split(' ') is [var run, var delay, _]
            && double.TryParse(run, NumberStyles.None, CultureInfo.InvariantCulture, out var runTime)
            && double.TryParse(delay, NumberStyles.None, CultureInfo.InvariantCulture, out var delayTime)
            ? (runTime, delayTime)
            : null;

    private static double? ReadMigrations(string task)
    {
        var line = LocalHost.ReadAll(task + "/sched")?.Split('\n')
            .FirstOrDefault(candidate => candidate.StartsWith("se.nr_migrations", StringComparison.Ordinal));
        return double.TryParse(line?.Split(':')[^1], NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture, out var count) ? count : null;
    }

    // The 39th field. The second field is the name in brackets, which may contain blanks.
    private static double? ReadProcessor(string task)
    {
        var line = LocalHost.ReadLine(task + "/stat");
        var rest = line?[(line.LastIndexOf(')') + 2)..].Split(' ');
        return rest is { Length: > 36 } && double.TryParse(rest[36], NumberStyles.None, CultureInfo.InvariantCulture, out var cpu) ? cpu : null;
    }
}
