// What a guest says is anybody's text: reading it may fail, and that is the guest's fault, an error of this one VM.
using System.Text.Json;
using System.Text.RegularExpressions;

namespace KvmTune.Guest;

/// <summary>Reads text from a guest.</summary>
internal static class GuestText
{
    /// <summary>Whether an exception can come of text that is not as it should be. A reader should find out itself; this is for what it overlooks.</summary>
    public static bool IsUnreadable(Exception exception) => exception is FormatException or OverflowException or ArgumentException
        or InvalidOperationException or InvalidCastException or KeyNotFoundException or IndexOutOfRangeException or JsonException or RegexMatchTimeoutException;

    /// <summary>The text for a message: in one line, without what a terminal would obey, and not long.</summary>
    public static string Shown(string text, int length = 400)
    {
        var whole = text.Trim();
        return TerminalText.Line(whole.Length <= length ? whole : whole[..length] + "…");
    }
}
