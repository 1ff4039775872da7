// A measurement as text and back, with nothing lost: what is kept in a file, or goes to another process, can be compared later.
using System.Text.Json;
using KvmTune.Tuning;

namespace KvmTune.Measurement;

/// <summary>Writes measurements as JSON and reads them.</summary>
/// <remarks>The change and the baseline that a measurement carries go with it. A host preparation of a plan is left out: it was an act, and is over.</remarks>
public static class PerformanceDocument
{
    /// <summary>The measurement as JSON.</summary>
    public static string Write(VMPerformance performance) => JsonSerializer.Serialize(Unlink(performance), TuningJson.Options);

    /// <summary>The measurement that was written.</summary>
    /// <exception cref="FormatException">The text is none of ours.</exception>
    public static VMPerformance Read(string json)
    {
        try
        {
            return Link(JsonSerializer.Deserialize<VMPerformance>(json, TuningJson.Options) ?? throw new FormatException("The text holds no measurement."));
        }
        catch (JsonException exception)
        {
            throw new FormatException($"The text holds no measurement of this version of KvmTune: {exception.Message}", exception);
        }
    }

    // A measurement after a change has the same baseline twice, and that one its own: written out, each step would double the text.
    private static VMPerformance Unlink(VMPerformance performance) => performance with
    {
        Baseline = performance.Baseline is { } baseline ? Unlink(baseline) : null,
        Change = performance.Change switch
        {
            { Baseline: { } own } change when ReferenceEquals(own, performance.Baseline) => change with { Baseline = null },
            { Baseline: { } own } change => change with { Baseline = Unlink(own) },
            var change => change,
        },
    };

    private static VMPerformance Link(VMPerformance performance)
    {
        var baseline = performance.Baseline is { } before ? Link(before) : null;
        return performance with
        {
            Baseline = baseline,
            Change = performance.Change is { } change ? change with { Baseline = change.Baseline is { } own ? Link(own) : baseline } : null,
        };
    }
}
