// The style that pictures may use in this session: the colours of $PSStyle or none, characters beyond ASCII or only ASCII.
using System.Management.Automation;

namespace KvmTune.Cmdlets.Common;

/// <summary>The colours of a session.</summary>
internal sealed class SessionStyle
{
    private readonly object _style;
    private readonly object _foreground;

    private SessionStyle(object style, object foreground) => (_style, _foreground) = (style, foreground);

    /// <summary>The sequence that ends a colour.</summary>
    public string Reset => Property(_style, "Reset")?.ToString() ?? string.Empty;

    /// <summary>The colours; null if the output shows none, or if the user wants none (no-color.org, <c>$PSStyle.OutputRendering</c>).</summary>
    /// <param name="style">The session's <c>$PSStyle</c>.</param>
    public static SessionStyle? Of(object? style) =>
        style is null || Console.IsOutputRedirected || Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 }
        || Property(style, "OutputRendering")?.ToString() == "PlainText" || Property(style, "Foreground") is not { } foreground
            ? null
            : new(style, foreground);

    /// <summary>Whether the output's encoding can represent these characters.</summary>
    public static bool CanDraw(string strokes) => Console.OutputEncoding is var encoding && encoding.GetString(encoding.GetBytes(strokes)) == strokes;

    /// <summary>The sequence that begins a colour.</summary>
    /// <param name="name">The name of a property of <c>$PSStyle.Foreground</c>.</param>
    public string Foreground(string name) => Property(_foreground, name)?.ToString() ?? string.Empty;

    private static object? Property(object value, string name) => PSObject.AsPSObject(value).Properties[name]?.Value;
}
