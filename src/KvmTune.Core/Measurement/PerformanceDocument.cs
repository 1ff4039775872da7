// A measurement by itself as text and back: what the journal keeps of it, and can be compared later.
using System.Text.Json;
using KvmTune.Tuning;

namespace KvmTune.Measurement;

/// <summary>Writes measurements as JSON and reads them.</summary>
/// <remarks>The change and the baseline that a measurement carries are left out: the journal has them as entries of their own.</remarks>
public static class PerformanceDocument
{
    /// <summary>The measurement as JSON.</summary>
    public static string Write(VMPerformance performance) => JsonSerializer.Serialize(performance with { Change = null, Baseline = null }, TuningJson.Options);

    /// <summary>The measurement that was written.</summary>
    /// <exception cref="FormatException">The text is none of ours.</exception>
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
