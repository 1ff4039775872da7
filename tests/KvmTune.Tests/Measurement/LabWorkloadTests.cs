// Workloads on a real guest of the lab, by SSH; with all tests every workload, also by agent. The Pester suite has every workload by agent.
using KvmTune.Guest;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using Xunit;
using Xunit.Abstractions;

namespace KvmTune.Tests.Measurement;

[Trait("Category", "Lab")]
[Collection(FirstGuest.Name)]
public sealed class LabWorkloadTests(ITestOutputHelper output)
{
    private const string BySsh = "RandomWrite";

    public static TheoryData<string> Workloads => [.. WorkloadCatalog.CreateDefault().All.Select(workload => workload.Name)];

    public static TheoryData<string> OtherWorkloadsBySsh =>
        [.. WorkloadCatalog.CreateDefault().All.Where(workload => workload.NeedsChannel && workload.Name != BySsh).Select(workload => workload.Name)];

    [SkippableTheory]
    [Trait(Tier.Trait, Tier.All)]
    [MemberData(nameof(Workloads))]
    public Task A_workload_yields_every_metric_of_every_run_and_leaves_nothing(string workload) => MeasureAsync(workload, GuestChannelKind.Agent);

    [SkippableFact]
    public Task A_workload_does_so_by_SSH() => MeasureAsync(BySsh, GuestChannelKind.Ssh);

    [SkippableTheory]
    [Trait(Tier.Trait, Tier.All)]
    [MemberData(nameof(OtherWorkloadsBySsh))]
    public Task Every_other_workload_does_so_by_SSH(string workload) => MeasureAsync(workload, GuestChannelKind.Ssh);

    private async Task MeasureAsync(string workload, GuestChannelKind channel)
    {
        using var lab = LabGuest.Open("lab1");
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        await (await lab.ChannelAsync()).DisposeAsync();
        var request = new WorkloadRequest
        {
            Name = workload,
            Runs = 2,
            RunTime = TimeSpan.FromSeconds(2),
            FileSizeMiB = 64,
            Channel = channel,
            Ssh = channel == GuestChannelKind.Ssh ? LabGuest.Ssh("lab1") : null,
            Command = workload == "Command" ? SomeCommand : null,
        };

        var result = await lab.Measurer.MeasureAsync(lab.Target, request, null, limit.Token);

        foreach (var run in result.Runs)
        {
            output.WriteLine($"run {run.Number} {(run.IsWarmup ? "warm-up " : "")}{run.Duration.TotalMilliseconds:0} ms {run.Failure}");
            output.WriteLine("  " + string.Join(", ", run.Values.Select(pair => $"{pair.Key} {pair.Value:0.###}")));
            output.WriteLine("  rates " + string.Join(", ", run.PerSecondRates.Select(rate => $"{rate:0.##}")));
        }

        output.WriteLine($"in all {result.Elapsed.TotalSeconds:0.0} s; {result.Conditions.Channel}; {result.Conditions.WorkloadVersion}; {string.Join(' ', result.Notes)}");
        Assert.Equal(2, result.CountedRuns.Count);
        Assert.Single(result.Metrics, metric => metric.IsPrimary);
        // A variation needs two whole reported seconds, which a guest on a busy host does not always have.
        Assert.All(result.CountedRuns, run => Assert.All(
            result.Metrics.Where(metric => metric.Kind != MetricKind.Variation || run.PerSecondRates.Count > 1),
            metric => Assert.True(double.IsFinite(run.Values[metric.Name]), metric.Name)));
        Assert.Equal("", await lab.LeftoversAsync());
    }

    private static CommandSettings SomeCommand => new()
    {
        Path = "/bin/sh",
        Arguments = ["-c", "echo \"speed: $(( $(cut -d. -f1 /proc/uptime) )) \"'\"it'\"'\"'s\" $1'; echo '{\"a\": [{\"b c\": 7}]}'", "sh", "a 'b' \"c\" $d"],
        Metrics =
        [
            new CommandMetric(new MetricDefinition("Speed", "1/s", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true), Pattern: "^speed: ([0-9]+)"),
            new CommandMetric(new MetricDefinition("Other", "ns", MetricDirection.LowerIsBetter, MetricKind.MeanLatency), JsonPath: "$.a[0]['b c']"),
        ],
    };
}
