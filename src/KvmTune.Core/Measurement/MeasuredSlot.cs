// What is known of a slot of a load that ran without a pause while the side changed: the run that it counts as carries it.
using System.Text.Json.Serialization;

namespace KvmTune.Measurement;

/// <summary>A slot of an experiment that switched sides inside one load (see <c>-Design Switchback</c>).</summary>
public sealed record MeasuredSlot
{
    /// <summary>The pair of neighbouring slots that it belongs to, from 1.</summary>
    public required int Pair { get; init; }

    /// <summary>Which load it was in, from 1: a load ends where its samples are looked at, and another one begins.</summary>
    public required int Load { get; init; }

    /// <summary>How many seconds after the start of the first load it began.</summary>
    [JsonPropertyName("StartsAfter")]
    [JsonConverter(typeof(SecondsAsTimeSpan))]
    public double StartsAfterSeconds { get; init; }

    /// <summary>How many seconds of its beginning were not used, since the load still showed the side before.</summary>
    [JsonPropertyName("Guard")]
    [JsonConverter(typeof(SecondsAsTimeSpan))]
    public double GuardSeconds { get; init; }

    /// <summary>How many seconds the switch to this side took; null where the side was in force already.</summary>
    [JsonPropertyName("SwitchTime")]
    [JsonConverter(typeof(SecondsAsTimeSpan))]
    public double? SwitchTimeSeconds { get; init; }

    /// <summary>What the load reported in it, those that were not used among them.</summary>
    public IReadOnlyList<SlotSample> Samples { get; init => field = Items.Of(value); } = Items<SlotSample>.None;

    /// <summary>For example <c>pair 3, load 1</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"pair {Pair}, load {Load}");
}

/// <summary>One report of a load.</summary>
/// <param name="StartSeconds">When the time that it is about began, counted from the start of its slot.</param>
/// <param name="EndSeconds">When that ended.</param>
/// <param name="Rate">The rate in it, in the primary metric's unit.</param>
/// <param name="IsUsed">False for one that has the guard or a switch in it.</param>
public sealed record SlotSample(double StartSeconds, double EndSeconds, double Rate, bool IsUsed)
{
    /// <summary>For example <c>2.1 s to 2.2 s: 1200</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{StartSeconds:0.##} s to {EndSeconds:0.##} s: {Rate:0.###}");
}
