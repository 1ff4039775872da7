// Measures a guest, changes the cache mode of one disk, measures again and compares: the demo's one-liner on the engine as a library.
using System.Globalization;
using KvmTune;
using KvmTune.Hosts;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using KvmTune.Statistics;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

var name = args.Length > 0 ? args[0] : "lab1";
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

try
{
    using var host = new HostConnection(Environment.GetEnvironmentVariable("KVMTUNE_LAB_URI") ?? HostConnection.DefaultUri);
    var baseline = await MeasureAsync(host);
    Console.WriteLine($"Baseline: {Describe(baseline)}");

    using var domain = host.FindVM(name, host.Write());
    using var planner = new VMPlanner(host, domain);
    var tuner = new VMTuner(planner, TimeProvider.System, new NoJournal());
    var plan = planner.Plan(new DiskDriverChange
    {
        Disk = "vdb",
        Options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["cache"] = "none", ["io"] = "native" },
    });
    Console.WriteLine($"Change: {plan.Title}\n{plan.XmlDifference}\n{plan.VirshCommand}");
    var result = await tuner.ApplyAsync(plan, new ApplyOptions { Restart = true, Baseline = baseline }, stop.Token);
    Console.WriteLine($"Outcome: {result.Outcome}, restarted: {result.Restarted}");

    var candidate = await MeasureAsync(host) with { Change = result, Baseline = baseline };
    Console.WriteLine($"Candidate: {Describe(candidate)}");

    Console.WriteLine(VMComparer.Compare(baseline, candidate).Sentence);
    return 0;
}
catch (KvmTuneException exception)
{
    await Console.Error.WriteLineAsync($"{exception.ErrorId}: {exception.Message}");
    return 1;
}

async Task<VMPerformance> MeasureAsync(HostConnection host)
{
    using var domain = host.FindVM(name, host.Write());
    using var target = new LibvirtMeasurementTarget(domain, TimeProvider.System);
    var request = new WorkloadRequest { Name = "RandomWrite" };
    return await new VMMeasurer(WorkloadCatalog.CreateDefault(), TimeProvider.System).MeasureAsync(target, request, new Lines(), stop.Token);
}

static string Describe(VMPerformance performance) => string.Create(
    CultureInfo.InvariantCulture,
    $"{performance.PrimaryMetric.Name} {Estimators.Median(performance.ValuesOf(performance.PrimaryMetric.Name)):0} {performance.PrimaryMetric.Unit} (median of {performance.CountedRuns.Count} runs)");

/// <summary>Progress as lines of text.</summary>
internal sealed class Lines : IProgress<MeasurementProgress>
{
    /// <inheritdoc/>
    public void Report(MeasurementProgress value) => Console.WriteLine($"  {value.VMName}: {value.Activity}");
}
