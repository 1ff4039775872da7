// Text from a guest can be anything. A failure to read it is an error of this one VM.
using System.Text.Json;
using System.Text.RegularExpressions;

namespace KvmTune.Guest;

/// <summary>Reads text from a guest.</summary>
internal static class GuestText
{
    /// <summary>
    /// Whether an exception can come from text in an unexpected form. Readers should check the form themselves; this is for forms that they miss.
    /// </summary>
    public static bool IsUnreadable(Exception exception) => exception is FormatException or OverflowException or ArgumentException
        or InvalidOperationException or InvalidCastException or KeyNotFoundException or IndexOutOfRangeException or JsonException or RegexMatchTimeoutException;

    /// <summary>The text for a message: in one line, without control characters of a terminal, and shortened.</summary>
    public static string Shown(string text, int length = 400)
    {
        var whole = text.Trim();
        return TerminalText.Line(whole.Length <= length ? whole : whole[..length] + "…");
    }
}
