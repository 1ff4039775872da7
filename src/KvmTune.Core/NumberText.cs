// A number as text that no culture of the session changes: in XML, commands, paths and sentences alike.
using System.Globalization;

namespace KvmTune;

/// <summary>Writes numbers. Files import it with <c>using static</c>; for text with numbers in it there is <see cref="FormattableString.Invariant"/>.</summary>
public static class NumberText
{
    /// <summary>A whole number in digits, for example <c>-12</c>.</summary>
    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>A whole number in digits.</summary>
    public static string Text(ulong number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>A number in as many digits as tell it from any other.</summary>
    public static string Text(double number) => number.ToString(CultureInfo.InvariantCulture);
}
