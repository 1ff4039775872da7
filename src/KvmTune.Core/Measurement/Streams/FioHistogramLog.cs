// Reads fio's log of latency histograms. It gives means and percentiles over any time span.
using System.Globalization;

namespace KvmTune.Measurement.Streams;

/// <summary>fio's <c>--write_hist_log</c>.</summary>
/// <remarks>
/// A line is "time in ms, direction, block size, count, count, …": for each latency bin, the number of requests since the last line of the same
/// direction. The bins are those of fio's <c>stat.h</c>: 29 groups of 64, each group twice as wide as the one before; a coarseness of n
/// merges 2ⁿ of them.
/// </remarks>
internal static class FioHistogramLog
{
    private const int AllBins = 29 * 64;
    private const int FirstBins = 128;
    private static readonly Dictionary<string, double> NoRates = [];

    // A longer gap gives no sample. A stalled disk counts, but not a stall of ten minutes.
    private const double LongestSeconds = 600;

    /// <summary>Reads a log.</summary>
    /// <param name="text">The log.</param>
    /// <param name="start">When fio began, on the clock of the returned samples.</param>
    /// <returns>Samples with latencies only; lines in another format are skipped.</returns>
    public static IReadOnlyList<StreamSample> Parse(string text, double start)
    {
        ArgumentNullException.ThrowIfNull(text);
        var samples = new List<StreamSample>();
        var ends = new Dictionary<int, double>();
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split(',', StringSplitOptions.TrimEntries);
            var bins = fields.Length - 3;
            if (bins < FirstBins / 2 || AllBins % bins != 0
                || !long.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
                || !int.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out var direction)
                || Counts(fields.AsSpan(3), AllBins / bins) is not { } latencies)
            {
                continue;
            }

            var end = milliseconds / 1000.0;
            // The first line of a direction has no known begin.
            if (ends.TryGetValue(direction, out var before) && end > before && end - before < LongestSeconds)
            {
                samples.Add(new(start + before, start + end, NoRates) { Source = direction, Latencies = latencies });
            }

            ends[direction] = end;
        }

        return samples;
    }

    /// <summary>The lower edge of a bin, in ns (fio's <c>plat_idx_to_val</c> with its edge at 0).</summary>
    internal static double Start(int index)
    {
        if (index < FirstBins)
        {
            return index;
        }

        var errorBits = (index >> 6) - 1;
        return (1L << (errorBits + 6)) + ((long)(index % 64) << errorBits);
    }

    private static List<HistogramBin>? Counts(ReadOnlySpan<string> fields, int together)
    {
        var bins = new List<HistogramBin>();
        for (var i = 0; i < fields.Length; i++)
        {
            if (!long.TryParse(fields[i], NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            {
                return null;
            }

            if (count > 0)
            {
                bins.Add(new(Start(i * together), Start((i + 1) * together), count));
            }
        }

        return bins;
    }
}
