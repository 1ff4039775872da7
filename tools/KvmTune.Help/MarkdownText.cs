// Markdown as plain text: what Get-Help prints has no marks.
using System.Globalization;
using System.Text;
using Markdig;
using Markdig.Extensions.Tables;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace KvmTune.Help;

/// <summary>Turns blocks of Markdown into paragraphs of text.</summary>
public static class MarkdownText
{
    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder().UsePipeTables().UsePreciseSourceLocation().Build();

    /// <summary>Reads a text.</summary>
    public static MarkdownDocument Parse(string text) => Markdown.Parse(text, Pipeline);

    /// <summary>The paragraphs of some blocks: an item of a list is a paragraph of its own, lines of code stay as they are.</summary>
    public static IReadOnlyList<string> Paragraphs(IEnumerable<Block> blocks) => [.. blocks.SelectMany(Text)];

    /// <summary>The text of a heading or a paragraph, on one line.</summary>
    public static string Line(LeafBlock block)
    {
        var text = new StringBuilder();
        Append(text, block.Inline);
        return text.ToString().Trim();
    }

    /// <summary>The lines of a code block.</summary>
    public static string Code(LeafBlock block) => block.Lines.ToString().TrimEnd();

    /// <summary>The cells of a table, row by row.</summary>
    public static IReadOnlyList<IReadOnlyList<string>> Rows(Table table) =>
        [.. table.OfType<TableRow>().Select(row => (IReadOnlyList<string>)[.. row.OfType<TableCell>().Select(cell => string.Join(' ', Paragraphs(cell)))])];

    /// <summary>Breaks a paragraph into lines of at most so many characters.</summary>
    /// <param name="text">The paragraph.</param>
    /// <param name="width">The width in characters; a longer word has a line of its own.</param>
    public static IEnumerable<string> Wrap(string text, int width)
    {
        var line = new StringBuilder();
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line.ToString();
                line.Clear();
            }

            line.Append(line.Length > 0 ? " " : null).Append(word);
        }

        if (line.Length > 0)
        {
            yield return line.ToString();
        }
    }

    private static IEnumerable<string> Text(Block block) => block switch
    {
        CodeBlock code => [Code(code)],
        LeafBlock leaf => [Line(leaf)],
        ListBlock list => Items(list),
        Table table => Rows(table).Select(row => string.Join(": ", row)),
        ContainerBlock container => Paragraphs(container),
        _ => [],
    };

    private static IEnumerable<string> Items(ListBlock list)
    {
        var number = int.TryParse(list.OrderedStart, NumberStyles.None, CultureInfo.InvariantCulture, out var start) ? start : 1;
        foreach (var item in list.OfType<ListItemBlock>())
        {
            var mark = list.IsOrdered ? string.Create(CultureInfo.InvariantCulture, $"{number++}. ") : "- ";
            foreach (var paragraph in Paragraphs(item))
            {
                yield return mark + paragraph;
                mark = new string(' ', mark.Length);
            }
        }
    }

    private static void Append(StringBuilder text, Inline? inline)
    {
        switch (inline)
        {
            case LiteralInline literal:
                text.Append(literal.Content.AsSpan());
                break;
            case CodeInline code:
                text.Append(code.Content);
                break;
            case LineBreakInline:
                text.Append(' ');
                break;
            case AutolinkInline auto:
                text.Append(auto.Url);
                break;
            case HtmlEntityInline entity:
                text.Append(entity.Transcoded.AsSpan());
                break;
            case HtmlInline html:
                text.Append(html.Tag);
                break;
            case ContainerInline container:
                foreach (var child in container)
                {
                    Append(text, child);
                }

                // A page beside this one is known by its name; another address must be read to be used.
                if (container is LinkInline { Url: { } address } && IsExternal(address))
                {
                    text.Append(" (").Append(address).Append(')');
                }

                break;
        }
    }

    /// <summary>Whether a link leads out of the module's own pages.</summary>
    internal static bool IsExternal(string address) => address.StartsWith("http", StringComparison.OrdinalIgnoreCase);
}
