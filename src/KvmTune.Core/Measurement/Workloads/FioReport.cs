// Reads fio's JSON report and its rate log, strictly: a report without an expected field is an error.
using System.Globalization;
using System.Text.Json;
using KvmTune.Guest;

namespace KvmTune.Measurement.Workloads;

/// <summary>The figures of one fio job.</summary>
internal sealed record FioReport
{
    public required string Version { get; init; }

    /// <summary>fio's error number; 0 for none.</summary>
    public required int Error { get; init; }

    public required double Iops { get; init; }

    public required double MiBPerSecond { get; init; }

    public required double Requests { get; init; }

    /// <summary>The length of the steady part.</summary>
    public required TimeSpan RunTime { get; init; }

    public required double LatencyMeanNanoseconds { get; init; }

    public required double LatencyP50Nanoseconds { get; init; }

    public required double LatencyP99Nanoseconds { get; init; }

    public required double LatencyP999Nanoseconds { get; init; }

    /// <summary>The 99th percentile of the fsyncs' latency; null for a job without fsyncs.</summary>
    public double? FlushP99Nanoseconds { get; init; }

    /// <summary>Reads a report. fio can write messages before and after the JSON; they are skipped.</summary>
    /// <returns>The report, or the reason why it is not usable.</returns>
    public static (FioReport? Report, string? Failure) Parse(string output, string section)
    {
        var start = output.StartsWith('{') ? 0 : output.IndexOf("\n{", StringComparison.Ordinal);
        var end = output.LastIndexOf('}');
        if (start < 0 || end < start)
        {
            return (null, "fio wrote no JSON report.");
        }

        try
        {
            using var document = JsonDocument.Parse(output.AsMemory(start, end - start + 1));
            var jobs = document.RootElement.GetProperty("jobs");
            if (jobs.GetArrayLength() != 1)
            {
                return (null, $"fio reported {jobs.GetArrayLength().ToString(CultureInfo.InvariantCulture)} jobs instead of one.");
            }

            var job = jobs[0];
            var version = document.RootElement.GetProperty("fio version").GetString() ?? throw new JsonException("no version");
            var error = job.GetProperty("error").GetInt32();
            if (error != 0)
            {
                return (null, $"fio failed with error {error.ToString(CultureInfo.InvariantCulture)}.");
            }

            var side = job.GetProperty(section);
            if (side.GetProperty("total_ios").GetDouble() <= 0)
            {
                return (null, "fio did not complete one request.");
            }

            var latency = side.GetProperty("clat_ns");
            return (new FioReport
            {
                Version = version,
                Error = error,
                Iops = side.GetProperty("iops").GetDouble(),
                MiBPerSecond = side.GetProperty("bw_bytes").GetDouble() / (1024 * 1024),
                Requests = side.GetProperty("total_ios").GetDouble(),
                RunTime = TimeSpan.FromMilliseconds(side.GetProperty("runtime").GetDouble()),
                LatencyMeanNanoseconds = latency.GetProperty("mean").GetDouble(),
                LatencyP50Nanoseconds = Percentile(latency, "50.000000"),
                LatencyP99Nanoseconds = Percentile(latency, "99.000000"),
                LatencyP999Nanoseconds = Percentile(latency, "99.900000"),
                FlushP99Nanoseconds = job.TryGetProperty("sync", out var sync) && sync.TryGetProperty("lat_ns", out var flush)
                    && flush.TryGetProperty("percentile", out _)
                    ? Percentile(flush, "99.000000")
                    : null,
            }, null);
        }
        catch (Exception exception) when (GuestText.IsUnreadable(exception))
        {
            return (null, $"fio's report lacks something: {exception.Message}");
        }
    }

    /// <summary>Reads fio's log of rates: lines of "end in ms, rate, direction, …".</summary>
    /// <returns>The windows; rates of several directions in the same window are added.</returns>
    public static IReadOnlyList<(double EndSeconds, double Rate)> ParseLog(string log)
    {
        var windows = new List<(double EndSeconds, double Rate)>();
        foreach (var line in log.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split(',');
            if (fields.Length < 3
                || !double.TryParse(fields[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var end)
                || !double.TryParse(fields[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var rate))
            {
                continue;
            }

            // Both numbers must be finite, and a rate is never negative.
            if (!double.IsFinite(end) || !double.IsFinite(rate) || rate < 0)
            {
                continue;
            }

            if (windows.Count > 0 && Math.Abs((end / 1000) - windows[^1].EndSeconds) < 0.1)
            {
                windows[^1] = (windows[^1].EndSeconds, windows[^1].Rate + rate);
            }
            else
            {
                windows.Add((end / 1000, rate));
            }
        }

        return windows;
    }

    private static double Percentile(JsonElement latency, string name) => latency.GetProperty("percentile").GetProperty(name).GetDouble();
}
