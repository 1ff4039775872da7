// Which runs the host disturbed so much that their pair is repeated. Never judged by the vCPUs' delay: that is what pinning changes.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Measurement.Sampling;

namespace KvmTune.Statistics;

/// <summary>
/// The screening of runs. A disturbed run's pair is repeated whole, and the runs of the first try are kept with
/// <see cref="MeasuredRun.IsScreened"/> set: repeating one side alone would favour it.
/// </summary>
public static class ScreeningRule
{
    /// <summary>How much busier than the session's lower quartile the host may be outside the guest, in processors.</summary>
    public const double BusyMarginCores = 0.25;

    /// <summary>How much longer than the session's median the canary may take.</summary>
    public const double CanaryRatio = 1.25;

    /// <summary>The fewest runs whose counters tell what is usual.</summary>
    public const int FewestRuns = 4;

    private const string BusyCounter = "HostBusyOutsideGuestCores";

    // The p-value below which a counter is suspected of moving with the side.
    private const double SuspicionLevel = 0.1;

    /// <summary>At most so many pairs are repeated in a comparison of so many: half as many again.</summary>
    public static int MostRepeats(int pairs) => pairs / 2;

    /// <summary>The counters that runs are screened by.</summary>
    public static IReadOnlyList<string> Counters { get; } = [BusyCounter, HostCanary.Counter];

    /// <summary>
    /// Whether a counter moved with the side: then the change itself moves it, and screening by it would take the pairs away in which that
    /// shows most. Screening that stops for nothing costs no more than a few noisy pairs, so it stops at a small suspicion.
    /// </summary>
    /// <param name="counter">One of <see cref="Counters"/>.</param>
    /// <param name="runs">The runs of both sides so far, with their side: those that were set aside too, but no warm-up and no failed ones.</param>
    public static bool MovedWithSide(string counter, IEnumerable<(MeasuredRun Run, bool IsCandidate)> runs)
    {
        var sides = Sides(counter, runs);
        return sides[false].Count >= FewestRuns && sides[true].Count >= FewestRuns && RankSumTest.PValue(sides[false], sides[true]) <= SuspicionLevel;
    }

    /// <summary>That screening by a counter was stopped, as a sentence with the counter of both sides.</summary>
    public static string WhyStopped(string counter, IEnumerable<(MeasuredRun Run, bool IsCandidate)> runs)
    {
        var sides = Sides(counter, runs);
        var (without, with) = (Estimators.Median(sides[false]), Estimators.Median(sides[true]));
        var what = string.Equals(counter, BusyCounter, StringComparison.Ordinal)
            ? string.Create(CultureInfo.InvariantCulture, $"how busy the host was outside the guest ({without:0.00} cores without the change, {with:0.00} with it)")
            : string.Create(CultureInfo.InvariantCulture, $"how slow the host was (the canary took {without / 1e6:0} ms without the change, {with / 1e6:0} ms with it)");
        return $"No pair was made again for {what}: it moved with the change. Pairs that had been made again for it count.";
    }

    /// <summary>The counter that tells why a run counts as disturbed, and the reason in words; null where it does not, or where the host keeps no counters to tell.</summary>
    /// <param name="run">The run.</param>
    /// <param name="session">All runs of both sides so far, this one among them: warm-up and screened ones too.</param>
    /// <param name="stopped">Counters that do not count any more.</param>
    public static (string Counter, string Reason)? WhyDisturbed(
        MeasuredRun run, IEnumerable<MeasuredRun> session, IReadOnlyCollection<string>? stopped = null)
    {
        ArgumentNullException.ThrowIfNull(run);
        var runs = session.ToList();
        if (Counts(BusyCounter) && run.Counters.TryGetValue(BusyCounter, out var busy)
            && Usual(runs, BusyCounter, 0.25) is { } quiet
            && busy > quiet + BusyMarginCores)
        {
            return (BusyCounter, string.Create(CultureInfo.InvariantCulture, $"the host was busy outside the guest ({busy:0.00} cores; usually {quiet:0.00})"));
        }

        return Counts(HostCanary.Counter) && run.Counters.TryGetValue(HostCanary.Counter, out var canary)
            && Usual(runs, HostCanary.Counter, 0.5) is { } middle
            && canary > middle * CanaryRatio
            ? (HostCanary.Counter, string.Create(CultureInfo.InvariantCulture, $"the host was slow (the canary took {canary / 1e6:0} ms; usually {middle / 1e6:0} ms)"))
            : null;

        bool Counts(string counter) => stopped?.Contains(counter, StringComparer.Ordinal) is not true;
    }

    private static Dictionary<bool, List<double>> Sides(string counter, IEnumerable<(MeasuredRun Run, bool IsCandidate)> runs)
    {
        var sides = new Dictionary<bool, List<double>> { [false] = [], [true] = [] };
        foreach (var (run, isCandidate) in runs)
        {
            if (run is { IsWarmup: false, Failure: null } && run.Counters.TryGetValue(counter, out var value) && double.IsFinite(value))
            {
                sides[isCandidate].Add(value);
            }
        }

        return sides;
    }

    // The quantile by linear interpolation between the ordered values (type 7 of Hyndman and Fan, Am. Stat. 50 (1996) 361-365).
    private static double? Usual(List<MeasuredRun> runs, string counter, double share)
    {
        var values = runs.Where(run => run.Counters.ContainsKey(counter)).Select(run => run.Counters[counter]).Order().ToList();
        if (values.Count < FewestRuns)
        {
            return null;
        }

        var at = share * (values.Count - 1);
        var low = (int)at;
        return low + 1 == values.Count ? values[low] : values[low] + ((at - low) * (values[low + 1] - values[low]));
    }
}
