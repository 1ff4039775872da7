// Writes any record of the engine as text and reads it back unchanged, for files, jobs and other computers.
using System.Text.Json;
using System.Text.Json.Serialization;
using KvmTune.Tuning;

namespace KvmTune.Measurement;

/// <summary>Writes records of the engine as JSON and reads them.</summary>
/// <remarks>
/// An experiment holds its measurements several times: by itself, in its comparison, and as the baselines of its changes. Here each is
/// written once, and every other place holds its number. The host preparation of a plan is left out. So are the documents that a plan was
/// made from, because they contain secrets: such a plan is checked against the VM when it is applied.
/// </remarks>
public static class EngineDocument
{
    // The options are static because they cache type metadata, which takes a second to build. The pool belongs to one call, so it is AsyncLocal.
    private static readonly AsyncLocal<Pool?> Measurements = new();
    private static readonly JsonSerializerOptions Options = new(TuningJson.Options) { Converters = { new NumberedMeasurements(), new NumberedBaselines() } };

    /// <summary>A record as JSON.</summary>
    public static string Write<T>(T value)
        where T : class
    {
        var pool = new Pool();
        Measurements.Value = pool;
        var record = JsonSerializer.SerializeToElement(value, Options);
        var measurements = new List<PooledMeasurement>();

        // Writing a measurement can add its baseline to the end of the pool; the loop reaches it later.
        for (var i = 0; i < pool.Items.Count; i++)
        {
            var measurement = pool.Items[i];
            measurements.Add(new PooledMeasurement(
                measurement with { Baseline = null, Change = measurement.Change is { } change ? change with { Baseline = null } : null },
                pool.NumberOf(measurement.Baseline),
                pool.NumberOf((VMPerformance?)measurement.Change?.Baseline)));
        }

        return JsonSerializer.Serialize(new Document { Measurements = measurements, Record = record }, TuningJson.Options);
    }

    /// <summary>Reads a record back.</summary>
    /// <exception cref="FormatException">The text was not written by this class.</exception>
    public static T Read<T>(string json)
        where T : class
    {
        try
        {
            var document = JsonSerializer.Deserialize<Document>(json, TuningJson.Options) ?? throw new FormatException("The text is empty.");
            var pool = new Pool();
            pool.Items.AddRange(Linked(document.Measurements));
            Measurements.Value = pool;
            return document.Record.Deserialize<T>(Options) ?? throw new FormatException($"The text holds no {typeof(T).Name}.");
        }
        catch (Exception exception) when (exception is JsonException or ArgumentOutOfRangeException or InvalidOperationException)
        {
            throw new FormatException($"The text holds no {typeof(T).Name} of this version of KvmTune: {exception.Message}", exception);
        }
    }

    // Links the measurements to their baselines again, each baseline once.
    private static VMPerformance[] Linked(IReadOnlyList<PooledMeasurement> measurements)
    {
        var linked = new VMPerformance?[measurements.Count];
        var isBegun = new bool[measurements.Count];
        for (var i = 0; i < linked.Length; i++)
        {
            Link(i);
        }

        return linked!;

        VMPerformance? Link(int? number)
        {
            if (number is not { } i)
            {
                return null;
            }

            if (linked[i] is null)
            {
                if (isBegun[i])
                {
                    throw new FormatException("The text holds a measurement that is its own baseline.");
                }

                isBegun[i] = true;
                var (measurement, baseline, baselineOfChange) = measurements[i];
                linked[i] = measurement with
                {
                    Baseline = Link(baseline),
                    Change = measurement.Change is { } change ? change with { Baseline = Link(baselineOfChange) } : null,
                };
            }

            return linked[i];
        }
    }

    private sealed record Document
    {
        public required IReadOnlyList<PooledMeasurement> Measurements { get; init; }

        public required JsonElement Record { get; init; }
    }

    private sealed record PooledMeasurement(VMPerformance Measurement, int? Baseline, int? ChangeBaseline);

    private sealed class Pool
    {
        public List<VMPerformance> Items { get; } = [];

        public int? NumberOf(VMPerformance? measurement)
        {
            if (measurement is null)
            {
                return null;
            }

            // Compares by reference: comparing by value would compare run by run.
            var at = Items.FindIndex(item => ReferenceEquals(item, measurement));
            if (at < 0)
            {
                at = Items.Count;
                Items.Add(measurement);
            }

            return at;
        }
    }

    // The tuning code knows a measurement only by its id.
    private sealed class NumberedBaselines : JsonConverter<IChangeBaseline>
    {
        public override IChangeBaseline? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Measurements.Value!.Items[reader.GetInt32()];

        public override void Write(Utf8JsonWriter writer, IChangeBaseline value, JsonSerializerOptions options) =>
            writer.WriteNumberValue(Measurements.Value!.NumberOf((VMPerformance)value)!.Value);
    }

    private sealed class NumberedMeasurements : JsonConverter<VMPerformance>
    {
        public override VMPerformance? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Measurements.Value!.Items[reader.GetInt32()];

        public override void Write(Utf8JsonWriter writer, VMPerformance value, JsonSerializerOptions options) =>
            writer.WriteNumberValue(Measurements.Value!.NumberOf(value)!.Value);
    }
}
