// Page sizes as users write them (2M, 1G, 2048K) and as they are displayed (2 MiB).
using System.Globalization;

namespace KvmTune.Topology;

/// <summary>Reads and writes page sizes. The unit of the number is always KiB.</summary>
public static class PageSize
{
    /// <summary>A gigantic page of x86 in KiB; it needs the CPU flag <c>pdpe1gb</c>.</summary>
    public const long GigabyteKiB = 1024 * 1024;

    private const long MebibyteKiB = 1024;

    /// <summary>Reads a page size.</summary>
    /// <param name="text">A number of KiB (<c>2048</c>), or with a unit in any case: <c>2048K</c>, <c>2M</c>, <c>2MiB</c>, <c>1G</c>.</param>
    /// <returns>The size in KiB.</returns>
    /// <exception cref="FormatException">The text is not a positive size.</exception>
    public static long Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var trimmed = text.Trim();
        var digits = trimmed.TakeWhile(char.IsAsciiDigit).Count();
        long? unit = trimmed[digits..].Trim().ToUpperInvariant() switch
        {
            "" or "K" or "KB" or "KIB" => 1,
            "M" or "MB" or "MIB" => MebibyteKiB,
            "G" or "GB" or "GIB" => GigabyteKiB,
            _ => null,
        };
        return unit is { } factor
            && long.TryParse(trimmed.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number > 0
            && number <= long.MaxValue / factor
                ? number * factor
                : throw new FormatException($"'{text}' is not a page size. Write 2M, 1G, 2048K, or a number of KiB.");
    }

    /// <summary>The size for display, for example <c>2 MiB</c>.</summary>
    public static string Text(long kibibytes) => kibibytes switch
    {
        >= GigabyteKiB when kibibytes % GigabyteKiB == 0 => string.Create(CultureInfo.InvariantCulture, $"{kibibytes / GigabyteKiB} GiB"),
        >= MebibyteKiB when kibibytes % MebibyteKiB == 0 => string.Create(CultureInfo.InvariantCulture, $"{kibibytes / MebibyteKiB} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{kibibytes} KiB"),
    };

    /// <summary>An amount of memory for display, rounded, for example <c>6.3 GiB</c>.</summary>
    public static string Rounded(long kibibytes) => kibibytes switch
    {
        >= GigabyteKiB => string.Create(CultureInfo.InvariantCulture, $"{(double)kibibytes / GigabyteKiB:0.#} GiB"),
        >= MebibyteKiB => string.Create(CultureInfo.InvariantCulture, $"{(double)kibibytes / MebibyteKiB:0.#} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{kibibytes} KiB"),
    };

    /// <summary>A number of pages for display, for example <c>256 pages of 2 MiB</c>.</summary>
    public static string Pages(long count, long kibibytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} page{(count == 1 ? string.Empty : "s")} of {Text(kibibytes)}");

    /// <summary>The size for the kernel's command line, mount options and this module's parameters, for example <c>2M</c>.</summary>
    public static string Short(long kibibytes)
    {
        var text = Text(kibibytes);
        return text[..^2].Replace(" ", string.Empty, StringComparison.Ordinal);
    }
}
