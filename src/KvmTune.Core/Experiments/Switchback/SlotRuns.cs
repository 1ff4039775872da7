// Turns slots into runs: each slot is a run of its side, so that pairs of slots are compared, recorded and shown like pairs of runs.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Measurement.Streams;

namespace KvmTune.Experiments.Switchback;

/// <summary>The runs of both sides, one for each slot.</summary>
/// <param name="Baseline">The slots without the change.</param>
/// <param name="Candidate">The slots with it.</param>
/// <param name="Pairs">The number of counted pairs.</param>
internal sealed record SlotRuns(IReadOnlyList<MeasuredRun> Baseline, IReadOnlyList<MeasuredRun> Candidate, int Pairs)
{
    /// <summary>Cuts loads into runs.</summary>
    /// <param name="loads">The loads.</param>
    /// <param name="countsFrom">The number of the first counted pair: the pairs before it had slots that were too short.</param>
    /// <param name="shape">How the workload reports.</param>
    /// <param name="guard">How much of each slot's beginning is not used.</param>
    /// <param name="zero">The host's monotonic time when the first load began, and the time of day then.</param>
    public static SlotRuns Of(
        IReadOnlyList<SlottedLoad> loads, int countsFrom, StreamShape shape, TimeSpan guard, (double Seconds, DateTimeOffset At) zero)
    {
        var runs = new List<(bool IsCandidate, MeasuredRun Run)>();
        var number = 0;
        var counted = 0;
        for (var i = 0; i < loads.Count; i++)
        {
            var load = loads[i];
            foreach (var pair in load.Slots.GroupBy(slot => slot.Pair))
            {
                var counts = pair.Key >= countsFrom;
                var made = pair.Select(slot => (slot.IsCandidate, Run: RunOf(load, i + 1, slot, shape, guard, zero))).ToList();
                // If one slot of a pair is missing, the whole pair is left out, never one side of it.
                var isWhole = made.Count == 2 && made.TrueForAll(slot => slot.Run.Values.ContainsKey(shape.Primary.Name));
                counted += isWhole && counts ? 1 : 0;
                runs.AddRange(made.Select(slot => (slot.IsCandidate, slot.Run with { Number = ++number, IsScreened = !(isWhole && counts) })));
            }
        }

        return new(
            [.. runs.Where(run => !run.IsCandidate).Select(run => run.Run)], [.. runs.Where(run => run.IsCandidate).Select(run => run.Run)], counted);
    }

    private static MeasuredRun RunOf(
        SlottedLoad load, int number, SlotSpan slot, StreamShape shape, TimeSpan guard, (double Seconds, DateTimeOffset At) zero)
    {
        var used = load.Of(slot, guard.TotalSeconds);
        var hasAll = load.Sources > 0 && used.Where(sample => sample.HasRates).Select(sample => sample.Source).Distinct().Count() == load.Sources;
        var after = TimeSpan.FromSeconds(slot.Start - zero.Seconds);
        return new MeasuredRun
        {
            Number = 0,
            StartedAt = zero.At + after,
            Duration = TimeSpan.FromSeconds(slot.End - slot.Start),
            Values = hasAll ? shape.Summarize(SlotMeans.Of(used)) : new Dictionary<string, double>(StringComparer.Ordinal),
            Slot = new MeasuredSlot
            {
                Pair = slot.Pair,
                Load = number,
                StartsAfterSeconds = after.TotalSeconds,
                GuardSeconds = guard.TotalSeconds,
                SwitchTimeSeconds = slot.WasSwitched ? slot.Start - slot.SwitchStart : null,
                Samples =
                [
                    .. load.Samples.Where(sample => sample.HasRates && sample.EndSeconds > slot.SwitchStart && sample.StartSeconds < slot.End)
                        .Select(sample => new SlotSample(
                            Math.Round(sample.StartSeconds - slot.Start, 4),
                            Math.Round(sample.EndSeconds - slot.Start, 4),
                            Math.Round(sample.Rates.GetValueOrDefault(shape.Primary.Name) * load.Sources, 9),
                            used.Contains(sample))),
                ],
            },
        };
    }

    /// <summary>How many pairs were left out, as a sentence; null for none.</summary>
    public string? Note()
    {
        var left = Baseline.Concat(Candidate).Where(run => run.IsScreened).Select(run => run.Slot!.Pair).Distinct().Count();
        return left == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{left} pairs of slots are kept and not counted: one of their slots had no complete sample, or was too short for the load to settle.");
    }
}
