// The times of a slot: the begin and the end of its switch, and the begin of the next one.
using KvmTune.Measurement.Streams;

namespace KvmTune.Experiments.Switchback;

/// <summary>A slot. All times are in seconds of the host's monotonic clock.</summary>
/// <param name="Pair">The pair that it belongs to, from 1.</param>
/// <param name="IsCandidate">Whether the change was in force.</param>
/// <param name="SwitchStart">When the switch to its side began; without a switch, when the slot began.</param>
/// <param name="Start">When its side was in force.</param>
/// <param name="End">When the slot ended: before the next switch, or with the last slot.</param>
/// <param name="WasSwitched">Whether the other side was in force before.</param>
internal sealed record SlotSpan(int Pair, bool IsCandidate, double SwitchStart, double Start, double End, bool WasSwitched);

/// <summary>A load that ran without a pause, with its slots and its samples.</summary>
/// <param name="Slots">The slots in order.</param>
/// <param name="Samples">The samples, on the host's clock.</param>
/// <param name="ErrorSeconds">How far the samples may be from their real time.</param>
internal sealed record SlottedLoad(IReadOnlyList<SlotSpan> Slots, IReadOnlyList<StreamSample> Samples, double ErrorSeconds)
{
    /// <summary>The number of sources that report in parallel.</summary>
    public int Sources => Samples.Where(sample => sample.HasRates).Select(sample => sample.Source).Distinct().Count();

    /// <summary>
    /// The samples that belong to a slot: those that lie completely inside it, after its guard. A sample that contains a switch, or may contain one
    /// within the error of the clocks, belongs to neither side.
    /// </summary>
    public IReadOnlyList<StreamSample> Of(SlotSpan slot, double guardSeconds)
    {
        var (from, to) = (slot.Start + guardSeconds + ErrorSeconds, slot.End - ErrorSeconds);
        return [.. Samples.Where(sample => sample.StartSeconds >= from && sample.EndSeconds <= to)];
    }
}
