// Plays experiments that switch inside one load on a recorded series: with the slots, the coin, the looks and the test that an experiment has.
using KvmTune.Experiments.Switchback;
using KvmTune.Statistics;

namespace KvmTune.Bench.Decide;

/// <summary>Plays experiments.</summary>
internal static class SwitchbackSimulation
{
    private const double Threshold = 0.03;

    /// <summary>How often something is claimed.</summary>
    /// <param name="series">The series.</param>
    /// <param name="shift">The shift that is planted in the candidate's slots, as a share.</param>
    /// <param name="time">How long an experiment may go on.</param>
    /// <param name="times">How many experiments are played.</param>
    /// <param name="seed">The seed of places and coins.</param>
    /// <returns>The share of experiments that claimed, the share that was right, and the mean time until it was known.</returns>
    public static (double Claimed, double Right, TimeSpan Known) Play(StreamSeries series, double shift, TimeSpan time, int times, int seed)
    {
        var chance = new Random(seed);
        var interval = TimeSpan.FromSeconds(series.Seconds);
        // Values a second apart begin where a slot does, so two seconds are enough for a whole one after the guard of one.
        var slot = interval < TimeSpan.FromSeconds(1) ? SlotPlan.SlotFor(interval) : interval * 2;
        var perSlot = (int)Math.Round(slot / interval);
        var looks = SlotPlan.Looks(SlotPlan.PairsIn(time, slot, TimeSpan.FromMilliseconds(5), TimeSpan.Zero)).Looks;
        var (claimed, right, known) = (0, 0, TimeSpan.Zero);
        for (var i = 0; i < times; i++)
        {
            var (found, pairs) = Experiment(series, shift, perSlot, looks, chance);
            claimed += found == 0 ? 0 : 1;
            right += found != 0 && Math.Sign(found) == Math.Sign(shift) ? 1 : 0;
            known += slot * (2 * pairs);
        }

        return (claimed / (double)times, right / (double)times, known / times);
    }

    // Which way it claims, 0 for nothing, and after how many pairs it knew. Half of each slot is guard, which is the longest there is.
    private static (int Found, int Pairs) Experiment(StreamSeries series, double shift, int perSlot, IReadOnlyList<Look> looks, Random chance)
    {
        var at = chance.Next(series.Values.Length);
        var guard = perSlot / 2;
        List<double> baseline = [], candidate = [];
        double Slot()
        {
            var sum = 0.0;
            for (var k = guard; k < perSlot; k++)
            {
                sum += series.Values[(at + k) % series.Values.Length];
            }

            at += perSlot;
            return Math.Log(sum / (perSlot - guard));
        }

        foreach (var look in looks)
        {
            while (baseline.Count < look.Pairs)
            {
                var isFirst = chance.Next(2) == 1;
                var (one, other) = (Slot(), Slot());
                baseline.Add(isFirst ? other : one);
                candidate.Add((isFirst ? one : other) + Math.Log(1 + shift));
            }

            var moved = Estimators.HodgesLehmannShift(baseline, candidate);
            if (Math.Abs(moved) >= Math.Log(1 + Threshold) && SwapTest.PValue(baseline, candidate) <= look.Alpha)
            {
                return (Math.Sign(moved), look.Pairs);
            }
        }

        return (0, looks[^1].Pairs);
    }
}
