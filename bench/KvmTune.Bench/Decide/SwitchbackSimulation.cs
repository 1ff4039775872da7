// Simulates experiments that switch inside one load on a recorded series, with the slots, the random order, the guard, the looks and the test
// of a real experiment.
using KvmTune.Experiments.Switchback;
using KvmTune.Measurement.Streams;
using KvmTune.Statistics;

namespace KvmTune.Bench.Decide;

/// <summary>Simulates experiments on one series, whose end joins its beginning.</summary>
/// <param name="series">The series.</param>
/// <param name="shift">The shift that is planted in the candidate's slots, as a share.</param>
/// <param name="time">The time limit of an experiment.</param>
/// <param name="chance">Draws start positions and orders.</param>
internal sealed class SwitchbackSimulation(StreamSeries series, double shift, TimeSpan time, Random chance)
{
    private const double Threshold = 0.03;
    private const string Rate = "rate";

    // The measured time of a pin under load on the lab, and the error of the guest's clock by its agent.
    private static readonly TimeSpan SwitchTime = TimeSpan.FromMilliseconds(12);
    private const double ErrorSeconds = 0.015;

    private readonly TimeSpan _interval = TimeSpan.FromSeconds(series.Seconds);
    private readonly TimeSpan _slot = SlotPlan.SlotFor(TimeSpan.FromSeconds(series.Seconds));

    /// <summary>How often an experiment claims a difference.</summary>
    /// <param name="series">The series.</param>
    /// <param name="shift">The shift that is planted in the candidate's slots, as a share.</param>
    /// <param name="time">The time limit of an experiment.</param>
    /// <param name="times">The number of simulated experiments.</param>
    /// <param name="seed">The seed of start positions and orders.</param>
    /// <returns>The share of experiments with a claim, the share with the right claim, and the mean time until the claim.</returns>
    public static (double Claimed, double Right, TimeSpan Known) Play(StreamSeries series, double shift, TimeSpan time, int times, int seed)
    {
        var (claimed, right, known) = (0, 0, TimeSpan.Zero);
        for (var i = 0; i < times; i++)
        {
            var (found, after) = new SwitchbackSimulation(series, shift, time, new Random(seed + i)).Experiment();
            claimed += found == 0 ? 0 : 1;
            right += found != 0 && Math.Sign(found) == Math.Sign(shift) ? 1 : 0;
            known += after;
        }

        return (claimed / (double)times, right / (double)times, known / times);
    }

    // The direction of the claim, 0 for none, and its time.
    private (int Found, TimeSpan After) Experiment()
    {
        var looks = SlotPlan.Looks(SlotPlan.PairsIn(time, _slot, SwitchTime, TimeSpan.Zero)).Looks;
        var load = Load(looks[^1].Pairs);
        var guard = TimeSpan.Zero;
        foreach (var look in looks)
        {
            SlottedLoad soFar = load with { Slots = [.. load.Slots.Take(2 * look.Pairs)] };
            var carried = CarryOver.Measure([soFar], Rate, _interval, _slot, 1);
            // A real experiment would use longer slots here; the longest guard represents the pairs that it would lose.
            var needed = carried.IsEnough ? carried.Guard : _slot / 2;
            guard = needed > guard ? needed : guard;
            List<double> baseline = [], candidate = [];
            foreach (var pair in soFar.Slots.Chunk(2))
            {
                var values = pair.ToDictionary(slot => slot.IsCandidate, slot => soFar.Of(slot, guard.TotalSeconds));
                if (values[false].Count > 0 && values[true].Count > 0)
                {
                    baseline.Add(Mean(values[false]));
                    candidate.Add(Mean(values[true]));
                }
            }

            var moved = baseline.Count == 0 ? 0 : Estimators.HodgesLehmannShift(baseline, candidate);
            if (Math.Abs(moved) >= Math.Log(1 + Threshold) && SwapTest.PValue(baseline, candidate) <= look.Alpha)
            {
                return (Math.Sign(moved), TimeSpan.FromSeconds(soFar.Slots[^1].End));
            }
        }

        return (0, TimeSpan.FromSeconds(load.Slots[^1].End));
    }

    private static double Mean(IReadOnlyList<StreamSample> samples) => Math.Log(samples.Average(sample => sample.Rates[Rate]));

    // Slots do not begin with a sample. A sample belongs to the side at its end; a sample that contains a switch is never used.
    private SlottedLoad Load(int pairs)
    {
        var slots = new List<SlotSpan>();
        var at = 0.0;
        for (var pair = 1; pair <= pairs; pair++)
        {
            var isFirst = chance.Next(2) == 1;
            foreach (var isCandidate in (bool[])[isFirst, !isFirst])
            {
                var isSwitched = slots.Count > 0 && slots[^1].IsCandidate != isCandidate;
                var start = isSwitched ? at + SwitchTime.TotalSeconds : at;
                slots.Add(new(pair, isCandidate, at, start, start + _slot.TotalSeconds, isSwitched));
                at = start + _slot.TotalSeconds;
            }
        }

        var samples = new List<StreamSample>();
        var value = chance.Next(series.Values.Length);
        var inForce = 0;
        for (var from = -chance.NextDouble() * series.Seconds; from < at; from += series.Seconds)
        {
            while (inForce < slots.Count - 1 && slots[inForce + 1].Start <= from + series.Seconds)
            {
                inForce++;
            }

            var rate = series.Values[value++ % series.Values.Length] * (slots[inForce].IsCandidate ? 1 + shift : 1);
            samples.Add(new(from, from + series.Seconds, new Dictionary<string, double>(StringComparer.Ordinal) { [Rate] = rate }));
        }

        return new(slots, samples, ErrorSeconds);
    }
}
