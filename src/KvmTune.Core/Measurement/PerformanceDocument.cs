// Writes one measurement as text and reads it back: the form in the journal, for later comparisons.
using System.Text.Json;
using KvmTune.Tuning;

namespace KvmTune.Measurement;

/// <summary>Writes measurements as JSON and reads them.</summary>
/// <remarks>The change and the baseline of a measurement are left out: the journal has its own entries for them.</remarks>
public static class PerformanceDocument
{
    /// <summary>The measurement as JSON.</summary>
    public static string Write(VMPerformance performance) => JsonSerializer.Serialize(performance with { Change = null, Baseline = null }, TuningJson.Options);

    /// <summary>Reads a measurement back.</summary>
    /// <exception cref="FormatException">The text was not written by this class.</exception>
    public static VMPerformance Read(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<VMPerformance>(json, TuningJson.Options) ?? throw new FormatException("The text holds no measurement.");
        }
        catch (JsonException exception)
        {
            throw new FormatException($"The text holds no measurement of this version of KvmTune: {exception.Message}", exception);
        }
    }
}
