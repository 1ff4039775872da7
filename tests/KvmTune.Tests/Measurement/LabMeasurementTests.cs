// Measurements on a real guest of the lab, from libvirt to fio and back.
using System.Diagnostics;
using KvmTune.Guest;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using Xunit;
using Xunit.Abstractions;

namespace KvmTune.Tests.Measurement;

[Trait("Category", "Lab")]
[Collection(SecondGuest.Name)]
public sealed class LabMeasurementTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    [SkippableFact]
    public async Task A_disk_workload_yields_rates_counters_and_conditions_and_leaves_nothing()
    {
        using var lab = LabGuest.Open();
        using var limit = new CancellationTokenSource(Patience);
        var request = new WorkloadRequest { Name = "RandomWrite", Runs = 3, RunTime = TimeSpan.FromSeconds(2), FileSizeMiB = 64 };
        var progress = new List<MeasurementProgress>();

        var result = await lab.Measurer.MeasureAsync(lab.Target, request, new Listing(progress), limit.Token);

        Show(result, progress);
        Assert.Equal(3, result.CountedRuns.Count);
        Assert.Single(result.Runs, run => run.IsWarmup);
        Assert.All(result.CountedRuns, run =>
        {
            // A run whose program did not report two whole seconds, as in a slow guest, has no variation and fewer rates.
            Assert.All(
                result.Metrics.Where(metric => metric.Kind != MetricKind.Variation || run.Values.ContainsKey(metric.Name)),
                metric => Assert.True(double.IsFinite(run.Values[metric.Name]) && run.Values[metric.Name] >= 0, metric.Name));
            Assert.InRange(run.PerSecondRates.Count, 0, 2);
            if (run.PerSecondRates.Count == 2)
            {
                Assert.InRange(run.PerSecondRates.Average() / run.Values["Iops"], 0.9, 1.1);
            }

            Assert.True(run.Counters["VcpuTimeNanoseconds"] > 0);
        });
        Assert.StartsWith("vdb: /data (", result.Conditions.GuestFile, StringComparison.Ordinal);
        Assert.Equal("fio-", result.Conditions.WorkloadVersion?[..4]);
        Assert.NotEmpty(result.Conditions.GuestKernel!);
        Assert.True(result.Conditions.GuestFreeMiB > 64);
        Assert.Equal("", await lab.LeftoversAsync());
    }

    private void Show(VMPerformance result, IEnumerable<MeasurementProgress> progress)
    {
        foreach (var step in progress)
        {
            output.WriteLine($"{step.Fraction:P0} {step.Remaining?.TotalSeconds:0.0} s left: {step.Activity}");
        }

        output.WriteLine(result.Conditions.ToString());
        output.WriteLine(string.Join('\n', result.Notes));
        foreach (var run in result.Runs)
        {
            output.WriteLine($"run {run.Number} {(run.IsWarmup ? "warm-up " : "")}{run.Duration.TotalMilliseconds:0} ms {run.Failure}");
            output.WriteLine("  " + string.Join(", ", run.Values.Select(pair => $"{pair.Key} {pair.Value:0.##}")));
            output.WriteLine("  rates " + string.Join(", ", run.PerSecondRates.Select(rate => $"{rate:0}")));
            output.WriteLine("  " + string.Join(", ", run.Counters.Select(pair => $"{pair.Key} {pair.Value:0.###}")));
        }

        output.WriteLine($"in all {result.Elapsed.TotalSeconds:0.0} s");
    }

    private sealed class Listing(List<MeasurementProgress> steps) : IProgress<MeasurementProgress>
    {
        public void Report(MeasurementProgress value) => steps.Add(value);
    }
}
