// The rule on recorded runs of unchanged guests: how often it is false, and its power. The targets are those of docs/measuring.md.
using KvmTune.Bench.Verdicts;
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Statistics;

public sealed class RecordedSeriesTests
{
    private const int Experiments = 300;
    private const int Seed = 20240607;

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "aa-series");
    private static readonly ExperimentDesign Planned = ExperimentDesign.Pairs("random pairs, planned looks", LookPlan.Planned);

    [Fact]
    public void Planned_pairs_on_unchanged_guests_are_false_at_most_5_per_cent_in_all_and_6_on_the_worst()
    {
        foreach (var series in new[] { RecordedSeries.Rates(Folder), RecordedSeries.LatencyP99(Folder) })
        {
            var results = VerdictSimulation.Play(Planned, series, 1, Experiments, Seed);
            Assert.True(results.Average(result => result.Claimed) <= 0.05, string.Join("; ", results));
            Assert.True(results.Max(result => result.Claimed) <= 0.06, string.Join("; ", results));
        }
    }

    [Fact]
    public void Planned_pairs_on_the_labs_unchanged_guests_are_false_at_most_5_per_cent_in_all()
    {
        foreach (var series in new[] { RecordedSeries.LabRates(Folder), RecordedSeries.LabLatencyP99(Folder) })
        {
            var results = VerdictSimulation.Play(Planned, series, 1, Experiments, Seed);
            Assert.NotEmpty(results);
            Assert.True(results.Average(result => result.Claimed) <= 0.05, string.Join("; ", results));
        }
    }

    [Fact]
    public void Ten_pairs_find_10_per_cent_in_90_per_cent_of_CPU_experiments()
    {
        var cpu = RecordedSeries.Rates(Folder).Where(series => series.Name.StartsWith("cpu", StringComparison.Ordinal));
        foreach (var factor in new[] { 1.1, 1 / 1.1 })
        {
            var results = VerdictSimulation.Play(ExperimentDesign.Pairs("10 pairs", LookPlan.Fixed(10)), cpu, factor, Experiments, Seed);
            Assert.All(results, result => Assert.True(result.Found >= 0.9, result.ToString()));
        }
    }

    [Fact]
    public void Twenty_pairs_find_10_per_cent_in_85_per_cent_on_the_quieter_disk()
    {
        var read = RecordedSeries.Rates(Folder).Single(series => string.Equals(series.Name, "random-read", StringComparison.Ordinal));
        var result = VerdictSimulation.Play(ExperimentDesign.Pairs("20 pairs", LookPlan.Fixed(20)), read, 1.1, Experiments, Seed);
        Assert.True(result.Found >= 0.85, result.ToString());
    }

    [Fact]
    public void Ten_pairs_find_a_doubled_latency_inside_the_run_in_90_per_cent()
    {
        var results = VerdictSimulation.Play(
            ExperimentDesign.Pairs("10 pairs", LookPlan.Fixed(10)), RecordedSeries.LatencyP99(Folder), 2, Experiments, Seed);
        Assert.True(results.Average(result => result.Found) >= 0.9, string.Join("; ", results));
    }

    [Fact]
    public void A_plain_sequence_judged_naively_is_false_far_more_often_than_pairs()
    {
        var naive = ExperimentDesign.Naive("A…A B…B", new string('A', 12) + new string('B', 12));
        var sequence = VerdictSimulation.Play(naive, RecordedSeries.Rates(Folder), 1, Experiments, Seed).Average(result => result.Claimed);
        var pairs = VerdictSimulation.Play(Planned, RecordedSeries.Rates(Folder), 1, Experiments, Seed).Average(result => result.Claimed);
        Assert.True(sequence > 3 * pairs, FormattableString.Invariant($"{sequence} against {pairs}"));
    }

    [Fact]
    public void The_same_seed_gives_the_same_result()
    {
        var series = RecordedSeries.Rates(Folder)[0];
        Assert.Equal(VerdictSimulation.Play(Planned, series, 1.05, 50, 1), VerdictSimulation.Play(Planned, series, 1.05, 50, 1));
    }
}
