// Counters of a run: read before and after it, and reported as differences.
namespace KvmTune.Measurement.Sampling;

/// <summary>Reads one group of counters of the host.</summary>
public interface IRunSampler
{
    /// <summary>
    /// Reads the counters now. Names are PascalCase with the unit in them. A counter that is not kept is absent, never 0.
    /// </summary>
    CounterReading Read();
}

/// <summary>The state of a group of counters at one moment.</summary>
/// <param name="Counters">Values that only grow; the difference over the run is reported.</param>
/// <param name="Gauges">Values of the moment; the value at the run's end is reported.</param>
public sealed record CounterReading(IReadOnlyDictionary<string, double> Counters, IReadOnlyDictionary<string, double> Gauges)
{
    /// <summary>A reading with counters only.</summary>
    public CounterReading(IReadOnlyDictionary<string, double> counters)
        : this(counters, new Dictionary<string, double>(StringComparer.Ordinal))
    {
    }

    /// <summary>An empty reading.</summary>
    public static CounterReading Empty { get; } = new(new Dictionary<string, double>(StringComparer.Ordinal));

    /// <summary>Adds the growth of the counters since an earlier reading, and the current gauges.</summary>
    /// <param name="before">The earlier reading.</param>
    /// <param name="result">Receives the values; a counter that is missing from either reading is not added.</param>
    public void AddSince(CounterReading before, IDictionary<string, double> result)
    {
        foreach (var (name, value) in Counters)
        {
            // A counter that went backwards was reset, so its difference means nothing.
            if (before.Counters.TryGetValue(name, out var earlier) && value >= earlier)
            {
                result[name] = value - earlier;
            }
        }

        foreach (var (name, value) in Gauges)
        {
            result[name] = value;
        }
    }
}
