// Recorded loads without a change, cut into slots at random: every claim is false, and one in twenty is allowed.
using System.Text.Json;
using KvmTune.Experiments.Switchback;
using KvmTune.Measurement;
using KvmTune.Measurement.Streams;
using KvmTune.Statistics;
using Xunit;

namespace KvmTune.Tests.Experiments.Switchback;

public sealed class SlotsOnSeriesTests
{
    private const string Metric = "Rate";

    private static readonly StreamShape Shape = new()
    {
        Interval = TimeSpan.FromSeconds(1),
        Clock = StreamClock.Host,
        Metrics = [new(Metric, "1/s", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true)],
        Summarize = means => means.Rates,
    };

    [Theory]
    [InlineData("cpu-noisy")]
    [InlineData("cpu-quiet")]
    [InlineData("random-write-noisy")]
    public void Slots_of_an_unchanged_load_differ_in_at_most_one_of_twenty_experiments(string name)
    {
        var values = Series(name);
        const int times = 200;
        var found = 0;
        for (var seed = 0; seed < times; seed++)
        {
            var (baseline, candidate) = Pairs(values, seed, 1);
            found += SwapTest.PValue(baseline, candidate) <= 0.05 ? 1 : 0;
        }

        // 5 % and three standard errors of 200 experiments.
        Assert.InRange(found / (double)times, 0, 0.096);
    }

    [Fact]
    public void A_fifth_is_found_on_a_quiet_host_in_every_experiment()
    {
        var values = Series("cpu-quiet");
        for (var seed = 0; seed < 50; seed++)
        {
            var (baseline, candidate) = Pairs(values, seed, 1.2);
            Assert.InRange(Math.Exp(Estimators.HodgesLehmannShift(baseline, candidate)), 1.1, 1.3);
            Assert.True(SwapTest.PValue(baseline, candidate) <= 0.008);
        }
    }

    // Slots of two values, the first of which is guard, over as many pairs as the series has.
    private static (double[] Baseline, double[] Candidate) Pairs(double[] values, int seed, double factor)
    {
        using var coin = SlotPlan.Coin(seed).GetEnumerator();
        var start = new Random(seed).Next(values.Length);
        var slots = new List<SlotSpan>();
        var samples = new List<StreamSample>();
        for (var pair = 0; pair < values.Length / 4; pair++)
        {
            coin.MoveNext();
            foreach (var side in (bool[])[coin.Current, !coin.Current])
            {
                var at = 2.0 * slots.Count;
                slots.Add(new(pair + 1, side, at, at, at + 2, WasSwitched: true));
                for (var k = 0; k < 2; k++)
                {
                    var value = values[(start + samples.Count) % values.Length] * (side ? factor : 1);
                    samples.Add(new(at + k, at + k + 1, new Dictionary<string, double>(StringComparer.Ordinal) { [Metric] = value }));
                }
            }
        }

        var runs = SlotRuns.Of([new SlottedLoad(slots, samples, 0)], 1, Shape, TimeSpan.FromSeconds(1), (0, DateTimeOffset.UnixEpoch));
        Assert.Equal(slots.Count / 2, runs.Pairs);
        return ([.. runs.Baseline.Select(run => Math.Log(run.Values[Metric]))], [.. runs.Candidate.Select(run => Math.Log(run.Values[Metric]))]);
    }

    private static double[] Series(string name)
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "KvmTune.slnx")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "bench", "data", "within-run", name + ".json")));
        return [.. document.RootElement.GetProperty("values").EnumerateArray().Select(value => value.GetDouble()).Where(value => value > 0)];
    }
}
