// The one place where text from outside becomes text for a terminal: guests, programs, files, XML and plans may hold anything.
using System.Globalization;
using System.Text;

namespace KvmTune;

/// <summary>Makes text harmless to show.</summary>
public static class TerminalText
{
    /// <summary>
    /// The text without characters that a terminal obeys or that change how text around them is read: control characters (C0 but for tab
    /// and line feed, DEL, C1), bidirectional controls, and halves of surrogate pairs. Each is written as its number, <c>\u001B</c>.
    /// </summary>
    /// <param name="text">The text; null gives the empty text.</param>
    public static string Of(string? text)
    {
        if (text is null || !text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return text ?? string.Empty;
        }

        StringBuilder? safe = null;
        for (var at = 0; at < text.Length; at++)
        {
            var isPair = char.IsHighSurrogate(text[at]) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]);
            if (!isPair && IsHarmful(text[at]))
            {
                safe ??= new StringBuilder(text, 0, at, text.Length + 16);
                safe.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[at]:X4}");
            }
            else
            {
                safe?.Append(text[at]);
                if (isPair)
                {
                    safe?.Append(text[++at]);
                }
            }

            at += isPair && safe is null ? 1 : 0;
        }

        return safe?.ToString() ?? text;
    }

    /// <summary>The same in one line: line feeds and tabs become blanks.</summary>
    public static string Line(string? text) => Of(text).Replace('\n', ' ').Replace('\t', ' ');

    // A carriage return before a line feed is the end of a line; alone it lets text write over other text.
    private static bool IsHarmful(char character) => character switch
    {
        '\n' or '\t' => false,
        < ' ' or (>= '\u007F' and <= '\u009F') => true,
        '\u061C' or '\u200E' or '\u200F' or (>= '\u2028' and <= '\u202E') or (>= '\u2066' and <= '\u2069') or '\uFEFF' => true,
        _ => char.IsSurrogate(character),
    };
}
