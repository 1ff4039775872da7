// The cmdlets according to their attributes, read without PowerShell: help and manifest must match them.
using System.Globalization;
using System.Management.Automation;
using System.Reflection;

namespace KvmTune.Tests.Documentation;

/// <summary>A cmdlet, from its attributes.</summary>
internal sealed class CmdletFacts
{
    private const string AllSets = "__AllParameterSets";

    private readonly CustomAttributeData _cmdlet;

    private CmdletFacts(Type type, CustomAttributeData cmdlet)
    {
        _cmdlet = cmdlet;
        Type = type;
        Name = $"{cmdlet.ConstructorArguments[0].Value}-{cmdlet.ConstructorArguments[1].Value}";
        Aliases = Words(type.CustomAttributes);
        Parameters = [.. Own(type).Concat(SupportsShouldProcess ? [ParameterFacts.Confirm, ParameterFacts.WhatIf] : [])];
    }

    /// <summary>Every cmdlet of the module's assembly, by name.</summary>
    public static IReadOnlyList<CmdletFacts> All { get; } =
    [
        .. typeof(Cmdlets.Host.ConnectVMHostCommand).Assembly.GetTypes()
            .Select(type => (Type: type, Cmdlet: type.CustomAttributes.FirstOrDefault(attribute => attribute.AttributeType == typeof(CmdletAttribute))))
            .Where(found => found.Cmdlet is not null)
            .Select(found => new CmdletFacts(found.Type, found.Cmdlet!))
            .OrderBy(cmdlet => cmdlet.Name, StringComparer.Ordinal),
    ];

    public string Name { get; }

    public string Verb => Name.Split('-')[0];

    public Type Type { get; }

    public IReadOnlyList<string> Aliases { get; }

    public IReadOnlyList<ParameterFacts> Parameters { get; }

    public bool SupportsShouldProcess => Named("SupportsShouldProcess") is true;

    public bool HasOutputType => Type.CustomAttributes.Any(attribute => attribute.AttributeType == typeof(OutputTypeAttribute));

    /// <summary>The parameter sets, the default one first.</summary>
    public IReadOnlyList<string> Sets
    {
        get
        {
            var sets = Parameters.SelectMany(parameter => parameter.Sets).Where(set => set != AllSets).Distinct(StringComparer.Ordinal).ToList();
            var first = Named("DefaultParameterSetName") as string;
            return sets.Count == 0 ? [AllSets] : [.. sets.OrderBy(set => set != first)];
        }
    }

    /// <summary>The SYNTAX section of the cmdlet's page.</summary>
    public string Syntax() => string.Join("\n\n", Sets.Select((set, i) =>
        (Sets.Count > 1 ? $"### {set}{(i == 0 ? " (Default)" : null)}\n" : string.Empty) + $"```\n{Line(set)}\n```"));

    private string Line(string set)
    {
        var parameters = Parameters.Where(parameter => parameter.IsIn(set)).ToList();
        var ordered = parameters.Where(parameter => parameter.Position is not null).OrderBy(parameter => parameter.Position)
            .Concat(parameters.Where(parameter => parameter.Position is null && parameter.IsMandatory))
            .Concat(parameters.Where(parameter => parameter.Position is null && !parameter.IsMandatory));
        return string.Join(' ', [Name, .. ordered.Select(parameter => parameter.Syntax), "[<CommonParameters>]"]);
    }

    private object? Named(string name) => _cmdlet.NamedArguments.FirstOrDefault(argument => argument.MemberName == name).TypedValue.Value;

    // A cmdlet's own parameters come before those of its base classes, in PowerShell's order.
    private static IEnumerable<ParameterFacts> Own(Type type)
    {
        for (var current = type; current is not null && current != typeof(PSCmdlet); current = current.BaseType)
        {
            foreach (var property in current.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            {
                if (property.CustomAttributes.Where(attribute => attribute.AttributeType == typeof(ParameterAttribute)).ToList() is { Count: > 0 } places)
                {
                    yield return new ParameterFacts(property, places);
                }
            }
        }
    }

    internal static IReadOnlyList<string> Words(IEnumerable<CustomAttributeData> attributes) =>
    [
        .. attributes.Where(attribute => attribute.AttributeType == typeof(AliasAttribute))
            .SelectMany(attribute => (IReadOnlyCollection<CustomAttributeTypedArgument>)attribute.ConstructorArguments[0].Value!)
            .Select(argument => (string)argument.Value!),
    ];
}

/// <summary>A parameter, from its attributes.</summary>
internal sealed class ParameterFacts
{
    private ParameterFacts(string name, string alias)
    {
        Name = name;
        TypeName = nameof(SwitchParameter);
        Aliases = [alias];
        Sets = ["__AllParameterSets"];
    }

    public ParameterFacts(PropertyInfo property, IReadOnlyList<CustomAttributeData> places)
    {
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        Name = property.Name;
        TypeName = Short(type);
        Aliases = CmdletFacts.Words(property.CustomAttributes);
        Sets = [.. places.Select(place => Value(place, "ParameterSetName") as string ?? "__AllParameterSets")];
        IsMandatory = places.Any(place => Value(place, "Mandatory") is true);
        Position = places.Select(place => Value(place, "Position") as int?).FirstOrDefault(position => position is not null);
        Pipeline = Words(
            places.Any(place => Value(place, "ValueFromPipelineByPropertyName") is true) ? "ByPropertyName" : null,
            places.Any(place => Value(place, "ValueFromPipeline") is true) ? "ByValue" : null);
        AcceptedValues = property.CustomAttributes.FirstOrDefault(attribute => attribute.AttributeType == typeof(ValidateSetAttribute) || attribute.AttributeType.Name == "WordsAttribute")?.ConstructorArguments[0].Value
                is IReadOnlyCollection<CustomAttributeTypedArgument> values ? string.Join(", ", values.Select(value => value.Value))
            : type.IsEnum ? string.Join(", ", Enum.GetNames(type)) : null;
    }

    public static ParameterFacts Confirm { get; } = new("Confirm", "cf");

    public static ParameterFacts WhatIf { get; } = new("WhatIf", "wi");

    public string Name { get; }

    public string TypeName { get; }

    public IReadOnlyList<string> Aliases { get; }

    public IReadOnlyList<string> Sets { get; }

    public bool IsMandatory { get; }

    public int? Position { get; }

    public string Pipeline { get; } = "False";

    public string? AcceptedValues { get; }

    public bool IsSwitch => TypeName == nameof(SwitchParameter);

    public string Syntax => (IsSwitch, Position, IsMandatory) switch
    {
        (true, _, true) => $"-{Name}",
        (true, _, false) => $"[-{Name}]",
        (_, not null, true) => $"[-{Name}] <{TypeName}>",
        (_, not null, false) => $"[[-{Name}] <{TypeName}>]",
        (_, null, true) => $"-{Name} <{TypeName}>",
        _ => $"[-{Name} <{TypeName}>]",
    };

    public bool IsIn(string set) => Sets.Contains(set, StringComparer.Ordinal) || Sets.Contains("__AllParameterSets", StringComparer.Ordinal);

    /// <summary>
    /// The content of the yaml block of the parameter's page. No attribute has defaults and wildcards: only the page defines them.
    /// </summary>
    public IEnumerable<(string Name, string Value)> Yaml()
    {
        yield return ("Type", TypeName);
        yield return ("Parameter Sets", string.Join(", ", Sets.Select(set => set == "__AllParameterSets" ? "(All)" : set)));
        yield return ("Aliases", string.Join(", ", Aliases));
        if (AcceptedValues is not null)
        {
            yield return ("Accepted values", AcceptedValues);
        }

        yield return ("Required", IsMandatory ? "True" : "False");
        yield return ("Position", Position?.ToString(CultureInfo.InvariantCulture) ?? "Named");
        yield return ("Accept pipeline input", Pipeline);
    }

    private static string Words(params string?[] ways) => ways.Any(way => way is not null) ? $"True ({string.Join(", ", ways.Where(way => way is not null))})" : "False";

    private static object? Value(CustomAttributeData attribute, string name) =>
        attribute.NamedArguments.FirstOrDefault(argument => argument.MemberName == name).TypedValue.Value;

    private static string Short(Type type) => type.IsArray ? Short(type.GetElementType()!) + "[]" : Type.GetTypeCode(type) switch
    {
        _ when type.IsEnum => type.Name,
        TypeCode.Int32 => "int",
        TypeCode.Int64 => "long",
        TypeCode.UInt64 => "ulong",
        TypeCode.Double => "double",
        TypeCode.Boolean => "bool",
        TypeCode.String => "string",
        _ => type.Name,
    };
}
