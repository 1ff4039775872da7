// How long a workload's program takes, as the runs before tell: until then the guest need not be asked whether it has ended.
namespace KvmTune.Measurement.Workloads;

/// <summary>The shortest of the runs so far, a little less of it: programs take a while to start and to end, and run longer than they are asked to.</summary>
internal sealed class LearnedDuration
{
    private TimeSpan? _shortest;
    private int _noted;

    /// <summary>Notes how long a good run took.</summary>
    public void Note(TimeSpan duration)
    {
        _shortest = _shortest < duration ? _shortest : duration;
        _noted++;
    }

    /// <summary>How long the next run takes at least.</summary>
    /// <param name="known">The time that the program was given; null where it decides itself.</param>
    public TimeSpan? AtLeast(TimeSpan? known = null)
    {
        // Where nothing was known, the end of the first was seen late, by a sixth of its time at most: the pauses between questions grow so.
        var share = known is null && _noted == 1 ? 0.8 : 0.95;
        return _shortest is { } shortest && !(shortest * share <= known) ? shortest * share : known;
    }
}
