// What a load reports while it runs: rates over short times, and how long requests took.
namespace KvmTune.Measurement.Streams;

/// <summary>One report of a load.</summary>
/// <param name="StartSeconds">When the time that it is about began, on the stream's clock.</param>
/// <param name="EndSeconds">When that ended.</param>
/// <param name="Rates">What was done in it, per second of it, by name; empty where it tells of latencies alone.</param>
public sealed record StreamSample(double StartSeconds, double EndSeconds, IReadOnlyDictionary<string, double> Rates)
{
    /// <summary>Which of several that report side by side (threads, directions); their rates add up.</summary>
    public int Source { get; init; }

    /// <summary>How long its requests took; empty where that is not reported.</summary>
    public IReadOnlyList<HistogramBin> Latencies { get; init; } = [];

    /// <summary>Whether it tells how much was done, and not of latencies alone.</summary>
    public bool HasRates => Rates.Count > 0;

    /// <summary>How long the time is that it is about, in seconds.</summary>
    public double Seconds => EndSeconds - StartSeconds;
}

/// <summary>How many requests took between two times.</summary>
/// <param name="LowNanoseconds">The shorter time.</param>
/// <param name="HighNanoseconds">The longer time.</param>
/// <param name="Count">How many.</param>
public sealed record HistogramBin(double LowNanoseconds, double HighNanoseconds, double Count);

/// <summary>The samples of a slot taken together.</summary>
/// <param name="Rates">The mean rates by name.</param>
/// <param name="Latencies">All requests by the time that they took, rising.</param>
public sealed record SlotMeans(IReadOnlyDictionary<string, double> Rates, IReadOnlyList<HistogramBin> Latencies)
{
    /// <summary>Takes samples together: each source's by the time that they are about, and the sources' rates added.</summary>
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

    /// <summary>The time within which a share of the requests was done, in ns, linear inside a bin; NaN without requests.</summary>
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

    /// <summary>The mean time of the requests, in ns, by the middle of each bin; NaN without requests.</summary>
    public double MeanNanoseconds() =>
        Latencies.Sum(bin => bin.Count * (bin.LowNanoseconds + bin.HighNanoseconds) / 2) / Latencies.Sum(bin => bin.Count);
}
