// The slots of an experiment that switched inside one load, in time order, with the differences of their pairs. It is computed from the stored
// runs of a comparison, so that the picture, the report and a much later reader show the same.
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>The time line of a comparison whose side changed inside one load.</summary>
public sealed record SwitchbackTimeline
{
    /// <summary>The shown metric: the primary one of the comparison.</summary>
    public required MetricDefinition Metric { get; init; }

    /// <summary>The slots in time order.</summary>
    public required IReadOnlyList<TimelineSlot> Slots { get; init => field = Items.Of(value); }

    /// <summary>How far the candidate's slot lies above the baseline's in each counted pair, in per cent, in time order.</summary>
    public required IReadOnlyList<double> PairShiftsPercent { get; init => field = Items.Of(value); }

    /// <summary>The time line of a comparison; null if the side did not change inside one load.</summary>
    public static SwitchbackTimeline? Of(VMComparison comparison)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        var metric = comparison.PrimaryMetric.Metric;
        var slots = new[] { (IsCandidate: false, comparison.Baseline.Runs), (IsCandidate: true, comparison.Candidate.Runs) }
            .SelectMany(side => side.Runs.Where(run => run.Slot is not null).Select(run => Of(run, side.IsCandidate, metric.Name)))
            .OrderBy(slot => slot.StartSeconds)
            .ToList();
        return slots.Count == 0 ? null : new()
        {
            Metric = metric,
            Slots = slots,
            PairShiftsPercent =
            [
                .. slots.Where(slot => slot.IsCounted).GroupBy(slot => slot.Pair)
                    .Select(pair => (A: pair.FirstOrDefault(slot => !slot.IsCandidate)?.Value, B: pair.FirstOrDefault(slot => slot.IsCandidate)?.Value))
                    .Where(pair => pair is { A: > 0, B: not null })
                    .Select(pair => 100 * ((pair.B!.Value / pair.A!.Value) - 1)),
            ],
        };
    }

    /// <summary>For example <c>Iops in 24 slots</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Metric.Name} in {Slots.Count} slots");

    private static TimelineSlot Of(MeasuredRun run, bool isCandidate, string metric) => new(
        run.Slot!.Pair,
        run.Slot.Load,
        isCandidate,
        run.Slot.StartsAfterSeconds,
        run.Duration.TotalSeconds,
        run.Slot.GuardSeconds,
        run.Values.TryGetValue(metric, out var value) && double.IsFinite(value) ? value : null,
        !run.IsScreened,
        run.Slot.Samples);
}

/// <summary>One slot.</summary>
/// <param name="Pair">Its pair, from 1.</param>
/// <param name="Load">Its load, from 1.</param>
/// <param name="IsCandidate">Whether the change was in force.</param>
/// <param name="StartSeconds">When it began, in seconds after the start of the first load.</param>
/// <param name="Seconds">Its length.</param>
/// <param name="GuardSeconds">How many seconds at its beginning are not used.</param>
/// <param name="Value">The value of the metric in the rest of the slot; null if there is none.</param>
/// <param name="IsCounted">Whether its pair counts.</param>
/// <param name="Samples">The reports of the load in it.</param>
public sealed record TimelineSlot(
    int Pair, int Load, bool IsCandidate, double StartSeconds, double Seconds, double GuardSeconds, double? Value, bool IsCounted, IReadOnlyList<SlotSample> Samples)
{
    /// <summary>The reports of the load in it.</summary>
    public IReadOnlyList<SlotSample> Samples { get; init => field = Items.Of(value); } = Items.Of(Samples);

    /// <summary>For example <c>pair 3, candidate: 1200</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"pair {Pair}, {(IsCandidate ? "candidate" : "baseline")}: {Value:0.###}");
}
