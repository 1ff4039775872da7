// module/schemas describes the JSON of every object that a cmdlet emits, with a file for each type, generated from the types. Run with
// KVMTUNE_WRITE_DOCS=1 to generate them again. tests/Pester/Objects.Tests.ps1 checks the output of ConvertTo-Json against these files.
using System.Management.Automation;
using System.Reflection;
using KvmTune.Cmdlets.Common;
using KvmTune.Tests.Corpus;
using Xunit;

namespace KvmTune.Tests.Documentation;

public sealed class JsonSchemasTests
{
    private const string Write = "KVMTUNE_WRITE_DOCS=1 dotnet test tests/KvmTune.Tests --filter JsonSchemas";

    private static string Folder => Path.Combine(LibvirtCorpus.RepositoryRoot(), "module", "schemas");

    internal static IReadOnlyList<Type> Emitted { get; } =
    [
        // PowerShell's reference assemblies cannot create attributes, so the attributes are read as data.
        .. typeof(VMCmdlet).Assembly.GetExportedTypes().SelectMany(type => type.CustomAttributes).Where(attribute => attribute.AttributeType == typeof(OutputTypeAttribute))
            .SelectMany(attribute => attribute.ConstructorArguments).SelectMany(Types)
            .Where(type => type.Namespace?.StartsWith("KvmTune", StringComparison.Ordinal) == true).Distinct().OrderBy(type => type.Name, StringComparer.Ordinal),
    ];

    public static TheoryData<string> Names => [.. Emitted.Select(type => type.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_schema_of_a_type_says_what_its_JSON_has(string name)
    {
        var file = Path.Combine(Folder, $"{name}.schema.json");
        var expected = JsonSchemaOf.Type(Emitted.Single(type => type.Name == name));
        if (Environment.GetEnvironmentVariable("KVMTUNE_WRITE_DOCS") == "1")
        {
            Directory.CreateDirectory(Folder);
            File.WriteAllText(file, expected);
        }

        Assert.True(File.Exists(file), $"{name} is emitted by a cmdlet and has no schema: {Write} writes module/schemas/{name}.schema.json; read it, and commit it.");
        Assert.True(expected == File.ReadAllText(file), $"module/schemas/{name}.schema.json does not say what {name} has. {Write} writes it anew; CHANGELOG.md says what changed.");
    }

    [Fact]
    public void No_schema_is_of_a_type_that_is_gone() => Assert.Equal(
        Emitted.Select(type => $"{type.Name}.schema.json"), Directory.EnumerateFiles(Folder).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));

    [Fact]
    public void An_object_of_an_emitted_type_is_a_short_line_as_text()
    {
        // With only the compiler's ToString, a record would print all that it contains, over kilobytes.
        Assert.All(JsonSchemaOf.Reached(Emitted), type => Assert.False(
            type.GetMethod("<Clone>$") is not null
                && type.GetMethod(nameof(ToString), Type.EmptyTypes)!.IsDefined(typeof(System.Runtime.CompilerServices.CompilerGeneratedAttribute), inherit: false),
            $"{type.FullName} is shown by what the compiler makes of a record. Give it a ToString of one short line."));
    }

    private static IEnumerable<Type> Types(CustomAttributeTypedArgument argument) => argument.Value switch
    {
        Type type => [type],
        IEnumerable<CustomAttributeTypedArgument> several => several.SelectMany(Types),
        _ => [],
    };
}
