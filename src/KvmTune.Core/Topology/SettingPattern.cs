// Reads the paths of the catalog: elements with their keys open, and possibly an attribute at the end.
namespace KvmTune.Topology;

/// <summary>One element of a pattern.</summary>
/// <param name="Name">The element's name.</param>
/// <param name="KeyChild">The child element with the key; null if the element itself has the key.</param>
/// <param name="KeyAttribute">The attribute that is the key; null for an element without a key.</param>
/// <param name="Type">The required value of the attribute <c>type</c>; null for any.</param>
/// <param name="IsPlace">Whether only its place distinguishes the element from its siblings.</param>
/// <param name="IsList">Whether the key is a list, so that the element holds the settings of each member.</param>
internal sealed record PatternElement(string Name, string? KeyChild, string? KeyAttribute, string? Type, bool IsPlace, bool IsList)
{
    /// <summary>Whether there can be several such elements.</summary>
    public bool IsKeyed => IsPlace || KeyAttribute is not null;
}

/// <summary>Patterns as text, in the form of XPath: <c>devices/controller[@type='scsi'][@index]/driver/@queues</c>.</summary>
internal static class SettingPattern
{
    private const string Each = "each @";

    /// <summary>Reads a pattern.</summary>
    public static (IReadOnlyList<PatternElement> Elements, string? Attribute) Parse(string pattern)
    {
        var steps = Split(pattern);
        var attribute = steps[^1].StartsWith('@') ? steps[^1][1..] : null;
        return ([.. steps.Take(attribute is null ? steps.Count : steps.Count - 1).Select(ParseElement)], attribute);
    }

    /// <summary>The pattern as the text that identifies it, equal to <see cref="SettingPath.Pattern"/>.</summary>
    public static string Text(IEnumerable<PatternElement> elements, string? attribute) =>
        string.Join('/', elements.Select(element => Text(element.Name, element.Type, element.KeyChild, element.KeyAttribute))) + (attribute is null ? null : $"/@{attribute}");

    /// <summary>One element of this text.</summary>
    public static string Text(string name, string? type, string? keyChild, string? keyAttribute) =>
        name + (type is null ? null : $"[@type='{type}']") + (keyAttribute is null ? null : keyChild is null ? $"[@{keyAttribute}]" : $"[{keyChild}/@{keyAttribute}]");

    private static PatternElement ParseElement(string step)
    {
        var parts = step.Replace("]", string.Empty, StringComparison.Ordinal).Split('[');
        string? child = null, key = null, type = null;
        var (isPlace, isList) = (false, false);
        foreach (var part in parts.Skip(1))
        {
            if (part == "#")
            {
                isPlace = true;
            }
            else if (part.StartsWith(Each, StringComparison.Ordinal))
            {
                (key, isList) = (part[Each.Length..], true);
            }
            else if (part.StartsWith("@type='", StringComparison.Ordinal))
            {
                type = part["@type='".Length..^1];
            }
            else
            {
                var at = part.Split('@');
                (child, key) = (at[0].Length == 0 ? null : at[0].TrimEnd('/'), at[1]);
            }
        }

        return new PatternElement(parts[0], child, key, type, isPlace, isList);
    }

    // Splits at each slash that is not inside brackets.
    private static List<string> Split(string pattern)
    {
        var steps = new List<string>();
        var (start, depth) = (0, 0);
        for (var at = 0; at < pattern.Length; at++)
        {
            depth += pattern[at] switch { '[' => 1, ']' => -1, _ => 0 };
            if (pattern[at] == '/' && depth == 0)
            {
                steps.Add(pattern[start..at]);
                start = at + 1;
            }
        }

        steps.Add(pattern[start..]);
        return steps;
    }
}
