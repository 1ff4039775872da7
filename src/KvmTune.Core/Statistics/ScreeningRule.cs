// Which pairs of runs the host disturbed so much that they are repeated. Never judged by the vCPUs' delay, since pinning changes it.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Measurement.Sampling;

namespace KvmTune.Statistics;

/// <summary>
/// The screening of pairs. A disturbed pair is repeated whole, and the runs of the first try are kept with
/// <see cref="MeasuredRun.IsScreened"/> set: repeating one side alone would favour it. A pair is judged by the mean of its counters, never by one
/// of its runs. So which side was which plays no part where the change moves no counter, and a change that moves one moves it in all pairs alike.
/// </summary>
public static class ScreeningRule
{
    /// <summary>How much busier than in the lower quartile of the session's pairs the host may be outside the guest, in processors.</summary>
    public const double BusyMarginCores = 0.25;

    /// <summary>How much longer than in the median of the session's pairs the canary may take.</summary>
    public const double CanaryRatio = 1.25;

    /// <summary>The fewest pairs whose counters tell what is usual.</summary>
    public const int FewestPairs = 3;

    private const string BusyCounter = "HostBusyOutsideGuestCores";

    // The p-value below which a counter moved with the side.
    private const double MovedLevel = 0.01;

    /// <summary>At most so many pairs are repeated in a comparison of so many: half as many again.</summary>
    public static int MostRepeats(int pairs) => pairs / 2;

    /// <summary>The counters that runs are screened by.</summary>
    public static IReadOnlyList<string> Counters { get; } = [BusyCounter, HostCanary.Counter];

    /// <summary>
    /// Whether a counter moved with the side: then the change itself moves it, and screening by it ends. It ends for the pairs to come. Those that
    /// were set aside stay so: the sides' counters differ by luck too, and to take back what was set aside where they do makes 7.5 % of
    /// experiments claim a difference that is none.
    /// </summary>
    /// <param name="counter">One of <see cref="Counters"/>.</param>
    /// <param name="runs">The runs of both sides so far, with their side: those that were set aside too, but no warm-up and no failed ones.</param>
    public static bool MovedWithSide(string counter, IEnumerable<(MeasuredRun Run, bool IsCandidate)> runs)
    {
        var sides = Sides(counter, runs);
        return sides.Values.All(side => side.Count > 0) && RankSumTest.PValue(sides[false], sides[true]) <= MovedLevel;
    }

    /// <summary>That screening by a counter was stopped, as a sentence with the counter of both sides.</summary>
    public static string WhyStopped(string counter, IEnumerable<(MeasuredRun Run, bool IsCandidate)> runs)
    {
        var sides = Sides(counter, runs);
        var (without, with) = (Estimators.Median(sides[false]), Estimators.Median(sides[true]));
        var what = string.Equals(counter, BusyCounter, StringComparison.Ordinal)
            ? string.Create(CultureInfo.InvariantCulture, $"how busy the host was outside the guest ({without:0.00} cores without the change, {with:0.00} with it)")
            : string.Create(CultureInfo.InvariantCulture, $"how slow the host was (the canary took {without / 1e6:0} ms without the change, {with / 1e6:0} ms with it)");
        return $"From then on no pair was repeated for {what}: the change itself moves it.";
    }

    /// <summary>Why a pair counts as disturbed, in words; null where it does not, or where the host keeps no counters to tell.</summary>
    /// <param name="pair">The runs of the pair, both sides.</param>
    /// <param name="session">The runs of each pair so far, this one among them, and those that were set aside too.</param>
    /// <param name="stopped">Counters that do not count any more.</param>
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

    // Of the runs that count; null where one of them has no such counter.
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
