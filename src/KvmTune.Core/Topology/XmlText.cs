// Decodes character references and line ends in XML text and attribute values.
using System.Globalization;
using System.Text;

namespace KvmTune.Topology;

/// <summary>Decodes the text of a piece of XML (XML 1.0, sections 2.11, 3.3.3 and 4.1).</summary>
internal static class XmlText
{
    /// <summary>The text of a piece of XML without tags; null if it refers to an entity that is not built in.</summary>
    /// <param name="raw">The text as written.</param>
    /// <param name="isAttribute">Whether white space becomes spaces, as in attribute values.</param>
    public static string? Decode(string raw, bool isAttribute)
    {
        var text = new StringBuilder(raw.Length);
        for (var at = 0; at < raw.Length; at++)
        {
            switch (raw[at])
            {
                case '&':
                    var end = raw.IndexOf(';', at);
                    if (end < 0 || !TryAppend(text, raw.AsSpan(at + 1, end - at - 1)))
                    {
                        return null;
                    }

                    at = end;
                    break;
                case '\r':
                    text.Append(isAttribute ? ' ' : '\n');
                    at += at + 1 < raw.Length && raw[at + 1] == '\n' ? 1 : 0;
                    break;
                case '\n' or '\t' when isAttribute:
                    text.Append(' ');
                    break;
                default:
                    text.Append(raw[at]);
                    break;
            }
        }

        return text.ToString();
    }

    private static bool TryAppend(StringBuilder text, ReadOnlySpan<char> reference)
    {
        var character = reference switch
        {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => '\0',
        };
        if (character != '\0')
        {
            text.Append(character);
            return true;
        }

        var isNumber = reference.StartsWith("#x", StringComparison.Ordinal)
            ? int.TryParse(reference[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            : int.TryParse(reference.TrimStart('#'), NumberStyles.None, CultureInfo.InvariantCulture, out code) && reference[0] == '#';
        if (!isNumber || !Rune.TryCreate(code, out var rune))
        {
            return false;
        }

        text.Append(rune.ToString());
        return true;
    }
}
