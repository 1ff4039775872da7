// Counters around a run: read before it and after it, and reported as differences.
namespace KvmTune.Measurement.Sampling;

/// <summary>Reads one group of the host's counters.</summary>
public interface IRunSampler
{
    /// <summary>
    /// Reads the counters now. Names are PascalCase with the unit in them. A counter that is not kept is absent, never 0.
    /// </summary>
    CounterReading Read();
}

/// <summary>The state of a group of counters at one moment.</summary>
/// <param name="Counters">Values that only grow; what counts is the difference over the run.</param>
/// <param name="Gauges">Values of the moment; the one at the run's end is reported as it is.</param>
public sealed record CounterReading(IReadOnlyDictionary<string, double> Counters, IReadOnlyDictionary<string, double> Gauges)
{
    /// <summary>A reading of counters alone.</summary>
    public CounterReading(IReadOnlyDictionary<string, double> counters)
        : this(counters, new Dictionary<string, double>(StringComparer.Ordinal))
    {
    }

    /// <summary>Nothing was read.</summary>
    public static CounterReading Empty { get; } = new(new Dictionary<string, double>(StringComparer.Ordinal));

    /// <summary>Adds what the counters grew by since an earlier reading, and the gauges as they stand.</summary>
    /// <param name="before">The earlier reading.</param>
    /// <param name="result">Takes the values; a counter that is not known at both ends is not added.</param>
    public void AddSince(CounterReading before, IDictionary<string, double> result)
    {
        foreach (var (name, value) in Counters)
        {
            // A counter that went backwards was restarted: it tells nothing.
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
