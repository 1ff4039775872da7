// Writes HTML: every text is encoded, except for this module's own markup.
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;

namespace KvmTune.Reports;

/// <summary>A growing piece of HTML.</summary>
internal sealed class HtmlText
{
    // Scripts other than Latin stay readable in the source; markup, and characters that the encoder always escapes, are encoded.
    private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(UnicodeRanges.All);

    private readonly StringBuilder _text = new();

    /// <summary>A text in a form that is safe in an element or in an attribute with double quotes.</summary>
    public static string Encode(string? text) => Encoder.Encode(text ?? string.Empty);

    /// <summary>A word or a moment that is not broken in a narrow column.</summary>
    public static string Whole(string? word) => $"<span class=\"whole\">{Encode(word)}</span>";

    /// <summary>A number as a data element: exact for machines, rounded for people.</summary>
    public static string Data(double value, double divisor = 1) =>
        string.Create(CultureInfo.InvariantCulture, $"<data value=\"{value:R}\">{ReportSentences.Number(value / divisor)}</data>");

    /// <summary>Adds markup without encoding.</summary>
    public HtmlText Markup(string markup)
    {
        _text.Append(markup);
        return this;
    }

    /// <summary>Adds an element that contains text.</summary>
    public HtmlText Element(string name, string? text, string? attributes = null)
    {
        _text.Append('<').Append(name).Append(attributes is null ? null : " ").Append(attributes).Append('>')
            .Append(Encode(text)).Append("</").Append(name).Append(">\n");
        return this;
    }

    /// <summary>Adds a list; adds nothing if it is empty.</summary>
    /// <param name="items">Its texts.</param>
    /// <param name="attributes">Attributes of the list, as markup.</param>
    public HtmlText List(IReadOnlyList<string> items, string? attributes = null)
    {
        if (items.Count > 0)
        {
            _text.Append("<ul").Append(attributes is null ? null : " ").Append(attributes).Append('>');
            foreach (var item in items)
            {
                Element("li", item);
            }

            _text.Append("</ul>\n");
        }

        return this;
    }

    /// <summary>Adds a table.</summary>
    /// <param name="caption">The table's caption.</param>
    /// <param name="heads">The heads of its columns; a head that begins with <c>#</c> marks a column of numbers.</param>
    /// <param name="rows">Its cells, as markup; the first cell of a row is the row's head.</param>
    public HtmlText Table(string caption, IReadOnlyList<string> heads, IEnumerable<IReadOnlyList<string>> rows)
    {
        _text.Append("<div class=\"table\"><table><caption>").Append(Encode(caption)).Append("</caption><thead><tr>");
        foreach (var head in heads)
        {
            _text.Append("<th scope=\"col\"").Append(Class(head)).Append('>').Append(Encode(head.TrimStart('#'))).Append("</th>");
        }

        _text.Append("</tr></thead><tbody>\n");
        foreach (var row in rows)
        {
            _text.Append("<tr>");
            for (var i = 0; i < row.Count; i++)
            {
                _text.Append(i == 0 ? "<th scope=\"row\"" : "<td").Append(Class(heads[i])).Append('>').Append(row[i]).Append(i == 0 ? "</th>" : "</td>");
            }

            _text.Append("</tr>\n");
        }

        _text.Append("</tbody></table></div>\n");
        return this;
    }

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();

    private static string? Class(string head) => head.StartsWith('#') ? " class=\"number\"" : null;
}
