// The screening of runs: the criteria for disturbed runs, and that screened pairs are kept but not compared.
using KvmTune.Measurement;
using KvmTune.Measurement.Sampling;
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class ScreeningTests
{
    [Fact]
    public void A_busy_host_and_a_slow_canary_disturb_a_pair()
    {
        var quiet = Enumerable.Range(0, 7).Select(_ => Pair(Run(0.5, 36e6))).ToList();
        var (busy, slow) = (Pair(Run(0.76, 36e6)), Pair(Run(0.5, 46e6)));
        List<MeasuredRun[]> session = [.. quiet, busy, slow];

        Assert.Contains("busy outside the guest (0.76 cores; usually 0.50)", ScreeningRule.WhyDisturbed(busy, session)!, StringComparison.Ordinal);
        Assert.Contains("canary took 46 ms; usually 36 ms", ScreeningRule.WhyDisturbed(slow, session)!, StringComparison.Ordinal);
        Assert.Null(ScreeningRule.WhyDisturbed(busy, session, [ScreeningRule.Counters[0]]));
        Assert.All(quiet, pair => Assert.Null(ScreeningRule.WhyDisturbed(pair, session)));
        Assert.Null(ScreeningRule.WhyDisturbed(Pair(Run(0.74, 44e6)), session));
    }

    // Its runs with the change are always busier by a core: the change itself moves the counter, in every pair.
    [Fact]
    public void A_counter_that_the_change_moves_disturbs_no_pair_by_that_and_the_sides_count_alike()
    {
        var session = Enumerable.Range(0, 7).Select(_ => new[] { Run(0.5, 36e6), Run(1.5, 36e6) }).ToList();
        MeasuredRun[] without = [Run(1.2, 36e6), Run(1.5, 36e6)], with = [Run(0.5, 36e6), Run(2.2, 36e6)];

        Assert.All(session, pair => Assert.Null(ScreeningRule.WhyDisturbed(pair, session)));
        Assert.Equal(ScreeningRule.WhyDisturbed(without, [.. session, without]), ScreeningRule.WhyDisturbed(with, [.. session, with]));
        Assert.NotNull(ScreeningRule.WhyDisturbed(without, [.. session, without]));
    }

    [Fact]
    public void A_host_that_is_always_busy_disturbs_no_pair()
        => Assert.All(Enumerable.Repeat(Pair(Run(1.9, 70e6)), 8), pair => Assert.Null(ScreeningRule.WhyDisturbed(pair, [.. Enumerable.Repeat(pair, 8)])));

    [Fact]
    public void Without_counters_or_with_too_few_pairs_nothing_is_screened_and_the_vCPUs_delay_never_is_a_reason()
    {
        var delayed = Run(0.1, 36e6);
        delayed = delayed with { Counters = new Dictionary<string, double>(delayed.Counters, StringComparer.Ordinal) { ["VcpuDelayNanoseconds"] = 9e9 } };
        Assert.Null(ScreeningRule.WhyDisturbed(Pair(delayed), [.. Enumerable.Repeat(Pair(Run(0.1, 36e6)), 7), Pair(delayed)]));
        Assert.Null(ScreeningRule.WhyDisturbed(Pair(Run(9, 900e6)), [Pair(Run(0, 36e6)), Pair(Run(9, 900e6))]));
        var bare = Pair(new MeasuredRun { Number = 1, StartedAt = default, Duration = default });
        Assert.Null(ScreeningRule.WhyDisturbed(bare, [.. Enumerable.Repeat(bare, 8)]));
        Assert.Null(ScreeningRule.WhyDisturbed([], [.. Enumerable.Repeat(Pair(Run(0.1, 36e6)), 8)]));
        Assert.Equal(4, ScreeningRule.MostRepeats(8));
    }

    [Fact]
    public void A_counter_that_moves_with_the_side_is_seen_and_one_that_does_not_is_not()
    {
        List<(MeasuredRun, bool)> moved = [.. Enumerable.Range(0, 16).Select(i => (Run(i % 2 == 0 ? 0.1 + (0.01 * i) : 0.5 + (0.01 * i), 36e6 + i), i % 2 == 1))];

        Assert.True(ScreeningRule.MovedWithSide(ScreeningRule.Counters[0], moved));
        Assert.False(ScreeningRule.MovedWithSide(HostCanary.Counter, moved));
        Assert.False(ScreeningRule.MovedWithSide(ScreeningRule.Counters[0], moved.Take(8)));
        Assert.StartsWith(
            "From then on no pair was repeated for how busy the host was outside the guest (0.17 cores without the change, 0.58 with it): the change itself moves it.",
            ScreeningRule.WhyStopped(ScreeningRule.Counters[0], moved), StringComparison.Ordinal);
    }

    [Fact]
    public void A_screened_pair_is_kept_and_left_out_of_the_comparison_on_both_sides()
    {
        var baseline = Screen(Performances.Of(100, 101, 1, 102, 103, 104, 105, 106, 107), 3);
        var candidate = Screen(Performances.Of(200, 201, 999, 202, 203, 204, 205, 206, 207), 3);

        var comparison = VMComparer.Compare(baseline, candidate, new() { Design = ComparisonDesign.Pairs });

        Assert.Equal(8, comparison.PrimaryMetric.BaselineCount);
        Assert.Equal(8, comparison.PrimaryMetric.CandidateCount);
        Assert.Equal(Verdict.Improved, comparison.Verdict);
        Assert.Equal(10, baseline.Runs.Count);
        Assert.DoesNotContain(999, candidate.ValuesOf("Iops"));
    }

    [Fact]
    public void The_canary_takes_about_its_time_and_is_shared_between_runs()
    {
        var canary = new HostCanary(TimeProvider.System);
        var first = canary.Read().Gauges[HostCanary.Counter];

        Assert.InRange(first, 20e6, 5e9);
        Assert.Equal(first, canary.Read().Gauges[HostCanary.Counter]);
        Assert.Empty(canary.Read().Counters);
    }

    private static VMPerformance Screen(VMPerformance performance, int number) => performance with
    {
        Runs = [.. performance.Runs.Select(run => run with { IsScreened = run.Number == number })],
    };

    // Two equal runs.
    private static MeasuredRun[] Pair(MeasuredRun run) => [run, run];

    private static MeasuredRun Run(double busyCores, double canaryNanoseconds) => new()
    {
        Number = 1,
        StartedAt = default,
        Duration = TimeSpan.FromSeconds(4),
        Counters = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["HostBusyOutsideGuestCores"] = busyCores,
            [HostCanary.Counter] = canaryNanoseconds,
        },
    };
}
