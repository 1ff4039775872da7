// Decides which pairs of runs the host disturbed so much that they are repeated. The vCPUs' delay is never used, since pinning changes it.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Measurement.Sampling;

namespace KvmTune.Statistics;

/// <summary>
/// The screening of pairs. A disturbed pair is repeated as a whole, because repeating one side alone would favour it. The runs of the first try
/// are kept with <see cref="MeasuredRun.IsScreened"/> set. A pair is judged by the mean of its counters, never by one of its runs. So the sides
/// play no part if the change moves no counter, and a change that moves a counter moves it equally in all pairs.
/// </summary>
public static class ScreeningRule
{
    /// <summary>How much processor time others may use above the lower quartile of the session's pairs, in processors.</summary>
    public const double BusyMarginCores = 0.25;

    /// <summary>The canary may take this many times the median of the session's pairs.</summary>
    public const double CanaryRatio = 1.25;

    /// <summary>With fewer pairs than this, the usual value of a counter is unknown.</summary>
    public const int FewestPairs = 3;

    private const string BusyCounter = "HostBusyOutsideGuestCores";

    // The p-value below which a counter differs between the sides.
    private const double MovedLevel = 0.01;

    /// <summary>The largest number of repeated pairs in a comparison of this many: half as many again.</summary>
    public static int MostRepeats(int pairs) => pairs / 2;

    /// <summary>The counters for screening.</summary>
    public static IReadOnlyList<string> Counters { get; } = [BusyCounter, HostCanary.Counter];

    /// <summary>
    /// Whether a counter differs between the sides. Then the change itself moves it, and no later pair is screened by it. Pairs that were already
    /// screened stay screened: the sides' counters also differ by luck, and counting such pairs again after a difference makes 7.5 % of
    /// experiments claim a false difference.
    /// </summary>
    /// <param name="counter">One of <see cref="Counters"/>.</param>
    /// <param name="runs">The runs of both sides so far, with their side: screened ones too, but no warm-up and no failed runs.</param>
    public static bool MovedWithSide(string counter, IEnumerable<(MeasuredRun Run, bool IsCandidate)> runs)
    {
        var sides = Sides(counter, runs);
        return sides.Values.All(side => side.Count > 0) && RankSumTest.PValue(sides[false], sides[true]) <= MovedLevel;
    }

    /// <summary>A sentence that screening by a counter was stopped, with the counter of both sides.</summary>
    public static string WhyStopped(string counter, IEnumerable<(MeasuredRun Run, bool IsCandidate)> runs)
    {
        var sides = Sides(counter, runs);
        var (without, with) = (Estimators.Median(sides[false]), Estimators.Median(sides[true]));
        var what = string.Equals(counter, BusyCounter, StringComparison.Ordinal)
            ? string.Create(CultureInfo.InvariantCulture, $"how busy the host was outside the guest ({without:0.00} cores without the change, {with:0.00} with it)")
            : string.Create(CultureInfo.InvariantCulture, $"how slow the host was (the canary took {without / 1e6:0} ms without the change, {with / 1e6:0} ms with it)");
        return $"From then on no pair was repeated for {what}: the change itself moves it.";
    }

    /// <summary>Why a pair counts as disturbed, in words; null if it does not, or the host does not keep the counters.</summary>
    /// <param name="pair">The runs of the pair, both sides.</param>
    /// <param name="session">The runs of each pair so far, with this one and the screened ones.</param>
    /// <param name="stopped">Counters that are no longer used.</param>
    public static string? WhyDisturbed(
        IReadOnlyCollection<MeasuredRun> pair, IReadOnlyCollection<IReadOnlyCollection<MeasuredRun>> session, IReadOnlyCollection<string>? stopped = null)
    {
        if (Counts(BusyCounter) && Mean(pair, BusyCounter) is { } busy && Usual(session, BusyCounter, 0.25) is { } quiet && busy > quiet + BusyMarginCores)
        {
            return string.Create(CultureInfo.InvariantCulture, $"the host was busy outside the guest ({busy:0.00} cores; usually {quiet:0.00})");
        }

        return Counts(HostCanary.Counter) && Mean(pair, HostCanary.Counter) is { } canary && Usual(session, HostCanary.Counter, 0.5) is { } middle && canary > middle * CanaryRatio
            ? string.Create(CultureInfo.InvariantCulture, $"the host was slow (the canary took {canary / 1e6:0} ms; usually {middle / 1e6:0} ms)")
            : null;

        bool Counts(string counter) => stopped?.Contains(counter, StringComparer.Ordinal) is not true;
    }

    // The mean over the counted runs; null if one of them lacks the counter.
    private static double? Mean(IReadOnlyCollection<MeasuredRun> pair, string counter)
    {
        var runs = pair.Where(run => run is { IsWarmup: false, Failure: null }).ToList();
        return runs.Count > 0 && runs.TrueForAll(run => run.Counters.TryGetValue(counter, out var value) && double.IsFinite(value))
            ? runs.Average(run => run.Counters[counter])
            : null;
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
    private static double? Usual(IEnumerable<IReadOnlyCollection<MeasuredRun>> session, string counter, double share)
    {
        var values = session.Select(pair => Mean(pair, counter)).OfType<double>().Order().ToList();
        if (values.Count < FewestPairs)
        {
            return null;
        }

        var at = share * (values.Count - 1);
        var low = (int)at;
        return low + 1 == values.Count ? values[low] : values[low] + ((at - low) * (values[low + 1] - values[low]));
    }
}
