// A slot as it was: when the side changed, when that was done, and when the next one began.
using KvmTune.Measurement.Streams;

namespace KvmTune.Experiments.Switchback;

/// <summary>A slot. All times in seconds of the host's monotonic clock.</summary>
/// <param name="Pair">The pair that it belongs to, from 1.</param>
/// <param name="IsCandidate">Whether the change was in force.</param>
/// <param name="SwitchStart">When the switch to its side began; where nothing was switched, when it began itself.</param>
/// <param name="Start">When its side was in force.</param>
/// <param name="End">When the next switch began, or the load was left alone.</param>
/// <param name="WasSwitched">Whether the side was another one before.</param>
internal sealed record SlotSpan(int Pair, bool IsCandidate, double SwitchStart, double Start, double End, bool WasSwitched);

/// <summary>A load that ran without a pause, with its slots and what it reported in them.</summary>
/// <param name="Slots">The slots in order.</param>
/// <param name="Samples">The samples, on the host's clock.</param>
/// <param name="ErrorSeconds">How far the samples may be from where they are placed.</param>
internal sealed record SlottedLoad(IReadOnlyList<SlotSpan> Slots, IReadOnlyList<StreamSample> Samples, double ErrorSeconds)
{
    /// <summary>How many report side by side.</summary>
    public int Sources => Samples.Where(sample => sample.HasRates).Select(sample => sample.Source).Distinct().Count();

    /// <summary>
    /// The samples that belong to a slot: those that lie in it whole, after its guard. One that has a switch in it, or may have one since the
    /// clocks are known no better, belongs to neither side.
    /// </summary>
    public IReadOnlyList<StreamSample> Of(SlotSpan slot, double guardSeconds)
    {
        var (from, to) = (slot.Start + guardSeconds + ErrorSeconds, slot.End - ErrorSeconds);
        return [.. Samples.Where(sample => sample.StartSeconds >= from && sample.EndSeconds <= to)];
    }
}
