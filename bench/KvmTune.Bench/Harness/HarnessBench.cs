// The bench `harness`: the cost of measuring in addition to the measured work, for every workload, by agent and by SSH. A run's time is the
// whole time from its beginning to its end on the host, including canary and counters; the workload's time is that of its program in the guest,
// by the guest's clock. The rest is the harness's own, without the shell in the guest that takes the time.
using System.Diagnostics;
using System.Globalization;
using KvmTune.Bench.Lab;
using KvmTune.Guest;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using KvmTune.Statistics;

namespace KvmTune.Bench.Harness;

/// <summary>Measures the harness's own time for each workload on the lab.</summary>
internal static class HarnessBench
{
    private const int Runs = 5;
    private const int SmallestFileMiB = 64;

    private static readonly CommandSettings SomeCommand = new()
    {
        Path = "sysbench",
        Arguments = ["cpu", "--time=4", "run"],
        Metrics =
        [
            new(new("Speed", "events/s", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true), Pattern: "events per second: *([0-9.]+)"),
        ],
    };

    /// <summary>Runs the bench: a figure for each workload and channel.</summary>
    /// <param name="only">The workloads and channels to measure; none for all.</param>
    public static async IAsyncEnumerable<BenchFigure> RunAsync(IReadOnlyCollection<string> only)
    {
        using var vm = LabVM.Open();
        var catalog = WorkloadCatalog.CreateDefault();
        foreach (var workload in catalog.All.Where(workload => IsWanted(only, catalog.All.Select(known => known.Name), workload.Name)))
        {
            foreach (var channel in new[] { GuestChannelKind.Agent, GuestChannelKind.Ssh })
            {
                if (IsWanted(only, Enum.GetNames<GuestChannelKind>(), channel.ToString()) && (workload.NeedsChannel || channel == GuestChannelKind.Agent))
                {
                    yield return await MeasureAsync(vm.Domain, catalog, workload, channel);
                }
            }
        }
    }

    private static bool IsWanted(IReadOnlyCollection<string> only, IEnumerable<string> kind, string name)
    {
        var asked = only.Intersect(kind, StringComparer.OrdinalIgnoreCase).ToList();
        return asked.Count == 0 || asked.Contains(name, StringComparer.OrdinalIgnoreCase);
    }

    private static async Task<BenchFigure> MeasureAsync(
        LibvirtDomain domain, WorkloadCatalog catalog, IWorkload workload, GuestChannelKind kind)
    {
        var request = new WorkloadRequest
        {
            Name = workload.Name,
            Runs = Runs,
            FileSizeMiB = workload.Program == GuestProgram.Fio ? SmallestFileMiB : null,
            Channel = kind,
            Ssh = kind == GuestChannelKind.Ssh ? LabVM.Ssh : null,
            Command = string.Equals(workload.Name, "Command", StringComparison.Ordinal) ? SomeCommand : null,
        };
        using var real = new LibvirtMeasurementTarget(domain, TimeProvider.System);
        var target = new TimedTarget(real, request.Command?.Path ?? workload.Program?.Name ?? string.Empty);
        var watch = Stopwatch.StartNew();
        var session = await MeasurementSession.OpenAsync(target, request, catalog, TimeProvider.System, null, CancellationToken.None);
        var (ours, theirs) = (new List<double>(), new List<double>());
        var prepared = watch.Elapsed - (target.Channel?.ProgramTime ?? TimeSpan.Zero);
        await using (session)
        {
            var taking = target.Channel is { } way ? await way.OwnTimeAsync(CancellationToken.None) : TimeSpan.Zero;
            for (var i = 0; i <= Runs; i++)
            {
                watch.Restart();
                if (target.Channel is { } channel)
                {
                    channel.ProgramTime = TimeSpan.Zero;
                }

                var run = await session.RunAsync(isWarmup: i == 0, CancellationToken.None);
                var whole = watch.Elapsed;
                if (run.Failure is { } failure)
                {
                    throw new InvalidOperationException($"{workload.Name} by {kind}: {failure}");
                }

                // Observe runs nothing: its work is to wait.
                var program = target.Channel?.ProgramTime ?? request.RunTime;
                if (i > 0)
                {
                    ours.Add((whole - program - taking).TotalMilliseconds);
                    theirs.Add(program.TotalMilliseconds);
                }
            }

            watch.Restart();
        }

        var by = workload.NeedsChannel ? $" by {(kind == GuestChannelKind.Ssh ? "SSH" : "agent")}" : string.Empty;
        var (own, load) = (Estimators.Median(ours), Estimators.Median(theirs));
        return new(
            $"{workload.Name}{by}: the harness's own time a run",
            Math.Round(own, 1),
            "ms",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{own / load:0.000} of the workload's {load / 1000:0.00} s; goal: at most 0.05; once before and after: {(prepared + watch.Elapsed).TotalSeconds:0.0} s"));
    }
}
