// From docs/help to the module's folders of help, one for each language.
using System.Text;

namespace KvmTune.Help;

/// <summary>Builds all help.</summary>
public static class HelpBuilder
{
    /// <summary>The language that has every page in full; others may say a part of a page and take the rest from it.</summary>
    public const string FullCulture = "en-US";

    private const string HelpFile = "KvmTune.Cmdlets.dll-Help.xml";

    /// <summary>Writes the help of every language.</summary>
    /// <param name="source">The folder with one folder for each language.</param>
    /// <param name="target">The folder to write to; what does not belong there any more is removed from its language folders.</param>
    /// <exception cref="HelpException">A page cannot be used.</exception>
    public static void Build(string source, string target)
    {
        foreach (var folder in Directory.EnumerateDirectories(source))
        {
            var culture = Path.GetFileName(folder);
            var output = Path.Combine(target, culture);
            if (Directory.Exists(output))
            {
                Directory.Delete(output, recursive: true);
            }

            Directory.CreateDirectory(output);
            MamlWriter.Write(Pages(source, culture)).Save(Path.Combine(output, HelpFile));
            foreach (var topic in Directory.EnumerateFiles(folder, "about_*.md"))
            {
                File.WriteAllText(Path.Combine(output, Path.ChangeExtension(Path.GetFileName(topic), ".help.txt")), AboutTopic.Render(topic), Encoding.UTF8);
            }
        }
    }

    /// <summary>The pages of all cmdlets in a language, by name.</summary>
    /// <param name="source">The folder with one folder for each language.</param>
    /// <param name="culture">The language, for example <c>id-ID</c>.</param>
    /// <exception cref="HelpException">A page cannot be used.</exception>
    public static IReadOnlyList<HelpPage> Pages(string source, string culture)
    {
        var full = Read(Path.Combine(source, FullCulture));
        if (culture == FullCulture)
        {
            return full;
        }

        // PowerShell takes one language's file as a whole, so what is not translated stands in it in the full language.
        var translated = Read(Path.Combine(source, culture)).ToDictionary(page => page.Name, StringComparer.Ordinal);
        foreach (var page in translated.Values)
        {
            if (!full.Any(known => known.Name == page.Name))
            {
                throw new HelpException(page.File, 1, $"{page.Name} has no page in {FullCulture} that this could be a translation of.");
            }
        }

        return [.. full.Select(page => translated.TryGetValue(page.Name, out var other) ? Merge(page, other) : page)];
    }

    private static List<HelpPage> Read(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*-*.md").Order(StringComparer.Ordinal).Select(HelpPageReader.Read)];

    private static HelpPage Merge(HelpPage full, HelpPage other) => full with
    {
        Synopsis = Chosen(other.Synopsis, full.Synopsis),
        Description = Chosen(other.Description, full.Description),
        Notes = Chosen(other.Notes, full.Notes),
        Examples = Chosen(other.Examples, full.Examples),
        Parameters = [.. full.Parameters.Select(parameter => other.Parameters.FirstOrDefault(said => said.Name == parameter.Name) is { } said
            ? parameter with { Description = said.Description }
            : parameter)],
    };

    private static IReadOnlyList<T> Chosen<T>(IReadOnlyList<T> translated, IReadOnlyList<T> full) => translated.Count > 0 ? translated : full;
}
