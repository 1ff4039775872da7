// Measurements as values for the tests of comparisons: a workload with a rate, a mean latency and a percentile.
using KvmTune.Measurement;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tests.Statistics;

internal static class Performances
{
    public static readonly MetricDefinition Iops = new("Iops", "IOPS", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true);
    public static readonly MetricDefinition Mean = new("LatencyMean", "ns", MetricDirection.LowerIsBetter, MetricKind.MeanLatency);
    public static readonly MetricDefinition P99 = new("LatencyP99", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile);

    private static readonly Guid Id = new("6f1c1c5e-2d7a-4f2a-9a51-4f6b0c8f0a11");
    private static readonly DateTimeOffset Start = new(2024, 6, 7, 12, 0, 0, TimeSpan.Zero);

    public static MeasurementConditions Conditions { get; } = new()
    {
        HostName = "kvm1",
        HostKernel = "6.1.0",
        LibvirtVersion = "9.0.0",
        HypervisorVersion = "QEMU 7.2.22",
        DomainType = "kvm",
        ConfigurationHash = "aa",
        Channel = "Agent",
        GuestKernel = "6.1",
        WorkloadVersion = "fio-3.33",
        GuestFile = "/data/kvmtune.fio, 256 MiB",
    };

    /// <summary>A measurement with IOPS only.</summary>
    public static VMPerformance Of(params double[] iops) => Of(iops, null, null);

    /// <summary>A measurement with IOPS and, if given, mean latency and p99.</summary>
    public static VMPerformance Of(double[] iops, double[]? mean, double[]? p99) => new()
    {
        VMName = "db01",
        VMId = Id,
        ConnectionUri = "qemu:///system",
        Workload = new() { Name = "RandomWrite" },
        Metrics = [Iops, .. mean is null ? [] : new[] { Mean }, .. p99 is null ? [] : new[] { P99 }],
        Runs =
        [
            Run(0, true, [("Iops", 1)]),
            .. iops.Select((value, i) => Run(
                i + 1,
                false,
                [("Iops", value), .. mean is null ? [] : new[] { ("LatencyMean", mean[i]) }, .. p99 is null ? [] : new[] { ("LatencyP99", p99[i]) }])),
        ],
        Conditions = Conditions,
        StartedAt = Start,
        Elapsed = TimeSpan.FromMinutes(1),
    };

    /// <summary>The same measurement with its runs moved to other times, in seconds from the start.</summary>
    public static VMPerformance At(this VMPerformance performance, params double[] seconds) => performance with
    {
        Runs = [.. performance.Runs.Where(run => !run.IsWarmup).Select((run, i) => run with { StartedAt = Start.AddSeconds(seconds[i]) })],
    };

    /// <summary>The same measurement with one run failed.</summary>
    public static VMPerformance Failing(this VMPerformance performance, int number) => performance with
    {
        Runs =
        [
            .. performance.Runs.Select(run => run.Number == number
                ? run with { Failure = "fio ended early", Values = new Dictionary<string, double>(StringComparer.Ordinal) }
                : run),
        ],
    };

    /// <summary>A change of the VM, like an object of the pipeline.</summary>
    public static VMTuningResult Pin(TuningOutcome outcome) => new()
    {
        Outcome = outcome,
        Plan = new()
        {
            VMName = "db01",
            VMId = Id,
            ConnectionUri = "qemu:///system",
            Change = new VcpuPinChange
            {
                Pins = new Dictionary<int, KvmTune.Topology.CpuSet?> { [0] = null },
            },
            ChangesRunning = true,
            ChangesConfiguration = true,
            RequiresRestart = false,
            HasChanges = true,
            Differences = [],
            Findings = [],
            XmlDifference = string.Empty,
            VirshCommand = string.Empty,
        },
        AppliedAt = Start,
        Elapsed = TimeSpan.Zero,
    };

    public static double[] Around(int seed, int count, double middle, double percent)
        => [.. Draw.Normals(new Random(seed), count, 0, percent / 100).Select(noise => middle * Math.Exp(noise))];

    private static MeasuredRun Run(int number, bool isWarmup, (string Name, double Value)[] values) => new()
    {
        Number = number,
        StartedAt = Start.AddSeconds(5 * number),
        Duration = TimeSpan.FromSeconds(4),
        IsWarmup = isWarmup,
        Values = values.ToDictionary(entry => entry.Name, entry => entry.Value, StringComparer.Ordinal),
    };
}
