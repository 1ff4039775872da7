// A measurement as text and back, with nothing lost: what is kept in a file, or goes to another process, can be compared later.
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Measurement;

/// <summary>Writes measurements as JSON and reads them.</summary>
/// <remarks>The change and the baseline that a measurement carries go with it. A host preparation of a plan is left out: it was an act, and is over.</remarks>
public static class PerformanceDocument
{
    private static readonly JsonSerializerOptions Options = new()
    {
        IgnoreReadOnlyProperties = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        MaxDepth = 512,
        Converters = { new JsonStringEnumConverter(), new CpuSetConverter(), new SetConverter() },
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { KnowChanges, LeaveOutPreparation, LeaveOutWhatFollows } },
    };

    /// <summary>The measurement as JSON.</summary>
    public static string Write(VMPerformance performance) => JsonSerializer.Serialize(Unlink(performance), Options);

    /// <summary>The measurement that was written.</summary>
    /// <exception cref="FormatException">The text is none of ours.</exception>
    public static VMPerformance Read(string json)
    {
        try
        {
            return Link(JsonSerializer.Deserialize<VMPerformance>(json, Options) ?? throw new FormatException("The text holds no measurement."));
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

    private static void KnowChanges(JsonTypeInfo type)
    {
        if (type.Type != typeof(VMChange))
        {
            return;
        }

        var kinds = new JsonPolymorphismOptions { TypeDiscriminatorPropertyName = "Kind" };
        foreach (var kind in typeof(VMChange).Assembly.GetTypes().Where(kind => kind is { IsAbstract: false } && kind.IsAssignableTo(typeof(VMChange))))
        {
            kinds.DerivedTypes.Add(new JsonDerivedType(kind, kind.Name));
        }

        type.PolymorphismOptions = kinds;
    }

    private static void LeaveOutPreparation(JsonTypeInfo type)
    {
        for (var i = type.Properties.Count - 1; i >= 0; i--)
        {
            if (type.Properties[i].PropertyType == typeof(HostPreparation))
            {
                type.Properties.RemoveAt(i);
            }
        }
    }

    // A change's lists that follow from the rest of it (its parts, its settings): the option for read-only properties passes lists by, and
    // the parts of a simple change are the change itself.
    private static void LeaveOutWhatFollows(JsonTypeInfo type)
    {
        for (var i = type.Properties.Count - 1; type.Type.IsAssignableTo(typeof(VMChange)) && i >= 0; i--)
        {
            if (type.Properties[i].Set is null)
            {
                type.Properties.RemoveAt(i);
            }
        }
    }

    private sealed class CpuSetConverter : JsonConverter<CpuSet>
    {
        public override CpuSet Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => new(reader.GetString()!);

        public override void Write(Utf8JsonWriter writer, CpuSet value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }

    private sealed class SetConverter : JsonConverter<IReadOnlySet<string>>
    {
        public override IReadOnlySet<string> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            new HashSet<string>(JsonSerializer.Deserialize<string[]>(ref reader, options)!, StringComparer.Ordinal);

        public override void Write(Utf8JsonWriter writer, IReadOnlySet<string> value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, value.Order(StringComparer.Ordinal).ToArray(), options);
    }
}
