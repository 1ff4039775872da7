// Stores a number of seconds as a time span in the engine's documents, the form of the journal since its first version.
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace KvmTune.Measurement;

/// <summary>A property in seconds, written as text such as <c>00:00:01.5000000</c>.</summary>
internal sealed class SecondsAsTimeSpan : JsonConverter<double>
{
    /// <inheritdoc/>
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        JsonMetadataServices.TimeSpanConverter.Read(ref reader, typeof(TimeSpan), options).TotalSeconds;

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) =>
        JsonMetadataServices.TimeSpanConverter.Write(writer, TimeSpan.FromSeconds(value), options);
}
