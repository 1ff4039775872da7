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

    /// <summary>At most so many pairs are repeated in a comparison of so many: half as many again.</summary>
    public static int MostRepeats(int pairs) => pairs / 2;

    /// <summary>Why a run counts as disturbed; null where it does not, or where the host keeps no counters to tell.</summary>
    /// <param name="run">The run.</param>
    /// <param name="session">All runs of both sides so far, this one among them: warm-up and screened ones too.</param>
    public static string? WhyDisturbed(MeasuredRun run, IEnumerable<MeasuredRun> session)
    {
        ArgumentNullException.ThrowIfNull(run);
        var runs = session.ToList();
        if (run.Counters.TryGetValue("HostBusyOutsideGuestCores", out var busy)
            && Usual(runs, "HostBusyOutsideGuestCores", 0.25) is { } quiet
            && busy > quiet + BusyMarginCores)
        {
            return string.Create(CultureInfo.InvariantCulture, $"the host was busy outside the guest ({busy:0.00} cores; usually {quiet:0.00})");
        }

        return run.Counters.TryGetValue(HostCanary.Counter, out var canary)
            && Usual(runs, HostCanary.Counter, 0.5) is { } middle
            && canary > middle * CanaryRatio
            ? string.Create(CultureInfo.InvariantCulture, $"the host was slow (the canary took {canary / 1e6:0} ms; usually {middle / 1e6:0} ms)")
            : null;
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
