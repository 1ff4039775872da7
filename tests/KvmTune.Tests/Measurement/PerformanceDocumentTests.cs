// Measurements as text and back: nothing is lost, whatever change they were made after.
using KvmTune.Measurement;
using KvmTune.Statistics;
using KvmTune.Tests.Corpus;
using KvmTune.Tests.Statistics;
using KvmTune.Topology;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Measurement;

public sealed class PerformanceDocumentTests
{
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

        var text = PerformanceDocument.Write(candidate);
        var back = PerformanceDocument.Read(text);

        Assert.Equal(text, PerformanceDocument.Write(back));
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
        var first = PerformanceDocument.Write(performance).Length;
        for (var i = 0; i < 8; i++)
        {
            performance = Performances.Of(1, 2, 3) with { Baseline = performance, Change = Performances.Pin(TuningOutcome.Applied) with { Baseline = performance } };
        }

        Assert.True(PerformanceDocument.Write(performance).Length < 16 * first);
        Assert.Equal(8, Depth(PerformanceDocument.Read(PerformanceDocument.Write(performance))));

        static int Depth(VMPerformance? one) => one?.Baseline is null ? 0 : 1 + Depth(one.Baseline);
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
            var back = PerformanceDocument.Read(PerformanceDocument.Write(performance));
            Assert.Equal(change.GetType(), back.Change!.Plan.Change.GetType());
            Assert.Equal(change.Title, back.Change.Title);
            Assert.Equal(change.Settings, back.Change.Inverse[0].Settings);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("null")]
    public void Other_text_is_refused(string text) => Assert.Throws<FormatException>(() => PerformanceDocument.Read(text));
}
