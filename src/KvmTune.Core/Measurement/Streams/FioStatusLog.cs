// Reads the status lines that fio writes five times a second while it runs, and adds the samples of its histograms.
using System.Globalization;

namespace KvmTune.Measurement.Streams;

/// <summary>fio's <c>--status-interval</c> in its terse form, with reads and writes merged.</summary>
/// <remarks>
/// fio writes its logs only when it ends, but its status while it runs. Two fields of a line (fio, HOWTO, "Terse output", version 3) are used:
/// the amount since the start (field 6, KiB) and the time since the start (field 9, ms). Both are of the same moment.
/// </remarks>
internal static class FioStatusLog
{
    private const double MiB = 1024;

    /// <summary>Reads the lines.</summary>
    /// <param name="lines">fio's output.</param>
    /// <param name="blockBytes">The size of a request, for a rate in requests; null for one in MiB/s.</param>
    /// <param name="rate">The name of the rate.</param>
    /// <param name="histograms">fio's log of histograms, which it writes when it ends; null before that.</param>
    /// <returns>The samples, on the clock of the lines; lines in another format are skipped.</returns>
    public static IReadOnlyList<StreamSample> Parse(IReadOnlyList<StampedLine> lines, int? blockBytes, string rate, string? histograms)
    {
        ArgumentNullException.ThrowIfNull(lines);
        var found = new List<(double Uptime, double To, double Done)>();
        foreach (var line in lines)
        {
            if (line.Text.Split(';') is ["3", _, _, _, _, var kibibytes, _, _, var milliseconds, ..]
                && Number(kibibytes) is { } done && Number(milliseconds) is { } time && time > 0
                && (found.Count == 0 || (time / 1000 > found[^1].To && done >= found[^1].Done)))
            {
                found.Add((line.Uptime, time / 1000, done));
            }
        }

        if (found.Count == 0)
        {
            return [];
        }

        var start = LineSamples.StartOf(found.Select(line => (line.Uptime, line.To)));
        var unit = blockBytes is { } bytes ? 1024.0 / bytes : 1 / MiB;
        // The work before the first line is left out: fio did it while it started, in an unknown part of that time.
        return
        [
            .. found.Zip(found.Skip(1), (before, now) => new StreamSample(
                start + before.To, start + now.To, new Dictionary<string, double>(StringComparer.Ordinal) { [rate] = (now.Done - before.Done) * unit / (now.To - before.To) })),
            .. histograms is null ? [] : FioHistogramLog.Parse(histograms, start),
        ];
    }

    private static double? Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
