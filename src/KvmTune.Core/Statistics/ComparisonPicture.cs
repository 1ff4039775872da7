// Draws a comparison in a terminal of 80 columns: a dot for each run, median and interval of both sides one below the other, one axis.
using System.Text;
using KvmTune.Measurement;
using static System.FormattableString;

namespace KvmTune.Statistics;

/// <summary>The colours of a plot: the sequences that start them, and the one that resets them.</summary>
/// <param name="Better">For a candidate that improved.</param>
/// <param name="Worse">For a candidate that regressed.</param>
/// <param name="Unclear">For a candidate that did neither.</param>
/// <param name="Quiet">For axes and the baseline.</param>
/// <param name="Reset">Ends a colour.</param>
public sealed record ComparisonColours(string Better, string Worse, string Unclear, string Quiet, string Reset)
{
    /// <summary>No colours.</summary>
    public static ComparisonColours None { get; } = new(string.Empty, string.Empty, string.Empty, string.Empty, string.Empty);
}

/// <summary>Draws plots.</summary>
public static class ComparisonPicture
{
    /// <summary>The characters of a plot. If the encoding lacks one of them, the plot uses ASCII.</summary>
    public const string UnicodeStrokes = "•├─┼┤│└┬";

    /// <summary>The characters of the time line of slots.</summary>
    public const string TimelineStrokes = SwitchbackPicture.UnicodeBars;

    private const int LabelWidth = 10;
    private const int AxisWidth = 50;
    private const int Width = 79;

    /// <summary>Draws the plot.</summary>
    /// <param name="plot">What to draw.</param>
    /// <param name="colours">The colours; null for none.</param>
    public static string Draw(ComparisonPlot plot, ComparisonColours? colours = null)
    {
        ArgumentNullException.ThrowIfNull(plot);
        var drawing = new Drawing(plot.IsAscii ? Strokes.Ascii : Strokes.Unicode, colours ?? ComparisonColours.None);
        drawing.Line(Cut($"{plot.VMName}, {plot.Title}", Width, plot.IsAscii));
        foreach (var metric in plot.Metrics)
        {
            drawing.Metric(metric, plot.IsAscii);
        }

        if (plot.Timeline is { } timeline)
        {
            drawing.Line(string.Empty);
            foreach (var line in SwitchbackPicture.Lines(timeline, plot.IsAscii, colours ?? ComparisonColours.None))
            {
                drawing.Line(line);
            }
        }

        return drawing.ToString();
    }

    /// <summary>A shift with its interval, for example <c>+18 % [+12, +25]</c>.</summary>
    public static string Shift(MetricComparison metric) => metric.ShiftPercent is { } shift
        ? Invariant($"{shift:+0.#;-0.#;0} %{(metric is { IntervalLowPercent: { } low, IntervalHighPercent: { } high } ? Invariant($" [{low:+0.#;-0.#;0}, {high:+0.#;-0.#;0}]") : null)}")
        : metric.ShiftInUnits is { } units ? MetricText.Value(units, metric.Metric.Unit) : "-";

    // ASCII has no micro sign.
    private static string Plain(string text, bool isAscii) => isAscii ? text.Replace("µ", "u", StringComparison.Ordinal) : text;

    private static string Cut(string text, int width, bool isAscii)
    {
        text = Plain(text, isAscii);
        return text.Length <= width ? text : isAscii ? $"{text[..(width - 3)]}..." : $"{text[..(width - 1)]}…";
    }

    private sealed record Strokes(char Dot, char Left, char Line, char Median, char Right, char Edge, char Corner, char Tick)
    {
        public static Strokes Unicode { get; } = Of(UnicodeStrokes);

        public static Strokes Ascii { get; } = Of("o[-+]|++");

        private static Strokes Of(string signs) => new(signs[0], signs[1], signs[2], signs[3], signs[4], signs[5], signs[6], signs[7]);
    }

    private sealed class Drawing(Strokes strokes, ComparisonColours colours)
    {
        private readonly StringBuilder _text = new();

        public void Line(string line) => _text.AppendLine(line.TrimEnd());

        public override string ToString() => _text.ToString().TrimEnd();

        public void Metric(MetricPlot metric, bool isAscii)
        {
            var found = metric.Comparison;
            var better = found.Metric.Direction == MetricDirection.HigherIsBetter ? "higher is better" : "lower is better";
            Line(string.Empty);
            Line(Cut($"{found.Metric.Name} ({better}): {Shift(found)}, {VerdictText.Of(found.Verdict)}", Width, isAscii));
            var values = metric.Baseline.Values.Concat(metric.Candidate.Values).ToList();
            if (values.Count == 0)
            {
                Line("No run has a value.");
                return;
            }

            var axis = PlotAxis.Over(values, AxisWidth);
            var colour = found.Verdict switch
            {
                Verdict.Improved => colours.Better,
                Verdict.Regressed => colours.Worse,
                _ => colours.Unclear,
            };
            Side("baseline", metric.Baseline, axis, found.Metric.Unit, colours.Quiet, isAscii);
            Side("candidate", metric.Candidate, axis, found.Metric.Unit, colour, isAscii);
            Axis(axis, found.Metric.Unit, isAscii);
        }

        private void Side(string name, PlotSide side, PlotAxis axis, string unit, string colour, bool isAscii)
        {
            var dots = new int[AxisWidth];
            foreach (var value in side.Values)
            {
                dots[axis.Column(value)]++;
            }

            // Runs in the same place are shown as their number: 2 is two runs.
            var first = string.Concat(dots.Select(count => count switch { 0 => ' ', 1 => strokes.Dot, > 9 => '#', _ => (char)('0' + count) }));
            var second = Enumerable.Repeat(' ', AxisWidth).ToArray();
            if (side.Interval is { } interval)
            {
                Array.Fill(second, strokes.Line, axis.Column(interval.Low), axis.Column(interval.High) - axis.Column(interval.Low) + 1);
                second[axis.Column(interval.Low)] = strokes.Left;
                second[axis.Column(interval.High)] = strokes.Right;
            }

            if (side.Median is { } median)
            {
                second[axis.Column(median)] = strokes.Median;
            }

            Row(name, first, colour, Cut(side.Median is null ? "no usable run" : MetricText.Value(side.Median, unit), Width - LabelWidth - AxisWidth - 4, isAscii));
            Row(string.Empty, new string(second), colour, string.Empty);
        }

        private void Row(string name, string cells, string colour, string value) =>
            Line($"{name,LabelWidth} {colours.Quiet}{strokes.Edge}{colours.Reset}{colour}{cells}{colours.Reset} {value}");

        private void Axis(PlotAxis axis, string unit, bool isAscii)
        {
            var whole = MetricText.Scale(Math.Max(Math.Abs(axis.Low), Math.Abs(axis.High)), unit);
            var line = Enumerable.Repeat(strokes.Line, AxisWidth).ToArray();
            var labels = new StringBuilder();
            foreach (var tick in axis.Ticks)
            {
                var column = axis.Column(tick);
                line[column] = strokes.Tick;
                // On an axis over several powers of ten no single unit fits.
                var (divisor, scaled) = axis.IsLogarithmic ? MetricText.Scale(tick, unit) : whole;
                var label = Invariant($"{tick / divisor:0.###}{(axis.IsLogarithmic ? $" {scaled}" : null)}");
                var start = Math.Max(0, column - (label.Length / 2));
                if (labels.Length == 0 || start > labels.Length)
                {
                    labels.Append(' ', start - labels.Length).Append(label);
                }
            }

            labels.Append(axis.IsLogarithmic ? ", logarithmic" : $" {whole.Unit}");
            Line($"{string.Empty,LabelWidth} {colours.Quiet}{strokes.Corner}{new string(line)}{colours.Reset}");
            Line($"{string.Empty,LabelWidth}  {Cut(labels.ToString(), Width - LabelWidth - 2, isAscii)}");
        }
    }
}
