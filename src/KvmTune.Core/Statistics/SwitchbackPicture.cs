// Draws the time line of slots in a terminal of 80 columns: a bar for each slot in the colour of its side, and the pairs' differences below it.
using System.Globalization;
using System.Text;
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>Draws time lines.</summary>
internal static class SwitchbackPicture
{
    /// <summary>The characters of the bars, if the encoding has them.</summary>
    public const string UnicodeBars = "▁▂▃▄▅▆▇█";

    private const string AsciiBars = "_.-~=+*#";
    private const int LabelWidth = 10;
    private const int Cells = 60;
    private const int AxisWidth = 50;

    /// <summary>The lines of the picture.</summary>
    public static IEnumerable<string> Lines(SwitchbackTimeline timeline, bool isAscii, ComparisonColours colours)
    {
        var values = timeline.Slots.Where(slot => slot.Value is not null).Select(slot => slot.Value!.Value).ToList();
        if (values.Count == 0)
        {
            yield return "No slot has a value.";
            yield break;
        }

        var guard = timeline.Slots[0].GuardSeconds;
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"{timeline.Slots.Count} slots of {timeline.Slots[^1].Seconds:0.#} s in the order of time, {(guard > 0 ? string.Create(CultureInfo.InvariantCulture, $"the first {guard:0.##} s of each left out") : "none of it left out")}:");
        var (low, high) = (values.Min(), values.Max());
        foreach (var row in timeline.Slots.Chunk(Cells))
        {
            var bars = new StringBuilder();
            var sides = new StringBuilder();
            foreach (var slot in row)
            {
                var colour = slot.IsCandidate ? colours.Better.Length > 0 ? colours.Unclear : string.Empty : colours.Quiet;
                bars.Append(colour).Append(Bar(slot, low, high, isAscii)).Append(colours.Reset);
                sides.Append(slot.IsCandidate ? 'B' : 'A');
            }

            yield return string.Create(CultureInfo.InvariantCulture, $"{row[0].StartSeconds,LabelWidth - 2:0} s {bars}");
            yield return $"{string.Empty,LabelWidth} {sides}";
        }

        yield return $"{string.Empty,LabelWidth} A is without the change, B with it; bars from {MetricText.Value(low, timeline.Metric.Unit)} to {MetricText.Value(high, timeline.Metric.Unit)}".Replace("µ", isAscii ? "u" : "µ", StringComparison.Ordinal);
        foreach (var line in Differences(timeline.PairShiftsPercent, isAscii))
        {
            yield return line;
        }
    }

    private static char Bar(TimelineSlot slot, double low, double high, bool isAscii)
    {
        var bars = isAscii ? AsciiBars : UnicodeBars;
        return slot switch
        {
            { IsCounted: false } => 'x',
            { Value: null } => ' ',
            { Value: { } value } => bars[high > low ? (int)Math.Round((bars.Length - 1) * (value - low) / (high - low)) : bars.Length - 1],
        };
    }

    private static IEnumerable<string> Differences(IReadOnlyList<double> shifts, bool isAscii)
    {
        if (shifts.Count == 0)
        {
            yield break;
        }

        var reach = Math.Max(1, shifts.Max(Math.Abs));
        var counts = new int[AxisWidth + 1];
        foreach (var shift in shifts)
        {
            counts[(int)Math.Round((shift + reach) / (2 * reach) * AxisWidth)]++;
        }

        yield return string.Create(CultureInfo.InvariantCulture, $"{shifts.Count} pairs, B against A in each:");
        yield return $"{string.Empty,LabelWidth} " + string.Concat(counts.Select(count => count switch
        {
            0 => ' ',
            1 => isAscii ? 'o' : '•',
            > 9 => '#',
            _ => (char)('0' + count),
        }));
        var axis = Enumerable.Repeat(isAscii ? '-' : '─', AxisWidth + 1).ToArray();
        axis[AxisWidth / 2] = isAscii ? '+' : '┬';
        yield return $"{string.Empty,LabelWidth} {new string(axis)}";
        var left = string.Create(CultureInfo.InvariantCulture, $"-{reach:0} %");
        var right = string.Create(CultureInfo.InvariantCulture, $"+{reach:0} %");
        yield return $"{string.Empty,LabelWidth} {left}{"0".PadLeft((AxisWidth / 2) - left.Length + 1)}{right.PadLeft(AxisWidth / 2)}";
    }
}
