// An about_ topic as the text file that Get-Help reads.
using System.Text;
using Markdig.Extensions.Tables;
using Markdig.Syntax;

namespace KvmTune.Help;

/// <summary>Turns the page of a topic into text of at most 80 columns, in the form of PowerShell's own topics.</summary>
public sealed class AboutTopic
{
    // Get-Help takes the fifth line of the file as the synopsis: TOPIC, the name, an empty line, a heading, and that.
    private const int Width = 80;
    private const int Indent = 4;

    private readonly string _file;
    private readonly StringBuilder _text = new();

    private AboutTopic(string file) => _file = file;

    /// <summary>The text of a topic.</summary>
    /// <param name="file">The path of the page.</param>
    /// <exception cref="HelpException">It has no name of its own, or no short description in one line.</exception>
    public static string Render(string file) => new AboutTopic(file).Render();

    private string Render()
    {
        var blocks = MarkdownText.Parse(File.ReadAllText(_file)).ToList();
        var name = Path.GetFileNameWithoutExtension(_file);
        if (blocks is not [HeadingBlock { Level: 1 } title, HeadingBlock { Level: 2 } section, ParagraphBlock summary, ..] || MarkdownText.Line(title) != name)
        {
            throw new HelpException(_file, 1, $"A topic begins with '# {name}', then '## SHORT DESCRIPTION' and a sentence.");
        }

        if (MarkdownText.Line(summary).Length > Width - Indent)
        {
            throw new HelpException(_file, summary.Line + 1, $"The short description must fit one line of {Width - Indent} characters: Get-Help takes that line as the synopsis.");
        }

        _text.Append("TOPIC\n").Append(' ', Indent).Append(name).Append("\n\n");
        _text.Append(MarkdownText.Line(section).ToUpperInvariant()).Append('\n').Append(' ', Indent).Append(MarkdownText.Line(summary)).Append('\n');
        for (var i = 3; i < blocks.Count; i++)
        {
            if (blocks[i - 1] is not HeadingBlock)
            {
                _text.Append('\n');
            }

            Append(blocks[i]);
        }

        return _text.ToString();
    }

    private void Append(Block block)
    {
        switch (block)
        {
            case HeadingBlock { Level: <= 2 } heading:
                _text.Append(MarkdownText.Line(heading).ToUpperInvariant()).Append('\n');
                break;
            case HeadingBlock heading:
                var line = MarkdownText.Line(heading);
                _text.Append("  ").Append(line).Append("\n  ").Append('-', line.Length).Append('\n');
                break;
            case CodeBlock code:
                foreach (var row in MarkdownText.Code(code).Split('\n'))
                {
                    _text.Append(row.Length > 0 ? new string(' ', Indent * 2) + row : null).Append('\n');
                }

                break;
            case Table table:
                AppendTable(MarkdownText.Rows(table));
                break;
            case ListBlock list:
                foreach (var item in MarkdownText.Paragraphs([list]))
                {
                    AppendParagraph(item, hanging: 2 + (list.IsOrdered ? 1 : 0));
                }

                break;
            default:
                foreach (var paragraph in MarkdownText.Paragraphs([block]))
                {
                    AppendParagraph(paragraph, hanging: 0);
                }

                break;
        }
    }

    private void AppendParagraph(string paragraph, int hanging)
    {
        var indent = Indent;
        foreach (var line in MarkdownText.Wrap(paragraph, Width - Indent - hanging))
        {
            _text.Append(' ', indent).Append(line).Append('\n');
            indent = Indent + hanging;
        }
    }

    // The widest column gives way until the table fits.
    private void AppendTable(IReadOnlyList<IReadOnlyList<string>> rows)
    {
        const int Gap = 2;
        var widths = Enumerable.Range(0, rows[0].Count).Select(column => rows.Max(row => row[column].Length)).ToList();
        while (widths.Sum() + (Gap * (widths.Count - 1)) > Width - Indent)
        {
            widths[widths.IndexOf(widths.Max())]--;
        }

        foreach (var row in rows)
        {
            var cells = row.Select((cell, column) => MarkdownText.Wrap(cell, widths[column]).ToList()).ToList();
            for (var line = 0; line < cells.Max(cell => cell.Count); line++)
            {
                var parts = cells.Select((cell, column) => (line < cell.Count ? cell[line] : string.Empty).PadRight(widths[column] + Gap));
                _text.Append((new string(' ', Indent) + string.Concat(parts)).TrimEnd()).Append('\n');
            }
        }
    }
}
