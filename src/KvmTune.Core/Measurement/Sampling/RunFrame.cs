// Reads all samplers before and after a run, and computes the differences.
namespace KvmTune.Measurement.Sampling;

/// <summary>The counters around one run.</summary>
/// <remarks>If a sampler fails before or after the run, its counters are missing; the measurement goes on.</remarks>
internal sealed class RunFrame
{
    private readonly List<(IRunSampler Sampler, CounterReading Before)> _readings = [];
    private readonly TimeProvider _time;
    private readonly long _started;

    private RunFrame(IReadOnlyList<IRunSampler> samplers, TimeProvider time)
    {
        foreach (var sampler in samplers)
        {
            _readings.Add((sampler, ReadSafely(sampler)));
        }

        _time = time;
        _started = time.GetTimestamp();
    }

    public static RunFrame Open(IReadOnlyList<IRunSampler> samplers, TimeProvider time) => new(samplers, time);

    /// <summary>Reads again, the last sampler first, so that the span of each one is as close to the run's as possible.</summary>
    public IReadOnlyDictionary<string, double> Close()
    {
        var result = new SortedDictionary<string, double>(StringComparer.Ordinal)
        {
            ["FrameNanoseconds"] = _time.GetElapsedTime(_started).TotalNanoseconds,
        };
        foreach (var (sampler, before) in Enumerable.Reverse(_readings))
        {
            ReadSafely(sampler).AddSince(before, result);
        }

        DerivedCounters.Add(result);
        return result;
    }

    private static CounterReading ReadSafely(IRunSampler sampler)
    {
        try
        {
            return sampler.Read();
        }
#pragma warning disable CA1031 // Any error of a counter's source: the run is worth more than the counter.
        catch (Exception)
#pragma warning restore CA1031
        {
            return CounterReading.Empty;
        }
    }
}
