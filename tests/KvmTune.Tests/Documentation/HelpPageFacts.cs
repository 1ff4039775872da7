// The parts of a help page that follow from a cmdlet's attributes: its syntax and the yaml block of each parameter.
using System.Text.RegularExpressions;

namespace KvmTune.Tests.Documentation;

/// <summary>Writes syntax and yaml into the text of a page, and keeps the text written by people.</summary>
internal static partial class HelpPageFacts
{
    /// <summary>The text of a page with its cmdlet's syntax and yaml.</summary>
    public static string Write(string text, CmdletFacts cmdlet)
    {
        text = SyntaxSection().Replace(text, $"## SYNTAX\n\n{cmdlet.Syntax().Replace("$", "$$", StringComparison.Ordinal)}\n\n", 1);
        foreach (var parameter in cmdlet.Parameters)
        {
            text = ParameterSection(parameter.Name).Replace(text, match => match.Groups["text"].Value.TrimEnd() + "\n\n" + Yaml(parameter, match.Groups["yaml"].Value), 1);
        }

        return text;
    }

    private static string Yaml(ParameterFacts parameter, string before)
    {
        string Kept(string name, string otherwise) => Regex.Match(before, $"^{name}: (.+)$", RegexOptions.Multiline, TimeSpan.FromSeconds(1)) is { Success: true } found
            ? found.Groups[1].Value.Trim()
            : otherwise;
        var facts = parameter.Yaml().ToList();
        var lines = facts.TakeWhile(fact => fact.Name != "Required").Select(Line)
            .Append(string.Empty)
            .Concat(facts.SkipWhile(fact => fact.Name != "Required").SkipLast(1).Select(Line))
            .Append($"Default value: {Kept("Default value", parameter.IsSwitch ? "False" : "None")}")
            .Append(Line(facts[^1]))
            .Append($"Accept wildcard characters: {Kept("Accept wildcard characters", "False")}");
        return $"```yaml\n{string.Join('\n', lines)}\n```\n";
    }

    private static string Line((string Name, string Value) fact) => $"{fact.Name}: {fact.Value}".TrimEnd();

    private static Regex ParameterSection(string name) =>
        new($@"(?<text>^### -{name}$(?:(?!^#|^```)[\s\S])*)(?:^```yaml\n(?<yaml>[\s\S]*?)^```\n)?", RegexOptions.Multiline | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));

    [GeneratedRegex(@"^## SYNTAX$[\s\S]*?(?=^## )", RegexOptions.Multiline, 1000)]
    private static partial Regex SyntaxSection();
}
