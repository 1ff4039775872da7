// Lets a parameter take a moment as a date, or as an age: 30m, 12h, 7d, or a time span.
using System.Globalization;
using System.Management.Automation;

namespace KvmTune.Cmdlets.Common;

/// <summary>Turns dates and ages into moments.</summary>
internal sealed class MomentTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        return value switch
        {
            DateTimeOffset moment => moment,
            DateTime date => new DateTimeOffset(date),
            TimeSpan age => Ago(age, value),

            // PowerShell parses the bare words 7d and 90s as numbers with a suffix: a decimal and a short.
            decimal days when Math.Abs(days) < 40_000 => Ago(TimeSpan.FromDays((double)days), value),
            short seconds => Ago(TimeSpan.FromSeconds(seconds), value),
            string text when AgeIn(text) is { } age => Ago(age, value),
            string text when DateTimeOffset.TryParse(text, CultureInfo.CurrentCulture, DateTimeStyles.AssumeLocal, out var moment) => moment,
            string text when DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var moment) => moment,
            _ => throw new ArgumentTransformationMetadataException($"'{value}' is neither a date nor an age. Write a date (2026-03-01), or an age: 30m, 12h, 7d."),
        };
    }

    private static DateTimeOffset Ago(TimeSpan age, object value) => age >= TimeSpan.Zero && age < TimeSpan.FromDays(365 * 100)
        ? TimeProvider.System.GetUtcNow() - age
        : throw new ArgumentTransformationMetadataException($"'{value}' is not an age: it must be positive, and less than a century.");

    private static TimeSpan? AgeIn(string text)
    {
        var unit = text.Length > 1 ? char.ToLowerInvariant(text[^1]) : ' ';
        return unit is 's' or 'm' or 'h' or 'd' && double.TryParse(text[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out var amount) && Math.Abs(amount) < 1e7
            ? unit switch { 's' => TimeSpan.FromSeconds(amount), 'm' => TimeSpan.FromMinutes(amount), 'h' => TimeSpan.FromHours(amount), _ => TimeSpan.FromDays(amount) }
            : null;
    }
}
