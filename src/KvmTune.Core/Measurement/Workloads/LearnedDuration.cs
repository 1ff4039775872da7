// How long a workload's program takes, learned from its runs so far. Before that time the guest is not asked whether it has ended.
namespace KvmTune.Measurement.Workloads;

/// <summary>The shortest run so far, slightly reduced. Programs need time to start and end, so they run longer than requested.</summary>
internal sealed class LearnedDuration
{
    private TimeSpan? _shortest;
    private int _noted;

    /// <summary>Records how long a good run took.</summary>
    public void Note(TimeSpan duration)
    {
        _shortest = _shortest < duration ? _shortest : duration;
        _noted++;
    }

    /// <summary>The least time that the next run will take.</summary>
    /// <param name="known">The run time given to the program; null if the program decides itself.</param>
    public TimeSpan? AtLeast(TimeSpan? known = null)
    {
        // The pauses between questions grow with the time, so the end of a first run without a known time is seen up to a sixth of its time late.
        var share = known is null && _noted == 1 ? 0.8 : 0.95;
        return _shortest is { } shortest && !(shortest * share <= known) ? shortest * share : known;
    }
}
