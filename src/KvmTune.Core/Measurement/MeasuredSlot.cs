// What is known of a slot of a load that ran without a pause while the side changed: the run that it counts as carries it.
namespace KvmTune.Measurement;

/// <summary>A slot of an experiment that switched sides inside one load (see <c>-Design Switchback</c>).</summary>
public sealed record MeasuredSlot
{
    /// <summary>The pair of neighbouring slots that it belongs to, from 1.</summary>
    public required int Pair { get; init; }

    /// <summary>Which load it was in, from 1: a load ends where its samples are looked at, and another one begins.</summary>
    public required int Load { get; init; }

    /// <summary>When it began, counted from the start of the first load.</summary>
    public required TimeSpan StartsAfter { get; init; }

    /// <summary>How much of its beginning was not used, since the load still showed the side before.</summary>
    public required TimeSpan Guard { get; init; }

    /// <summary>How long the switch to this side took; null where the side was in force already.</summary>
    public TimeSpan? SwitchTime { get; init; }

    /// <summary>What the load reported in it, those that were not used among them.</summary>
    public IReadOnlyList<SlotSample> Samples { get; init; } = [];
}

/// <summary>One report of a load.</summary>
/// <param name="StartSeconds">When the time that it is about began, counted from the start of its slot.</param>
/// <param name="EndSeconds">When that ended.</param>
/// <param name="Rate">The rate in it, in the primary metric's unit.</param>
/// <param name="IsUsed">False for one that has the guard or a switch in it.</param>
public sealed record SlotSample(double StartSeconds, double EndSeconds, double Rate, bool IsUsed);
