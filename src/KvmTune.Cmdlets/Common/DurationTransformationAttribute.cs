// Lets a parameter take a time as seconds (90), as 00:01:30, or with a unit: 90s, 5m, 2h.
using System.Globalization;
using System.Management.Automation;

namespace KvmTune.Cmdlets.Common;

/// <summary>Turns seconds and short texts into a <see cref="TimeSpan"/>. A bare number is seconds, not PowerShell's ticks.</summary>
internal sealed class DurationTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>Whether an empty text counts as not given, instead of an error.</summary>
    public bool IsOptional { get; init; }

    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        if (IsOptional && value is null or "")
        {
            return null;
        }

        var duration = value as TimeSpan? ?? Parse(Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty);
        return duration is { } positive && positive > TimeSpan.Zero
            ? positive
            : throw new ArgumentTransformationMetadataException($"'{value}' is not a positive time. Write seconds (90), 00:01:30, or 90s, 5m, 2h.");
    }

    private static TimeSpan? Parse(string text)
    {
        var unit = text.Length > 0 ? char.ToLowerInvariant(text[^1]) : ' ';
        var number = unit is 's' or 'm' or 'h' ? text[..^1] : text;
        if (double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var amount) && double.IsFinite(amount) && Math.Abs(amount) < 1e8)
        {
            return TimeSpan.FromSeconds(amount * (unit switch { 'm' => 60, 'h' => 3600, _ => 1 }));
        }

        return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var time) ? time : null;
    }
}
