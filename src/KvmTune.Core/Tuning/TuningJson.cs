// How changes, plans and what carries them are written as JSON: every kind of change by its name, nothing lost that an inverse needs.
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>The one set of rules for JSON of the engine's records.</summary>
/// <remarks>A host preparation of a plan is left out: it was an act, and is over. So are the documents that a plan was made on.</remarks>
internal static class TuningJson
{
    /// <summary>The rules.</summary>
    public static JsonSerializerOptions Options { get; } = new()
    {
        IgnoreReadOnlyProperties = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        MaxDepth = 512,
        Converters = { new JsonStringEnumConverter(), new CpuSetConverter(), new SetConverter(), new TextConverter(), new PlanConverter() },
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { KnowChanges, LeaveOutPreparation, LeaveOutWhatFollows } },
    };

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

    // What was saved may have been edited, or come from anywhere: its texts are shown.
    private sealed class TextConverter : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetString() is { } text ? TerminalText.Of(text) : null;

        public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => TerminalText.Of(reader.GetString());

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

        public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(value);
    }

    // What was saved before plans themselves said which VM they are of has that in the change.
    private sealed class PlanConverter : JsonConverter<VMTuningPlan>
    {
        private static readonly string[] Where = [nameof(VMTuningPlan.VMName), nameof(VMTuningPlan.VMId), nameof(VMTuningPlan.ConnectionUri)];

        private JsonSerializerOptions? _plain;

        public override VMTuningPlan? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var plan = JsonNode.Parse(ref reader) as JsonObject ?? throw new JsonException("A plan is an object.");
            foreach (var name in Where)
            {
                if (plan[name] is null && plan[nameof(VMTuningPlan.Change)] is JsonObject change)
                {
                    plan[name] = change[name]?.DeepClone();
                }
            }

            return plan.Deserialize<VMTuningPlan>(Plain(options));
        }

        public override void Write(Utf8JsonWriter writer, VMTuningPlan value, JsonSerializerOptions options) => JsonSerializer.Serialize(writer, value, Plain(options));

        private JsonSerializerOptions Plain(JsonSerializerOptions options)
        {
            if (_plain is null)
            {
                var plain = new JsonSerializerOptions(options);
                plain.Converters.Remove(this);
                _plain = plain;
            }

            return _plain;
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
