// What an experiment that switched inside one load has to tell beside its verdict.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Measurement.Streams;
using KvmTune.Statistics;

namespace KvmTune.Experiments.Switchback;

/// <summary>Sentences.</summary>
internal static class SwitchbackWords
{
    // A share of slots below the idle rate above which there is nothing to judge.
    private const double MostIdleSlots = 0.1;

    // What "it would take" is asked for.
    private const double WantedPercent = 10;

    /// <summary>What it can show, before anything was measured.</summary>
    public const string Reach = "finds out while it runs how jumpy the load is, and says how long it would take where the time is too short for that";

    /// <summary>How it was switched.</summary>
    public static string Of(SwitchingSummary switching) => string.Create(
        CultureInfo.InvariantCulture,
        $"Slots of {switching.Slot.TotalSeconds:0.##} s, of which the first {switching.Guard.TotalSeconds:0.##} s are not used; {switching.SwitchCount} switches took {switching.MedianSwitchTime.TotalMilliseconds:0.0} ms each (at most {switching.LongestSwitchTime.TotalMilliseconds:0} ms){(switching.ClockError > TimeSpan.Zero ? string.Create(CultureInfo.InvariantCulture, $"; the guest's clock is known to {switching.ClockError.TotalMilliseconds:0} ms") : null)}.");

    /// <summary>Said where the load never gets over a switch.</summary>
    public static string NotSettled(string workload, TimeSpan slot) => string.Create(
        CultureInfo.InvariantCulture,
        $"{workload} had not got over a switch {slot.TotalSeconds / 2:0.#} s after it, so one load cannot show the two sides apart. Try the change with pairs of runs (-Design Pairs).");

    /// <summary>Why a guest's own load is too idle to judge, with what it would take; null where it is not.</summary>
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
                $"the guest is too idle. In {idle} of {rates.Count} slots of {slot.TotalSeconds:0.#} s it made less than {shape.IdleBelow:0.#####} {shape.Primary.Unit} (median {Estimators.Median(rates):0.#####}). Try it while the guest works, or with a load that is made, for example -Workload RandomRead or Cpu.");
    }

    /// <summary>What it would take to find 10 %; null where there are too few pairs to tell.</summary>
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

        return Outlook.PairsToFind(pairs, Math.Log(1 + (WantedPercent / 100)), seed) is { } needed
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"With a load as jumpy as this, a change of {WantedPercent:0} % takes about {needed} pairs of slots to show, which is {Words(switching.Slot * (2 * needed))} of load: -TimeLimit {Limit(switching.Slot * (2 * needed))}.")
            : string.Create(CultureInfo.InvariantCulture, $"With a load as jumpy as this, a change of {WantedPercent:0} % cannot be shown in an hour. Try it at another time of day, or with a load that is made.");
    }

    private static string Words(TimeSpan span) => span.TotalMinutes >= 2
        ? string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(span.TotalMinutes):0} minutes")
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(span.TotalSeconds):0} s");

    // A quarter more for what is not load.
    private static string Limit(TimeSpan span) => string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling((span * 1.25).TotalMinutes):0}m");
}
