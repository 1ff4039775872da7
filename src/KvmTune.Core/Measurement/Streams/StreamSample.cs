// The reports of a load while it runs: rates over short times, and latencies of requests.
namespace KvmTune.Measurement.Streams;

/// <summary>One report of a load.</summary>
/// <param name="StartSeconds">When the reported time began, on the stream's clock.</param>
/// <param name="EndSeconds">When the reported time ended, on the stream's clock.</param>
/// <param name="Rates">The work per second in that time, by name; empty for a report of latencies only.</param>
public sealed record StreamSample(double StartSeconds, double EndSeconds, IReadOnlyDictionary<string, double> Rates)
{
    /// <summary>The number of the source (thread, direction), if several report in parallel; their rates add up.</summary>
    public int Source { get; init; }

    /// <summary>The latencies of its requests; empty if they are not reported.</summary>
    public IReadOnlyList<HistogramBin> Latencies { get; init; } = [];

    /// <summary>Whether it reports rates, and not only latencies.</summary>
    public bool HasRates => Rates.Count > 0;

    /// <summary>The length of the reported time, in seconds.</summary>
    public double Seconds => EndSeconds - StartSeconds;
}

/// <summary>The number of requests whose latency lies between two times.</summary>
/// <param name="LowNanoseconds">The lower time.</param>
/// <param name="HighNanoseconds">The upper time.</param>
/// <param name="Count">The number of requests.</param>
public sealed record HistogramBin(double LowNanoseconds, double HighNanoseconds, double Count);

/// <summary>The mean rates and all latencies of a slot's samples.</summary>
/// <param name="Rates">The mean rates by name.</param>
/// <param name="Latencies">All requests by their latency, rising.</param>
public sealed record SlotMeans(IReadOnlyDictionary<string, double> Rates, IReadOnlyList<HistogramBin> Latencies)
{
    /// <summary>Combines samples: a source's rates are averaged, weighted by time, and the averages of the sources are added.</summary>
    public static SlotMeans Of(IReadOnlyList<StreamSample> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        var rates = new Dictionary<string, double>(StringComparer.Ordinal);
        var sources = samples.Where(sample => sample.HasRates).GroupBy(sample => sample.Source).ToList();
        foreach (var source in sources)
        {
            var seconds = source.Sum(sample => sample.Seconds);
            foreach (var name in source.SelectMany(sample => sample.Rates.Keys).Distinct(StringComparer.Ordinal))
            {
                rates[name] = rates.GetValueOrDefault(name)
                    + (source.Sum(sample => sample.Rates.GetValueOrDefault(name) * sample.Seconds) / seconds);
            }
        }

        var latencies = samples.SelectMany(sample => sample.Latencies)
            .GroupBy(bin => (bin.LowNanoseconds, bin.HighNanoseconds))
            .Select(same => new HistogramBin(same.Key.LowNanoseconds, same.Key.HighNanoseconds, same.Sum(bin => bin.Count)))
            .OrderBy(bin => bin.HighNanoseconds)
            .ToList();
        return new(rates, latencies);
    }

    /// <summary>The latency that a share of the requests does not exceed, in ns, linear inside a bin; NaN without requests.</summary>
    public double PercentileNanoseconds(double share)
    {
        var wanted = share * Latencies.Sum(bin => bin.Count);
        foreach (var bin in Latencies.Where(bin => bin.Count > 0))
        {
            if (wanted <= bin.Count)
            {
                return bin.LowNanoseconds + ((bin.HighNanoseconds - bin.LowNanoseconds) * (wanted / bin.Count));
            }

            wanted -= bin.Count;
        }

        return Latencies.Count > 0 ? Latencies[^1].HighNanoseconds : double.NaN;
    }

    /// <summary>The mean latency of the requests, in ns, by the middle of each bin; NaN without requests.</summary>
    public double MeanNanoseconds() =>
        Latencies.Sum(bin => bin.Count * (bin.LowNanoseconds + bin.HighNanoseconds) / 2) / Latencies.Sum(bin => bin.Count);
}
