// The sentences about an experiment that switched inside one load, besides its verdict.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Measurement.Streams;
using KvmTune.Statistics;

namespace KvmTune.Experiments.Switchback;

/// <summary>Writes the sentences.</summary>
internal static class SwitchbackWords
{
    // If more than this share of the slots is below the idle rate, the load is too idle to judge.
    private const double MostIdleSlots = 0.1;

    // The size of the change in the sentence about the needed time.
    private const double WantedPercent = 10;

    /// <summary>What the experiment can show, before anything is measured.</summary>
    public const string Reach = "measures while it runs how much the load varies, and says how much time it needs where the time is too short";

    /// <summary>How the side was switched.</summary>
    public static string Of(SwitchingSummary switching) => string.Create(
        CultureInfo.InvariantCulture,
        $"Slots of {switching.SlotSeconds:0.##} s, of which the first {switching.GuardSeconds:0.##} s are not used; {switching.SwitchCount} switches took {1000 * switching.MedianSwitchTimeSeconds:0.0} ms each (at most {1000 * switching.LongestSwitchTimeSeconds:0} ms){(switching.ClockErrorSeconds > 0 ? string.Create(CultureInfo.InvariantCulture, $"; the guest's clock is known to {1000 * switching.ClockErrorSeconds:0} ms") : null)}.");

    /// <summary>For a load that does not settle after a switch.</summary>
    public static string NotSettled(string workload, TimeSpan slot) => string.Create(
        CultureInfo.InvariantCulture,
        $"{workload} had not settled {slot.TotalSeconds / 2:0.#} s after a switch, so the two sides cannot be compared inside one load. Try the change with pairs of runs (-Design Pairs).");

    /// <summary>For a load that reports too seldom even for the longest slots.</summary>
    /// <param name="workload">Its name.</param>
    /// <param name="slot">The length of a slot.</param>
    /// <param name="guard">How much of a slot's beginning is not used.</param>
    /// <param name="whole">The number of pairs with a whole report in both slots.</param>
    /// <param name="pairs">The number of all pairs.</param>
    public static string TooSeldom(string workload, TimeSpan slot, TimeSpan guard, int whole, int pairs) => string.Create(
        CultureInfo.InvariantCulture,
        $"{workload} reports too seldom: only {whole} of {pairs} pairs of slots of {slot.TotalSeconds:0.#} s have a whole report of it in both{(guard > TimeSpan.Zero ? string.Create(CultureInfo.InvariantCulture, $" after the first {guard.TotalSeconds:0.#} s, which still show the side before") : null)}, so the two sides cannot be compared inside one load. The guest or its host may be too busy. Try the change with pairs of runs (-Design Pairs).");

    /// <summary>Why a guest's own load is too idle to judge, and what to do; null if it is not.</summary>
    public static string? WhyTooIdle(IReadOnlyList<MeasuredRun> runs, StreamShape shape, TimeSpan slot)
    {
        var rates = runs.Where(run => run.Values.ContainsKey(shape.Primary.Name)).Select(run => run.Values[shape.Primary.Name]).ToList();
        if (shape.IdleBelow <= 0 || rates.Count == 0)
        {
            return null;
        }

        var idle = rates.Count(rate => rate < shape.IdleBelow);
        return idle <= MostIdleSlots * rates.Count
            ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"the guest is too idle. In {idle} of {rates.Count} slots of {slot.TotalSeconds:0.#} s it made less than {shape.IdleBelow:0.#####} {shape.Primary.Unit} (median {Estimators.Median(rates):0.#####}). Try it while the guest is busy, or with a generated load, for example -Workload RandomRead or Cpu.");
    }

    /// <summary>How much time it would take to find 10 %; null if there are too few pairs to tell.</summary>
    public static string? WhatItTakes(VMComparison comparison, SwitchingSummary switching, int seed)
    {
        var metric = comparison.PrimaryMetric.Metric.Name;
        var pairs = comparison.Baseline.CountedRuns.Zip(comparison.Candidate.CountedRuns)
            .Where(pair => pair.First.Slot?.Pair == pair.Second.Slot?.Pair)
            .Select(pair => (A: pair.First.Values.GetValueOrDefault(metric), B: pair.Second.Values.GetValueOrDefault(metric)))
            .Where(pair => pair is { A: > 0, B: > 0 })
            .Select(pair => Math.Log(pair.B / pair.A))
            .ToList();
        if (pairs.Count < LookPlan.FewestPairs)
        {
            return null;
        }

        TimeSpan LoadOf(int count) => TimeSpan.FromSeconds(switching.SlotSeconds * 2 * count);

        return Outlook.PairsToFind(pairs, Math.Log(1 + (WantedPercent / 100)), seed) is { } needed
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"With a load that varies this much, a change of {WantedPercent:0} % takes about {needed} pairs of slots to show, which is {Words(LoadOf(needed))} of load: -TimeLimit {Limit(LoadOf(needed))}.")
            : string.Create(CultureInfo.InvariantCulture, $"With a load that varies this much, a change of {WantedPercent:0} % cannot be shown in an hour. Try it at another time of day, or with a generated load.");
    }

    private static string Words(TimeSpan span) => span.TotalMinutes >= 2
        ? string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(span.TotalMinutes):0} minutes")
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(span.TotalSeconds):0} s");

    // A quarter more, for the time besides the load.
    private static string Limit(TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling((span * 1.25).TotalMinutes):0}m");
}
