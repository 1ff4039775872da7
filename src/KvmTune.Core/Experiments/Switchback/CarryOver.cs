// Measures how long a load still shows the side before, after a switch.
namespace KvmTune.Experiments.Switchback;

/// <summary>The effect of a switch on the beginning of a slot.</summary>
/// <param name="Guard">How much of a slot's beginning must not be used: the shortest time without carry-over after it.</param>
/// <param name="IsEnough">False if half a slot is not enough, so that slots must be longer.</param>
/// <param name="IsKnown">False if the slots had too few samples to tell.</param>
internal sealed record CarryOver(TimeSpan Guard, bool IsEnough, bool IsKnown)
{
    // About ten tests are made. A guard that is too long costs a few samples, one that is too short makes the effect look smaller: a small harm.
    private const double Certain = 3.5;
    private const double Matters = 0.02;
    private const int FewestSlots = 5;
    private static readonly TimeSpan ShortestStep = TimeSpan.FromMilliseconds(100);

    /// <summary>Compares the samples after the switches with the rest of their slots, by side.</summary>
    /// <param name="loads">The loads.</param>
    /// <param name="primary">The rate to compare.</param>
    /// <param name="interval">How often the load reports.</param>
    /// <param name="slot">The length of a slot.</param>
    /// <param name="fromPair">The number of the first counted pair.</param>
    public static CarryOver Measure(IReadOnlyList<SlottedLoad> loads, string primary, TimeSpan interval, TimeSpan slot, int fromPair)
    {
        var step = (interval > ShortestStep ? interval : ShortestStep).TotalSeconds;
        var half = slot.TotalSeconds / 2;
        var guard = 0.0;
        var isSettled = true;
        var isKnown = false;
        foreach (var side in (bool[])[false, true])
        {
            var slots = loads.SelectMany(load => load.Slots.Where(span => span.Pair >= fromPair && span.WasSwitched && span.IsCandidate == side)
                .Select(span => Series(load, span, primary))).ToList();
            for (var from = 0.0; from < half - 1e-9; from += step)
            {
                var (start, end) = (from, Math.Min(from + step, half));
                if (Differs(slots, start, end, half, double.PositiveInfinity) is { } differs)
                {
                    isKnown = true;
                    guard = differs ? Math.Max(guard, end) : guard;
                }
            }

            isSettled &= Differs(slots, half, half * 1.5, half * 1.5, double.PositiveInfinity) is not true;
        }

        return new(TimeSpan.FromSeconds(guard), isSettled && guard < half - 1e-9, isKnown);
    }

    // Whether the rates in one part of the slots differ from those in another: the mean of the logarithms of their ratios is far from 0. Null if
    // too few slots have samples in both.
    private static bool? Differs(List<IReadOnlyList<(double Middle, double Rate)>> slots, double from, double to, double restFrom, double restTo)
    {
        var differences = new List<double>();
        foreach (var slot in slots)
        {
            var part = slot.Where(sample => sample.Middle >= from && sample.Middle < to).Select(sample => sample.Rate).ToList();
            var rest = slot.Where(sample => sample.Middle >= restFrom && sample.Middle < restTo).Select(sample => sample.Rate).ToList();
            if (part.Count > 0 && rest.Count > 0 && part.Average() > 0 && rest.Average() > 0)
            {
                differences.Add(Math.Log(part.Average() / rest.Average()));
            }
        }

        if (differences.Count < FewestSlots)
        {
            return null;
        }

        var mean = differences.Average();
        var deviation = Math.Sqrt(differences.Sum(value => (value - mean) * (value - mean)) / (differences.Count - 1));
        return Math.Abs(mean) >= Matters && Math.Abs(mean) >= Certain * deviation / Math.Sqrt(differences.Count);
    }

    private static IReadOnlyList<(double Middle, double Rate)> Series(SlottedLoad load, SlotSpan span, string primary) =>
        [.. load.Of(span, 0).Where(sample => sample.HasRates).Select(sample => (
            ((sample.StartSeconds + sample.EndSeconds) / 2) - span.Start, sample.Rates.GetValueOrDefault(primary)))];
}
