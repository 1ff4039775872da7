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
        Examples = other.Examples.Count > 0 ? Merge(full.Examples, other) : full.Examples,
        Parameters = [.. full.Parameters.Select(parameter => other.Parameters.FirstOrDefault(said => said.Name == parameter.Name) is { } said
            ? parameter with { Description = said.Description }
            : parameter)],
        Inputs = Merge(full.Inputs, other.Inputs),
        Outputs = Merge(full.Outputs, other.Outputs),
    };

    // The commands of an example stay those of the full language, which a test runs. A translation has the titles, in the same order, and the
    // paragraphs before and after the commands.
    private static IReadOnlyList<HelpExample> Merge(IReadOnlyList<HelpExample> full, HelpPage other)
    {
        if (other.Examples.Count != full.Count)
        {
            throw new HelpException(other.File, other.Examples[0].Line, $"This page has {other.Examples.Count} examples, and that in {FullCulture} has {full.Count}: translate each, in the same order.");
        }

        return [.. full.Zip(other.Examples, (example, said) =>
        {
            IReadOnlyList<string> texts = [.. said.Introduction, .. said.Remarks];
            var (before, after) = (example.Introduction.Count, example.Remarks.Count);
            return said.Code.Count == 0 && texts.Count == before + after
                ? example with { Title = said.Title, Introduction = [.. texts.Take(before)], Remarks = [.. texts.Skip(before)] }
                : throw new HelpException(other.File, said.Line, $"'{said.Title}' has {said.Code.Count} blocks of commands and {texts.Count} paragraphs. It needs no commands, which are those of {FullCulture}, and {before + after} paragraphs, as '{example.Title}' has.");
        })];
    }

    private static IReadOnlyList<HelpType> Merge(IReadOnlyList<HelpType> full, IReadOnlyList<HelpType> other) =>
        [.. full.Select(type => other.FirstOrDefault(said => said.Name == type.Name) ?? type)];

    private static IReadOnlyList<T> Chosen<T>(IReadOnlyList<T> translated, IReadOnlyList<T> full) => translated.Count > 0 ? translated : full;
}
