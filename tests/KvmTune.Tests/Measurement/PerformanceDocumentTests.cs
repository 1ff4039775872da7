// Single measurements written as text and read back, in the journal's form.
using KvmTune.Measurement;
using KvmTune.Tests.Statistics;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Measurement;

public sealed class PerformanceDocumentTests
{
    [Fact]
    public void A_measurement_comes_back_by_itself()
    {
        var measured = Performances.Of(Performances.Around(1, 12, 1000, 2)) with { Notes = ["a note"] };
        var carried = measured with { Baseline = measured, Change = Performances.Pin(TuningOutcome.Applied) };

        var text = PerformanceDocument.Write(carried);
        var back = PerformanceDocument.Read(text);

        Assert.Equal(PerformanceDocument.Write(measured), text);
        Assert.Equal(text, PerformanceDocument.Write(back));
        Assert.Equal(measured.ValuesOf("Iops"), back.ValuesOf("Iops"));
        Assert.Equal(measured.Conditions, back.Conditions);
        Assert.Null(back.Baseline);
        Assert.Null(back.Change);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("null")]
    public void Other_text_is_refused(string text) => Assert.Throws<FormatException>(() => PerformanceDocument.Read(text));
}
