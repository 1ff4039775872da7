// Creates a JSON schema of a type: the output of PowerShell's ConvertTo-Json for its public properties, with their units and words.
using System.Collections;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using KvmTune.Cmdlets.Common;
using KvmTune.Topology;
using Xunit;

namespace KvmTune.Tests.Documentation;

/// <summary>Writes schemas (draft 2020-12).</summary>
internal static class JsonSchemaOf
{
    private const string Comment = "Here, and in no object inside, may be properties that are not named: PowerShell adds PSComputerName to an object of a remote session, and Restart-VMDomain adds RestartedBy and PauseSeconds.";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly NullabilityInfoContext Nullability = new();
    private static readonly Dictionary<string, string> Summaries = ReadSummaries();

    /// <summary>The schema of a type and of all types in its objects.</summary>
    public static string Type(Type type)
    {
        var parts = new SortedDictionary<string, JsonObject>(StringComparer.Ordinal);
        foreach (var reached in Reached([type]).Where(reached => reached != type))
        {
            parts.Add(reached.Name, Part(reached));
        }

        var schema = Part(type);
        schema.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        schema.Insert(1, "title", type.FullName);
        schema.Insert(2, "$comment", Comment);
        schema["additionalProperties"] = true;
        if (parts.Count > 0)
        {
            schema.Add("$defs", new JsonObject(parts.Select(part => KeyValuePair.Create(part.Key, (JsonNode?)part.Value))));
        }

        return schema.ToJsonString(Indented) + "\n";
    }

    /// <summary>All types of this module in objects of these types, including these types.</summary>
    public static IReadOnlyCollection<Type> Reached(IEnumerable<Type> types)
    {
        var reached = new HashSet<Type>();
        var open = new Queue<Type>(types);
        while (open.TryDequeue(out var type))
        {
            if (!reached.Add(type) || type.IsEnum)
            {
                continue;
            }

            foreach (var next in (type.IsAbstract ? Kinds(type) : Properties(type).SelectMany(property => Ours(property.PropertyType))))
            {
                open.Enqueue(next);
            }
        }

        return reached;
    }

    private static IEnumerable<Type> Kinds(Type type) =>
        type.Assembly.GetTypes().Where(kind => kind is { IsAbstract: false } && kind.IsAssignableTo(type)).OrderBy(kind => kind.Name, StringComparer.Ordinal);

    private static IEnumerable<PropertyInfo> Properties(Type type) => type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.GetMethod is { IsPublic: true } && property.GetIndexParameters().Length == 0);

    private static IEnumerable<Type> Ours(Type type) => type switch
    {
        { IsArray: true } => Ours(type.GetElementType()!),
        { IsGenericType: true } => type.GetGenericArguments().SelectMany(Ours),
        _ when type.Namespace?.StartsWith("KvmTune", StringComparison.Ordinal) == true => [type],
        _ => [],
    };

    private static JsonObject Part(Type type)
    {
        var part = new JsonObject();
        if (Summaries.TryGetValue($"T:{type.FullName}", out var summary))
        {
            part.Add("description", summary);
        }

        if (type.IsEnum)
        {
            Assert.True(type.IsDefined(typeof(Newtonsoft.Json.JsonConverterAttribute)), $"{type.Name} is a number in JSON: put [JsonText(typeof(EnumName))] on it.");
            part.Add("enum", new JsonArray([.. Enum.GetNames(type).Select(name => (JsonNode)name)]));
            return part;
        }

        if (type.IsAbstract)
        {
            part.Add("anyOf", new JsonArray([.. Kinds(type).Select(kind => Reference(kind))]));
            return part;
        }

        var properties = Properties(type).ToList();
        part.Add("type", "object");
        part.Add("properties", new JsonObject(properties.Select(property => KeyValuePair.Create(property.Name, (JsonNode?)Property(property, type)))));
        part.Add("required", new JsonArray([.. properties.Select(property => (JsonNode)property.Name)]));
        part.Add("additionalProperties", false);
        return part;
    }

    private static JsonObject Property(PropertyInfo property, Type owned)
    {
        var node = Value(property.PropertyType, Nullability.Create(property), owned, $"{property.DeclaringType!.Name}.{property.Name}");
        var owner = property.DeclaringType!.IsGenericType ? property.DeclaringType.GetGenericTypeDefinition() : property.DeclaringType;
        if (Summaries.TryGetValue($"P:{owner.FullName}.{property.Name}", out var summary))
        {
            node.Insert(0, "description", summary);
        }

        return node;
    }

    private static JsonObject Value(Type type, NullabilityInfo? nullability, Type owner, string where)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        var isNullable = plain != type || nullability is { ReadState: NullabilityState.Nullable };
        if (plain == typeof(double) || plain == typeof(float))
        {
            return new JsonObject { ["type"] = isNullable ? new JsonArray("number", "null") : "number" };
        }

        var (word, format) = plain switch
        {
            _ when plain == typeof(string) => ("string", null),
            _ when plain == typeof(Guid) => ("string", "uuid"),
            _ when plain == typeof(DateTimeOffset) => ("string", "date-time"),
            _ when plain == typeof(bool) => ("boolean", null),
            _ when plain == typeof(int) || plain == typeof(long) || plain == typeof(uint) || plain == typeof(ulong) => ("integer", (string?)null),
            _ => (null, null),
        };
        if (word is not null)
        {
            var value = new JsonObject { ["type"] = isNullable ? new JsonArray(word, "null") : word };
            if (format is not null)
            {
                value.Add("format", format);
            }

            return value;
        }

        if (plain.Namespace?.StartsWith("KvmTune", StringComparison.Ordinal) == true && !plain.IsGenericType)
        {
            // A type inside itself (the baseline of a measurement) is not expanded: PowerShell's Test-Json refuses a circular schema.
            if (!plain.IsEnum && Reached([plain]).Contains(owner))
            {
                return new JsonObject { ["type"] = isNullable ? new JsonArray("object", "null") : "object" };
            }

            return isNullable ? new JsonObject { ["anyOf"] = new JsonArray(Reference(plain), new JsonObject { ["type"] = "null" }) } : Reference(plain);
        }

        var arguments = plain.IsArray ? [plain.GetElementType()!] : plain.GetGenericArguments();
        if (arguments.Length == 2 && plain.GetInterfaces().Append(plain).Any(face => face.IsGenericType && face.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>)))
        {
            return new JsonObject
            {
                ["type"] = isNullable ? new JsonArray("object", "null") : "object",
                ["additionalProperties"] = Value(arguments[1], nullability?.GenericTypeArguments.ElementAtOrDefault(1), owner, where),
            };
        }

        return arguments.Length == 1 && plain.IsAssignableTo(typeof(IEnumerable))
            ? new JsonObject
            {
                ["type"] = isNullable ? new JsonArray("array", "null") : "array",
                ["items"] = Value(arguments[0], nullability is { ElementType: { } element } ? element : nullability?.GenericTypeArguments.ElementAtOrDefault(0), owner, where),
            }
            : throw new NotSupportedException(
                $"{where} is a {plain.Name}, of which ConvertTo-Json makes something that nobody can read. Give a time as a number with its unit in the name (ElapsedSeconds), a version as text, anything else as a record.");
    }

    private static JsonObject Reference(Type type) => new() { ["$ref"] = $"#/$defs/{type.Name}" };

    // The XML documentation of the members, without mark-up. A parameter of a record is also its property.
    private static Dictionary<string, string> ReadSummaries()
    {
        var summaries = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var assembly in new[] { typeof(VMCmdlet).Assembly, typeof(CpuSet).Assembly })
        {
            foreach (var member in XDocument.Load(DocumentsOf(assembly)).Descendants("member"))
            {
                var name = member.Attribute("name")!.Value;
                if (member.Element("summary") is { } summary)
                {
                    summaries[name] = Text(summary);
                }

                foreach (var parameter in member.Elements("param").Where(_ => name.StartsWith("T:", StringComparison.Ordinal)))
                {
                    summaries[$"P:{name[2..]}.{parameter.Attribute("name")!.Value}"] = Text(parameter);
                }
            }
        }

        return summaries;
    }

    private static string DocumentsOf(Assembly assembly)
    {
        var beside = Path.ChangeExtension(assembly.Location, ".xml");
        var built = Path.Combine(Corpus.LibvirtCorpus.RepositoryRoot(), "src", assembly.GetName().Name!, "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net8.0", Path.GetFileName(beside));
        return File.Exists(beside) ? beside : built;
    }

    private static string Text(XElement element)
    {
        var text = string.Concat(element.Nodes().Select(node => node switch
        {
            XElement { Name.LocalName: "see" } see => (see.Attribute("cref")?.Value ?? see.Attribute("langword")?.Value ?? string.Empty).Split('.', ':')[^1],
            XElement inner => inner.Value,
            _ => node.ToString(),
        }));
        return string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).Replace("&lt;", "<", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal);
    }
}
