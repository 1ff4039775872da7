// Writes pages as MAML, the XML that Get-Help reads.
using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace KvmTune.Help;

/// <summary>Turns pages into one MAML document. Its form is that of the help files that PowerShell itself ships.</summary>
public static partial class MamlWriter
{
    private static readonly XNamespace Msh = "http://msh";
    private static readonly XNamespace Maml = "http://schemas.microsoft.com/maml/2004/10";
    private static readonly XNamespace Command = "http://schemas.microsoft.com/maml/dev/command/2004/10";
    private static readonly XNamespace Dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    /// <summary>The document for some pages.</summary>
    /// <exception cref="HelpException">The syntax of a page names a parameter that the page does not describe.</exception>
    public static XDocument Write(IEnumerable<HelpPage> pages) => new(
        new XDeclaration("1.0", "utf-8", null),
        new XElement(
            Msh + "helpItems",
            new XAttribute("schema", "maml"),
            new XAttribute(XNamespace.Xmlns + "maml", Maml),
            new XAttribute(XNamespace.Xmlns + "command", Command),
            new XAttribute(XNamespace.Xmlns + "dev", Dev),
            pages.Select(Write)));

    private static XElement Write(HelpPage page)
    {
        var words = page.Name.Split('-', 2);
        return new XElement(
            Command + "command",
            new XElement(
                Command + "details",
                new XElement(Command + "name", page.Name),
                new XElement(Command + "verb", words[0]),
                new XElement(Command + "noun", words[^1]),
                Texts("description", page.Synopsis)),
            Texts("description", page.Description),
            new XElement(Command + "syntax", page.Syntax.Select(line => Syntax(page, line))),
            new XElement(Command + "parameters", page.Parameters.Select(parameter => Parameter(parameter, isRequired: null, position: null))),
            new XElement(Command + "inputTypes", page.Inputs.Select(type => Type("inputType", type))),
            new XElement(Command + "returnValues", page.Outputs.Select(type => Type("returnValue", type))),
            new XElement(Maml + "alertSet", Texts("alert", page.Notes)),
            new XElement(Command + "examples", page.Examples.Select(Example)),
            new XElement(Command + "relatedLinks", page.Links.Select(link => new XElement(
                Maml + "navigationLink", new XElement(Maml + "linkText", link.Text), new XElement(Maml + "uri", link.Address)))));
    }

    private static XElement Texts(string name, IEnumerable<string> paragraphs) =>
        new(Maml + name, paragraphs.Select(paragraph => new XElement(Maml + "para", paragraph)));

    private static XElement Type(string name, HelpType type) => new(
        Command + name, new XElement(Dev + "type", new XElement(Maml + "name", type.Name)), Texts("description", type.Description));

    // Get-Help prints the code right behind the introduction.
    private static XElement Example(HelpExample example) => new(
        Command + "example",
        new XElement(Maml + "title", example.Title),
        Texts("introduction", example.Introduction.Select((text, i) => i == example.Introduction.Count - 1 ? text + "\n\n" : text)),
        new XElement(Dev + "code", string.Join("\n\n", example.Code)),
        new XElement(Dev + "remarks", example.Remarks.Select(remark => new XElement(Maml + "para", remark))));

    private static XElement Parameter(HelpParameter parameter, bool? isRequired, string? position)
    {
        var type = parameter.Fact("Type");
        var isSwitch = type == "SwitchParameter";
        var required = isRequired ?? IsTrue(parameter.Fact("Required"));
        var element = new XElement(
            Command + "parameter",
            new XAttribute("required", Word(required)),
            new XAttribute("variableLength", Word(type.EndsWith("[]", StringComparison.Ordinal))),
            new XAttribute("globbing", Word(IsTrue(parameter.Fact("Accept wildcard characters")))),
            new XAttribute("pipelineInput", parameter.Fact("Accept pipeline input")),
            new XAttribute("position", position ?? parameter.Fact("Position").ToLowerInvariant()),
            new XAttribute("aliases", parameter.Fact("Aliases") is { Length: > 0 } aliases ? aliases : "none"),
            new XElement(Maml + "name", parameter.Name),
            Texts("description", parameter.Description));
        if (!isSwitch)
        {
            element.Add(new XElement(Command + "parameterValue", new XAttribute("required", "true"), new XAttribute("variableLength", "false"), type));
        }

        element.Add(
            new XElement(Dev + "type", new XElement(Maml + "name", type)),
            new XElement(Dev + "defaultValue", parameter.Fact("Default value") is { Length: > 0 } value ? value : "None"));
        return element;
    }

    // What one parameter set asks for stands in its line: [-Name] <Type> is found by place too, and brackets around the whole mean optional.
    private static XElement Syntax(HelpPage page, string line)
    {
        var position = 0;
        var parameters = SyntaxParameter().Matches(line).Select(match =>
        {
            var name = match.Groups["name"].Value;
            var parameter = page.Parameters.FirstOrDefault(known => known.Name == name)
                ?? throw new HelpException(page.File, 1, $"The syntax has -{name}, and no ### -{name} describes it.");
            var isByPlace = match.Groups["placed"].Success;
            var isRequired = match.Groups["open"].Value == (isByPlace ? "[" : string.Empty);
            return Parameter(parameter, isRequired, isByPlace ? (position++).ToString(CultureInfo.InvariantCulture) : "named");
        });
        return new XElement(Command + "syntaxItem", new XElement(Maml + "name", page.Name), parameters);
    }

    private static bool IsTrue(string fact) => fact.StartsWith("true", StringComparison.OrdinalIgnoreCase);

    private static string Word(bool value) => value ? "true" : "false";

    [GeneratedRegex(@"(?<!\w)(?<open>\[{0,2})-(?<name>\w+)((?<placed>\]) <[^>]+>)?", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex SyntaxParameter();
}
