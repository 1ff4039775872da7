// Turns lines into samples: lines of sysbench and iperf3, which contain their time span, and lines of a user's own program.
using System.Globalization;
using System.Text.RegularExpressions;

namespace KvmTune.Measurement.Streams;

/// <summary>Reads samples from lines.</summary>
internal static partial class LineSamples
{
    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture;

    // In ms. None of these patterns backtracks, so a line is quick; the limit is high so that a host that stalls does not end the load.
    private const int LongestMatch = 60_000;

    // A user's pattern may backtrack for ever on a line. Lines are short, so a good pattern needs far less than a second; three seconds leave room
    // for a busy host.
    private static readonly TimeSpan MatchLimit = TimeSpan.FromSeconds(3);

    /// <summary>sysbench's reports every second: <c>[ 3s ] thds: 2 eps: 178.52 lat (ms,99%): 61.08</c>, or <c>[ 3s ] 512.00 MiB/sec</c>.</summary>
    /// <param name="lines">The lines.</param>
    /// <param name="rate">The name of the rate.</param>
    /// <param name="percentile">The name of the latency percentile; null to leave it out.</param>
    public static IReadOnlyList<StreamSample> OfSysbench(IReadOnlyList<StampedLine> lines, string rate, string? percentile)
    {
        var found = new List<(double Uptime, double From, double To, double Rate, double? Latency)>();
        foreach (var line in lines)
        {
            if (SysbenchLine().Match(line.Text) is { Success: true } match && Number(match, "second") is { } second && second >= 1 && Number(match, "rate") is { } value)
            {
                found.Add((line.Uptime, second - 1, second, value, Number(match, "ms") * 1e6));
            }
        }

        return Placed(found.Select(sample => (sample.Uptime, sample.From, sample.To, Rates(rate, sample.Rate, percentile, sample.Latency))), 0);
    }

    /// <summary>iperf3's reports: the line for the sum of a direction's streams, or for its only one. iperf3's final summary is skipped.</summary>
    /// <param name="lines">The lines.</param>
    /// <param name="streams">How many streams each direction has.</param>
    /// <param name="rate">The name of the rate of both directions together.</param>
    /// <param name="sent">The name of the rate that the guest sends.</param>
    /// <param name="received">The name of the rate that the guest receives.</param>
    public static IReadOnlyList<StreamSample> OfIperf(IReadOnlyList<StampedLine> lines, int streams, string rate, string sent, string received)
    {
        var byDirection = new[] { new List<(double, double, double, Dictionary<string, double>)>(), [] };
        foreach (var line in lines)
        {
            if (IperfLine().Match(line.Text) is { Success: true } match
                && (streams == 1 || match.Groups["id"].ValueSpan is "SUM")
                && Number(match, "from") is { } from && Number(match, "to") is { } to && to > from
                && Number(match, "kbits") is { } kilobits
                && !line.Text.AsSpan().TrimEnd().EndsWith("sender", StringComparison.Ordinal)
                && !line.Text.AsSpan().TrimEnd().EndsWith("receiver", StringComparison.Ordinal))
            {
                var isSent = match.Groups["role"].ValueSpan is "TX";
                var gigabits = kilobits / 1e6;
                byDirection[isSent ? 0 : 1].Add((line.Uptime, from, to, new(StringComparer.Ordinal) { [rate] = gigabits, [isSent ? sent : received] = gigabits }));
            }
        }

        return [.. byDirection.SelectMany((found, source) => Placed(found, source)).OrderBy(sample => sample.StartSeconds)];
    }

    /// <summary>Lines of a user's own program. The value of a line holds for the time since the line before it.</summary>
    /// <param name="lines">The lines.</param>
    /// <param name="metrics">The metrics with their patterns.</param>
    /// <exception cref="RegexMatchTimeoutException">A pattern took too long on a line.</exception>
    public static IReadOnlyList<StreamSample> OfCommand(IReadOnlyList<StampedLine> lines, IReadOnlyList<CommandMetric> metrics)
    {
        var patterns = metrics.Where(metric => metric.Pattern is not null)
            .Select(metric => (metric.Definition, Pattern: new Regex(metric.Pattern!, RegexOptions.CultureInvariant, MatchLimit)))
            .ToList();
        var samples = new List<StreamSample>();
        double? before = null;
        foreach (var line in lines)
        {
            var values = new Dictionary<string, double>(StringComparer.Ordinal);
            foreach (var (definition, pattern) in patterns)
            {
                if (pattern.Match(line.Text) is { Success: true } match
                    && (match.Groups["value"] is { Success: true } named ? named : match.Groups[1]) is var group
                    && double.TryParse(group.ValueSpan, NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out var value)
                    && double.IsFinite(value))
                {
                    values[definition.Name] = value;
                }
            }

            if (values.Count == 0 || !metrics.Any(metric => metric.Definition.IsPrimary && values.ContainsKey(metric.Definition.Name)))
            {
                continue;
            }

            if (before is { } start && line.Uptime > start)
            {
                samples.Add(new(start, line.Uptime, values));
            }

            before = line.Uptime;
        }

        return samples;
    }

    /// <summary>When a tool started: a line's arrival minus the end time in it. Lines can only come late, so the least value counts.</summary>
    public static double StartOf(IEnumerable<(double Uptime, double To)> lines) => lines.Min(line => line.Uptime - line.To);

    // Places the samples by the tool's own clock.
    private static List<StreamSample> Placed(IEnumerable<(double Uptime, double From, double To, Dictionary<string, double> Rates)> found, int source)
    {
        var all = found.ToList();
        if (all.Count == 0)
        {
            return [];
        }

        var start = StartOf(all.Select(sample => (sample.Uptime, sample.To)));
        return [.. all.Select(sample => new StreamSample(start + sample.From, start + sample.To, sample.Rates) { Source = source })];
    }

    private static Dictionary<string, double> Rates(string rate, double value, string? percentile, double? latency)
    {
        var rates = new Dictionary<string, double>(StringComparer.Ordinal) { [rate] = value };
        if (percentile is not null && latency is { } nanoseconds)
        {
            rates[percentile] = nanoseconds;
        }

        return rates;
    }

    private static double? Number(Match match, string group) =>
        double.TryParse(match.Groups[group].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : null;

    [GeneratedRegex(@"^\[ (?<second>[0-9]{1,9})s \] (thds: [0-9]+ eps: (?<rate>[0-9.]+) lat \(ms,[0-9]+%\): (?<ms>[0-9.]+)|(?<rate>[0-9.]+) MiB/sec)", Options, LongestMatch)]
    private static partial Regex SysbenchLine();

    [GeneratedRegex(@"^\[ *(?<id>SUM|[0-9]+)\]\[(?<role>TX|RX)-C\] +(?<from>[0-9.]+)-(?<to>[0-9.]+) +sec +[0-9.]+ [KMGT]?Bytes +(?<kbits>[0-9.]+) Kbits/sec", Options, LongestMatch)]
    private static partial Regex IperfLine();
}
