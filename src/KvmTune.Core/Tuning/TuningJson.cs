// The JSON form of changes and plans: each kind of change has its name, and no data is lost that an inverse needs.
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>The shared JSON options for the engine's records.</summary>
/// <remarks>A plan's host preparation is left out, because it is over, and so are the documents that the plan was made on.</remarks>
internal static class TuningJson
{
    /// <summary>The options.</summary>
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

    // Leaves out the lists of a change that follow from its other data (its parts, its settings): the option for read-only properties does
    // not cover lists, and a simple change is its own only part.
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

    // Stored JSON may have been edited or come from anywhere, and its texts are displayed, so they are made safe for the terminal.
    private sealed class TextConverter : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetString() is { } text ? TerminalText.Of(text) : null;

        public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => TerminalText.Of(reader.GetString());

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

        public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(value);
    }

    // In older JSON the change names the VM, not the plan.
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
