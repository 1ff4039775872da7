// Two experiments on a real guest, with short runs: a limit that is switched live, and a cache mode that needs restarts. The limit costs so
// much that other tests do not change its verdict. The Pester suite has such experiments too, so these run only with all tests.
using KvmTune.Experiments;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using KvmTune.Statistics;
using KvmTune.Tests.Measurement;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;
using Xunit.Abstractions;

namespace KvmTune.Tests.Experiments;

[Trait("Category", "Lab")]
[Trait(Tier.Trait, Tier.All)]
[Collection(SecondGuest.Name)]
public sealed class ExperimentLabTests(ITestOutputHelper output)
{
    [SkippableFact]
    public async Task A_limit_is_found_in_pairs_and_taken_back()
    {
        using var lab = LabGuest.Open();
        using var host = new HostConnection(lab.Domain.Connection.Uri);
        var (before, running) = (Persistent(lab), lab.Domain.GetXml());
        var plan = Tuner(host, lab).Planner.Plan(new DiskThrottleChange
        {
            Disk = "vdb",
            Limits = DiskThrottleChange.WholeCategories(new Dictionary<string, ulong?>(StringComparer.Ordinal) { ["write_iops_sec"] = 400 }),
        });

        var result = await RunAsync(
            host,
            lab,
            plan,
            new WorkloadRequest { Name = "RandomWrite", RunTime = TimeSpan.FromSeconds(2), FileSizeMiB = 64 },
            new ExperimentOptions { Design = ExperimentDesign.Pairs, Runs = 8, Seed = 2 });

        Assert.Equal(ExperimentDesign.Pairs, result.Design);
        Assert.Equal(8, result.PairCount);
        Assert.Equal(Verdict.Regressed, result.Verdict);
        Assert.Equal(ExperimentDecision.Undone, result.Decision);
        Assert.Equal(before, Persistent(lab));
        Assert.Empty(SettingComparer.Compare(DomainSettings.Read(running), DomainSettings.Read(lab.Domain.GetXml()), HostReading.OnlineCpus(host)));
    }

    [SkippableFact]
    public async Task A_cache_mode_is_tried_in_blocks_of_boots_and_taken_back()
    {
        using var lab = LabGuest.Open();
        using var host = new HostConnection(lab.Domain.Connection.Uri);
        var before = Persistent(lab);
        var plan = Tuner(host, lab).Planner.Plan(new DiskDriverChange
        {
            Disk = "vdb",
            Options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["cache"] = "none" },
        });

        var result = await RunAsync(
            host,
            lab,
            plan,
            new WorkloadRequest { Name = "RandomWrite", RunTime = TimeSpan.FromSeconds(2), FileSizeMiB = 64 },
            new ExperimentOptions { Design = ExperimentDesign.Blocks, Restart = true, Runs = 6, Keep = KeepRule.Never });

        Assert.Equal(ExperimentDesign.Blocks, result.Design);
        Assert.Equal(6, result.Baseline.CountedRuns.Count);
        Assert.Equal(6, result.Candidate.CountedRuns.Count);
        Assert.NotEqual(result.Baseline.Conditions.ConfigurationHash, result.Candidate.Conditions.ConfigurationHash);
        Assert.True(result.Comparison.IsDirectionOnly);
        Assert.Equal(Verdict.Inconclusive, result.Comparison.Verdict);
        Assert.Equal(4, result.RestartCount);
        Assert.Equal(before, Persistent(lab));
        Assert.Equal("", await lab.LeftoversAsync());
    }

    private static VMTuner Tuner(HostConnection host, LabGuest lab) => new(new VMPlanner(host, lab.Domain), TimeProvider.System, new NoJournal());

    private static string Persistent(LabGuest lab) => lab.Domain.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);

    private async Task<VMExperiment> RunAsync(HostConnection host, LabGuest lab, VMTuningPlan plan, WorkloadRequest workload, ExperimentOptions options)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(15));
        var result = await new VMExperimenter(host, Tuner(host, lab), lab.Target, WorkloadCatalog.CreateDefault(), TimeProvider.System)
            .RunAsync([plan], workload, options, null, limit.Token);
        output.WriteLine(result.Comparison.Sentence);
        foreach (var step in result.Steps)
        {
            output.WriteLine($"{step.Elapsed.TotalSeconds:0.00} s {step.Kind} {step.Name}");
        }

        return result;
    }
}
