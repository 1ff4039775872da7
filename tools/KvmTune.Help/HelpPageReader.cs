// Reads a page in platyPS' form. What the form does not have is an error: a section that is misspelt would be lost in silence.
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace KvmTune.Help;

/// <summary>Reads the page of one cmdlet.</summary>
public sealed class HelpPageReader
{
    private static readonly string[] Sections =
        ["SYNOPSIS", "SYNTAX", "DESCRIPTION", "EXAMPLES", "PARAMETERS", "INPUTS", "OUTPUTS", "NOTES", "RELATED LINKS"];

    private readonly string _file;

    private HelpPageReader(string file) => _file = file;

    /// <summary>Reads a page.</summary>
    /// <param name="file">The path of the file.</param>
    /// <exception cref="HelpException">It is not in platyPS' form.</exception>
    public static HelpPage Read(string file) => new HelpPageReader(file).Read();

    private HelpPage Read()
    {
        var document = MarkdownText.Parse(File.ReadAllText(_file));
        if (document.FirstOrDefault() is not HeadingBlock { Level: 1 } title)
        {
            throw Wrong(null, $"A page begins with the cmdlet's name: # {Path.GetFileNameWithoutExtension(_file)}");
        }

        var name = MarkdownText.Line(title);
        if (name != Path.GetFileNameWithoutExtension(_file))
        {
            throw Wrong(title, $"The page is called {Path.GetFileName(_file)} and is about '{name}'. The two must be the same.");
        }

        var sections = Split(document.Skip(1), 2).ToList();
        foreach (var (heading, _) in sections)
        {
            if (!Sections.Contains(MarkdownText.Line(heading), StringComparer.Ordinal))
            {
                throw Wrong(heading, $"A page has no section '{MarkdownText.Line(heading)}'. It has: {string.Join(", ", Sections)}.");
            }
        }

        IReadOnlyList<Block> Section(string section) => sections.Find(found => MarkdownText.Line(found.Heading) == section).Blocks ?? [];
        return new HelpPage
        {
            File = _file,
            Name = name,
            Synopsis = MarkdownText.Paragraphs(Section("SYNOPSIS")),
            Syntax = [.. Section("SYNTAX").OfType<CodeBlock>().Select(code => string.Join(' ', MarkdownText.Code(code).Split('\n', StringSplitOptions.TrimEntries)))],
            Description = MarkdownText.Paragraphs(Section("DESCRIPTION")),
            Examples = [.. Split(Section("EXAMPLES"), 3).Select(Example)],
            Parameters = [.. Split(Section("PARAMETERS"), 3).Where(IsParameter).Select(Parameter)],
            Inputs = [.. Split(Section("INPUTS"), 3).Select(Type)],
            Outputs = [.. Split(Section("OUTPUTS"), 3).Select(Type)],
            Notes = MarkdownText.Paragraphs(Section("NOTES")),
            Links = [.. Section("RELATED LINKS").SelectMany(block => block.Descendants().OfType<LinkInline>()).Select(Link)],
        };
    }

    // The blocks below each heading of a level. What stands before the first heading belongs to none, and must not be there.
    private IEnumerable<(HeadingBlock Heading, IReadOnlyList<Block> Blocks)> Split(IEnumerable<Block> blocks, int level)
    {
        HeadingBlock? heading = null;
        var below = new List<Block>();
        foreach (var block in blocks)
        {
            if (block is HeadingBlock next && next.Level <= level)
            {
                if (next.Level < level)
                {
                    throw Wrong(next, $"A heading of level {next.Level} does not stand here.");
                }

                if (heading is not null)
                {
                    yield return (heading, below);
                }

                heading = next;
                below = [];
            }
            else if (heading is null)
            {
                throw Wrong(block, $"A heading of level {level} is missing before this.");
            }
            else
            {
                below.Add(block);
            }
        }

        if (heading is not null)
        {
            yield return (heading, below);
        }
    }

    private static HelpExample Example((HeadingBlock Heading, IReadOnlyList<Block> Blocks) part)
    {
        var before = part.Blocks.TakeWhile(block => block is not CodeBlock).ToList();
        var code = part.Blocks.OfType<FencedCodeBlock>().Where(block => block.Info == "powershell").ToList();
        var after = part.Blocks.Skip(before.Count).Where(block => block is not FencedCodeBlock { Info: "powershell" });
        return new HelpExample(
            MarkdownText.Line(part.Heading), MarkdownText.Paragraphs(before), [.. code.Select(MarkdownText.Code)], MarkdownText.Paragraphs(after), part.Heading.Line + 1);
    }

    // What every cmdlet has is PowerShell's to explain.
    private static bool IsParameter((HeadingBlock Heading, IReadOnlyList<Block> Blocks) part) => MarkdownText.Line(part.Heading) != "CommonParameters";

    private HelpParameter Parameter((HeadingBlock Heading, IReadOnlyList<Block> Blocks) part)
    {
        var name = MarkdownText.Line(part.Heading);
        if (!name.StartsWith('-'))
        {
            throw Wrong(part.Heading, $"A parameter's heading has a dash: ### -{name}");
        }

        // A page of another language says what a parameter does, and takes the facts from the full one.
        var yaml = part.Blocks.OfType<FencedCodeBlock>().FirstOrDefault(block => block.Info == "yaml");
        if (yaml is null)
        {
            return IsTranslation
                ? new HelpParameter(name[1..], MarkdownText.Paragraphs(part.Blocks), new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase), part.Heading.Line + 1)
                : throw Wrong(part.Heading, $"{name} has no yaml block with its Type, Required, Position and so on.");
        }

        var facts = MarkdownText.Code(yaml).Split('\n').Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries))
            .Where(fact => fact.Length == 2).ToDictionary(fact => fact[0], fact => fact[1], StringComparer.OrdinalIgnoreCase);
        return new HelpParameter(name[1..], MarkdownText.Paragraphs(part.Blocks.Where(block => block != yaml)), facts, part.Heading.Line + 1);
    }

    private bool IsTranslation => Path.GetFileName(Path.GetDirectoryName(_file)) != HelpBuilder.FullCulture;

    private static HelpType Type((HeadingBlock Heading, IReadOnlyList<Block> Blocks) part) =>
        new(MarkdownText.Line(part.Heading), MarkdownText.Paragraphs(part.Blocks));

    private static HelpLink Link(LinkInline link) => new(
        string.Concat(link.Descendants<LiteralInline>().Select(text => text.Content.ToString())),
        link.Url is { } address && MarkdownText.IsExternal(address) ? address : string.Empty);

    private HelpException Wrong(Block? block, string message) => new(_file, (block?.Line ?? 0) + 1, message);
}
