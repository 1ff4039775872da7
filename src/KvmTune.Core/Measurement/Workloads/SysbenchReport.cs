// Reads the output of sysbench 1.0, strictly. It has no JSON, so lines are found by their fixed words.
using System.Globalization;
using System.Text.RegularExpressions;

namespace KvmTune.Measurement.Workloads;

/// <summary>The figures of one sysbench run after its ramp (<c>--report-checkpoints</c> at the ramp's end resets all counters).</summary>
internal sealed partial record SysbenchReport
{
    /// <summary>Events a second (cpu) or MiB a second (memory).</summary>
    public required double Rate { get; init; }

    /// <summary>The rates reported each second, and the end of that second, counted from the start of the program.</summary>
    public required IReadOnlyList<(double Second, double Rate)> Windows { get; init; }

    /// <summary>The longest event.</summary>
    public required double LatencyMaxNanoseconds { get; init; }

    /// <summary>The distribution of the events' times, rising; empty if no histogram was requested.</summary>
    public required IReadOnlyList<(double Nanoseconds, long Count)> Histogram { get; init; }

    /// <summary>Reads the report of a cpu or memory test.</summary>
    /// <returns>The report, or the reason why it is not usable.</returns>
    public static (SysbenchReport? Report, string? Failure) Parse(string output)
    {
        // The checkpoint at the ramp's end writes a report too; the last report is the run's.
        var rate = LastNumber(EventsPerSecond(), output) ?? LastNumber(MiBPerSecond(), output);
        var longest = LastNumber(LatencyMax(), output);
        if (rate is null || longest is null)
        {
            return (null, "sysbench's report has no rate or no longest event.");
        }

        return (new SysbenchReport
        {
            Rate = rate.Value,
            LatencyMaxNanoseconds = longest.Value * 1e6,
            Windows =
            [
                .. Window().Matches(output).Select(match => (Number(match, "second"), Number(match, "rate"))),
            ],
            Histogram = ReadHistogram(output),
        }, null);
    }

    /// <summary>The time that a share of the events does not exceed, as the upper end of its class; NaN without a histogram.</summary>
    public double PercentileNanoseconds(double share)
    {
        var wanted = share * Histogram.Sum(bucket => bucket.Count);
        var seen = 0L;
        foreach (var (nanoseconds, count) in Histogram)
        {
            seen += count;
            if (seen >= wanted)
            {
                return nanoseconds;
            }
        }

        return double.NaN;
    }

    private static List<(double Nanoseconds, long Count)> ReadHistogram(string output)
    {
        var start = output.LastIndexOf("Latency histogram", StringComparison.Ordinal);
        return start < 0
            ? []
            : [.. Bucket().Matches(output[start..]).Select(match => (Number(match, "ms") * 1e6, (long)Number(match, "count")))];
    }

    private static double? LastNumber(Regex pattern, string output) =>
        pattern.Matches(output) is [.., var last] ? Number(last, "value") : null;

    private static double Number(Match match, string group) =>
        double.Parse(match.Groups[group].ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture);

    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.Multiline;

    [GeneratedRegex(@"^\s*events per second:\s*(?<value>[0-9.]+)\s*$", Options, 1000)]
    private static partial Regex EventsPerSecond();

    [GeneratedRegex(@"MiB transferred \((?<value>[0-9.]+) MiB/sec\)", Options, 1000)]
    private static partial Regex MiBPerSecond();

    [GeneratedRegex(@"^\s*max:\s*(?<value>[0-9.]+)\s*$", Options, 1000)]
    private static partial Regex LatencyMax();

    [GeneratedRegex(@"^\[ (?<second>[0-9]+)s \] (thds: [0-9]+ eps: (?<rate>[0-9.]+) lat|(?<rate>[0-9.]+) MiB/sec)", Options, 1000)]
    private static partial Regex Window();

    [GeneratedRegex(@"^\s+(?<ms>[0-9]+\.[0-9]{3}) \|\**\s*(?<count>[0-9]+)\s*$", Options, 1000)]
    private static partial Regex Bucket();
}
