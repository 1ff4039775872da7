// Comparisons, experiments and plans written as text and read back: nothing is lost, and each measurement is written once.
using KvmTune.Experiments;
using KvmTune.Measurement;
using KvmTune.Statistics;
using KvmTune.Tests.Corpus;
using KvmTune.Tests.Statistics;
using KvmTune.Topology;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Measurement;

public sealed class EngineDocumentTests
{
    private static readonly VMPerformance Before = Performances.Of(Performances.Around(1, 12, 1000, 2));

    private static readonly VMPerformance After = Performances.Of(Performances.Around(2, 12, 1400, 2)) with
    {
        Baseline = Before,
        Change = Performances.Pin(TuningOutcome.Applied) with { Baseline = Before },
    };

    private static VMExperiment Experiment { get; } = new()
    {
        ExperimentId = Guid.NewGuid(),
        VMName = "db01",
        VMId = Before.VMId,
        ConnectionUri = Before.ConnectionUri,
        Title = "pin vCPU 0",
        Changes = [After.Change!],
        Baseline = Before,
        Candidate = After,
        Comparison = VMComparer.Compare(Before, After),
        Decision = ExperimentDecision.Kept,
        Reason = "Kept, since it improved.",
        Keep = KeepRule.Improved,
        Design = ExperimentDesign.Pairs,
        Seed = 7,
        PairCount = 12,
        ScreenedPairCount = 1,
        RestartCount = 0,
        Steps = [new(ExperimentStepKind.Measure, "pair 1", Before.StartedAt, TimeSpan.FromSeconds(8))],
        JournalIds = [3, 4],
        StartedAt = Before.StartedAt,
        Elapsed = TimeSpan.FromMinutes(2),
    };

    [Fact]
    public void An_experiment_comes_back_with_its_measurements_and_they_are_one_again()
    {
        var text = EngineDocument.Write(Experiment);
        var back = EngineDocument.Read<VMExperiment>(text);

        Assert.Equal(text, EngineDocument.Write(back));
        Assert.Equal(Experiment.ExperimentId, back.ExperimentId);
        Assert.Equal(Experiment.Comparison.Sentence, back.Comparison.Sentence);
        Assert.Equal(Experiment.Comparison.PrimaryMetric.IntervalLowPercent, back.Comparison.PrimaryMetric.IntervalLowPercent);
        Assert.Equal(Experiment.JournalIds, back.JournalIds);
        Assert.Same(back.Baseline, back.Comparison.Baseline);
        Assert.Same(back.Baseline, back.Candidate.Baseline);
        Assert.Same(back.Baseline, back.Candidate.Change!.Baseline);
        Assert.Equal(back.Comparison.Sentence, VMComparer.Compare(back.Baseline, back.Candidate).Sentence);
        Assert.Equal(ComparisonPlot.Of(Experiment.Comparison).ToString(), ComparisonPlot.Of(back.Comparison).ToString());
    }

    [Fact]
    public void A_measurement_comes_back_with_its_baseline_and_change()
    {
        var baseline = Performances.Of(Performances.Around(1, 12, 1000, 2));
        baseline = baseline with { Runs = [.. baseline.Runs.Select(run => run with { PerSecondRates = [double.NaN, 0.1], Counters = new Dictionary<string, double> { ["A"] = 1e-300 } })] };
        var candidate = Performances.Of(Performances.Around(2, 12, 1400, 2)) with
        {
            Baseline = baseline,
            Change = Performances.Pin(TuningOutcome.Applied) with { Baseline = baseline },
            Notes = ["a note"],
        };

        var text = EngineDocument.Write(candidate);
        var back = EngineDocument.Read<VMPerformance>(text);

        Assert.Equal(text, EngineDocument.Write(back));
        Assert.Equal(candidate.ValuesOf("Iops"), back.ValuesOf("Iops"));
        Assert.Equal(candidate.Workload, back.Workload);
        Assert.Equal(candidate.Conditions, back.Conditions);
        Assert.Equal(candidate.Metrics, back.Metrics);
        Assert.Equal(candidate.Change.Title, back.Change!.Title);
        Assert.Same(back.Baseline, back.Change.Baseline);
        Assert.True(double.IsNaN(back.Baseline!.Runs[0].PerSecondRates[0]));
        Assert.Equal(1e-300, back.Baseline.Runs[0].Counters["A"]);
        Assert.Equal(VMComparer.Compare(baseline, candidate).Sentence, VMComparer.Compare(back.Baseline, back).Sentence);
    }

    [Fact]
    public void A_long_pipeline_is_written_once_a_step()
    {
        var performance = Performances.Of(1, 2, 3);
        var first = EngineDocument.Write(performance).Length;
        for (var i = 0; i < 8; i++)
        {
            performance = Performances.Of(1, 2, 3) with { Baseline = performance, Change = Performances.Pin(TuningOutcome.Applied) with { Baseline = performance } };
        }

        Assert.True(EngineDocument.Write(performance).Length < 16 * first);
        Assert.Equal(8, Depth(EngineDocument.Read<VMPerformance>(EngineDocument.Write(performance))));

        static int Depth(VMPerformance? one) => one?.Baseline is null ? 0 : 1 + Depth(one.Baseline);
    }

    [Fact]
    public void A_calibration_comes_back()
    {
        var calibration = VMCalibrator.Calibrate(Performances.Of(Performances.Around(3, 16, 1000, 4)), seed: 5);
        var text = EngineDocument.Write(calibration);
        var back = EngineDocument.Read<VMCalibration>(text);

        Assert.Equal(text, EngineDocument.Write(back));
        Assert.Equal(calibration.Sentence, back.Sentence);
        Assert.Equal(calibration.Reach, back.Reach);
        Assert.Equal(calibration.Performance.ValuesOf("Iops"), back.Performance.ValuesOf("Iops"));
        Assert.Equal(calibration.PairCheck.Sentence, back.PairCheck.Sentence);
    }

    [Fact]
    public void Every_kind_of_change_comes_back()
    {
        var vm = DomainXmlReader.Read(Captured.Text("lab2.xml"));
        var changes = SampleChanges.For(vm, DomainDocument.Parse(Captured.Text("lab2.xml"))).ToList();
        var result = Performances.Pin(TuningOutcome.Applied);

        foreach (var change in changes)
        {
            var performance = Performances.Of(1, 2) with { Change = result with { Plan = result.Plan with { Change = change }, Inverse = [change] } };
            var back = EngineDocument.Read<VMPerformance>(EngineDocument.Write(performance));
            Assert.Equal(change.GetType(), back.Change!.Plan.Change.GetType());
            Assert.Equal(change.Title, back.Change.Title);
            Assert.Equal(change.Settings, back.Change.Inverse[0].Settings);
        }
    }

    [Fact]
    public void Each_measurement_is_written_once()
    {
        var one = PerformanceDocument.Write(Before).Length;
        Assert.True(EngineDocument.Write(Experiment.Comparison).Length < 4 * one);
        Assert.True(EngineDocument.Write(Experiment).Length < 6 * one);
    }

    [Fact]
    public void A_result_and_its_plan_come_back_and_lead_to_the_same_change()
    {
        var back = EngineDocument.Read<VMTuningResult>(EngineDocument.Write(After.Change!));
        Assert.Equal(After.Change!.Plan.Title, back.Plan.Title);
        Assert.Equal(Before.ValuesOf("Iops"), ((VMPerformance)back.Baseline!).ValuesOf("Iops"));

        var plan = EngineDocument.Read<VMTuningPlan>(EngineDocument.Write(After.Change.Plan));
        Assert.Equal(After.Change.Plan.Change.GetType(), plan.Change.GetType());
        Assert.Equal(After.Change.Plan.VMId, plan.VMId);
    }

    [Fact]
    public void A_chain_of_measurements_keeps_its_order()
    {
        var third = Performances.Of(1, 2, 3) with { Baseline = After };
        var back = EngineDocument.Read<VMPerformance>(EngineDocument.Write(third));
        Assert.Equal(After.ValuesOf("Iops"), back.Baseline!.ValuesOf("Iops"));
        Assert.Equal(Before.ValuesOf("Iops"), back.Baseline.Baseline!.ValuesOf("Iops"));
    }

    [Fact]
    public void What_goes_down_a_pipeline_is_a_short_line_as_text()
    {
        Assert.Equal("db01: unpin vCPU 0", After.Change!.Plan.ToString());
        Assert.Equal("db01: unpin vCPU 0 (Applied)", After.Change.ToString());
        Assert.Equal("db01: RandomWrite, 12 runs", Before.ToString());
        Assert.Equal($"db01: {Experiment.Comparison.Sentence}", Experiment.Comparison.ToString());
        Assert.Equal("db01: pin vCPU 0 (Improved, Kept)", Experiment.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"Measurements\":[],\"Record\":0}")]
    [InlineData("{\"Measurements\":[],\"Record\":{}}")]
    [InlineData("not json")]
    public void Other_text_is_refused(string text) => Assert.Throws<FormatException>(() => EngineDocument.Read<VMPerformance>(text));
}
