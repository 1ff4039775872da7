// Formats measured values for people: few digits, in a unit of fitting size. Only the text is rounded; properties stay exact.
using System.Globalization;

namespace KvmTune.Measurement;

/// <summary>Writes values of metrics.</summary>
public static class MetricText
{
    private static readonly string[] Prefixes = ["", "k ", "M ", "G ", "T "];

    /// <summary>A value in its unit, for example <c>12.3 k IOPS</c>, <c>1.84 ms</c>; <c>-</c> for null.</summary>
    public static string Value(double? value, string unit)
    {
        if (value is not { } number || !double.IsFinite(number))
        {
            return "-";
        }

        var (divisor, scaled) = Scale(number, unit);
        return $"{Digits(number / divisor)} {scaled}";
    }

    /// <summary>The unit to write values of this magnitude in, and the divisor for it.</summary>
    public static (double Divisor, string Unit) Scale(double magnitude, string unit)
    {
        magnitude = Math.Abs(magnitude);
        if (unit == "ns")
        {
            return magnitude switch
            {
                >= 1e9 => (1e9, "s"),
                >= 1e6 => (1e6, "ms"),
                >= 1e3 => (1e3, "µs"),
                _ => (1, "ns"),
            };
        }

        var (power, divisor) = (0, 1.0);
        while (unit is not ("%" or "ms" or "s") && power < Prefixes.Length - 1 && magnitude / divisor >= (power == 0 ? 10_000 : 1000))
        {
            divisor *= 1000;
            power++;
        }

        return (divisor, $"{Prefixes[power]}{unit}");
    }

    /// <summary>A number with three significant digits.</summary>
    public static string Digits(double number) => Math.Abs(number) switch
    {
        >= 100 or 0 => number.ToString("0", CultureInfo.InvariantCulture),
        >= 10 => number.ToString("0.0", CultureInfo.InvariantCulture),
        _ => number.ToString("0.00", CultureInfo.InvariantCulture),
    };
}
