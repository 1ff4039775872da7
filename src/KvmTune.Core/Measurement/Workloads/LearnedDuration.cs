// How long a workload's program takes, as the runs before tell: until then the guest need not be asked whether it has ended.
namespace KvmTune.Measurement.Workloads;

/// <summary>The shortest of the runs so far, a little less of it: programs take a while to start and to end, and more than they are told.</summary>
internal sealed class LearnedDuration
{
    private TimeSpan? _shortest;

    /// <summary>Notes how long a good run took.</summary>
    public void Note(TimeSpan duration) => _shortest = _shortest < duration ? _shortest : duration;

    /// <summary>How long the next run takes at least.</summary>
    /// <param name="known">What the program was told; null where that is its own matter.</param>
    public TimeSpan? AtLeast(TimeSpan? known = null) =>
        _shortest is { } shortest && !(shortest * 0.95 <= known) ? shortest * 0.95 : known;
}
