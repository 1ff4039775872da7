// Reads fio's log of latency histograms: from it come rates, means and percentiles of any stretch of time.
using System.Globalization;

namespace KvmTune.Measurement.Streams;

/// <summary>fio's <c>--write_hist_log</c>.</summary>
/// <remarks>
/// A line is "time in ms, direction, block size, count, count, …": how many requests took how long since the line before it of the same
/// direction. The bins are those of fio's <c>stat.h</c>: 29 groups of 64, each group twice as wide as the one before; a coarseness of n puts
/// 2ⁿ of them together.
/// </remarks>
internal static class FioHistogramLog
{
    private const int AllBins = 29 * 64;
    private const int FirstBins = 128;
    private const double MiB = 1024 * 1024;

    // Beyond this a line is about no short time any more: the disk stood still, which counts, but not for ten minutes.
    private const double LongestSeconds = 600;

    /// <summary>Reads a log.</summary>
    /// <param name="text">The log.</param>
    /// <param name="countsBytes">Whether the rate is in MiB/s, and not in requests.</param>
    /// <param name="rate">The name of the rate.</param>
    /// <returns>The samples, on the clock of the log's times; what is no line of it is left out.</returns>
    public static IReadOnlyList<StreamSample> Parse(string text, bool countsBytes, string rate)
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
                || !long.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out var blockSize)
                || Counts(fields.AsSpan(3), AllBins / bins) is not { } latencies)
            {
                continue;
            }

            var end = milliseconds / 1000.0;
            // When the first one of a direction began is not known.
            if (ends.TryGetValue(direction, out var start) && end > start && end - start < LongestSeconds)
            {
                var requests = latencies.Sum(bin => bin.Count) / (end - start);
                samples.Add(new(start, end, new Dictionary<string, double>(StringComparer.Ordinal)
                {
                    [rate] = countsBytes ? requests * blockSize / MiB : requests,
                })
                {
                    Source = direction,
                    Latencies = latencies,
                });
            }

            ends[direction] = end;
        }

        return samples;
    }

    /// <summary>The time at which a bin begins, in ns (fio's <c>plat_idx_to_val</c> with its edge at 0).</summary>
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
