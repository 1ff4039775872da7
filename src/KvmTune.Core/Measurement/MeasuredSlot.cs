// A slot of a load that ran without a pause while the side changed. The run that stands for the slot carries this record.
using System.Text.Json.Serialization;

namespace KvmTune.Measurement;

/// <summary>A slot of an experiment that switched sides inside one load (see <c>-Design Switchback</c>).</summary>
public sealed record MeasuredSlot
{
    /// <summary>The pair of neighbouring slots that this one belongs to, from 1.</summary>
    public required int Pair { get; init; }

    /// <summary>The number of its load, from 1. A load lasts a few minutes at most; when it ends, the next one begins.</summary>
    public required int Load { get; init; }

    /// <summary>When the slot began, in seconds after the start of the first load.</summary>
    [JsonPropertyName("StartsAfter")]
    [JsonConverter(typeof(SecondsAsTimeSpan))]
    public double StartsAfterSeconds { get; init; }

    /// <summary>How many seconds at its beginning are not used, because the load still showed the side before.</summary>
    [JsonPropertyName("Guard")]
    [JsonConverter(typeof(SecondsAsTimeSpan))]
    public double GuardSeconds { get; init; }

    /// <summary>How many seconds the switch to this side took; null if the side was in force already.</summary>
    [JsonPropertyName("SwitchTime")]
    [JsonConverter(typeof(SecondsAsTimeSpan))]
    public double? SwitchTimeSeconds { get; init; }

    /// <summary>The reports of the load in this slot, the unused ones too.</summary>
    public IReadOnlyList<SlotSample> Samples { get; init => field = Items.Of(value); } = Items<SlotSample>.None;

    /// <summary>For example <c>pair 3, load 1</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"pair {Pair}, load {Load}");
}

/// <summary>One report of a load.</summary>
/// <param name="StartSeconds">When the reported time began, in seconds after the start of the slot.</param>
/// <param name="EndSeconds">When the reported time ended, in seconds after the start of the slot.</param>
/// <param name="Rate">The rate in that time, in the primary metric's unit.</param>
/// <param name="IsUsed">False if the guard or a switch overlaps it.</param>
public sealed record SlotSample(double StartSeconds, double EndSeconds, double Rate, bool IsUsed)
{
    /// <summary>For example <c>2.1 s to 2.2 s: 1200</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{StartSeconds:0.##} s to {EndSeconds:0.##} s: {Rate:0.###}");
}
