// The metrics of a slot, for each workload that reports while it runs.
namespace KvmTune.Measurement.Streams;

/// <summary>The shapes of streams, by workload.</summary>
internal static class StreamMetrics
{
    /// <summary>The rate of Observe for the time that vCPUs waited, in ns a second.</summary>
    public const string DelayRate = "DelayNanoseconds";

    /// <summary>The rate of Observe for the time that requests took, in ns a second.</summary>
    public const string RequestTimeRate = "RequestNanoseconds";

    private static readonly TimeSpan Tenth = TimeSpan.FromMilliseconds(100);

    // Below these rates the guest is too idle to judge: a few requests a second, a fiftieth of a core, ten kilobits a second.
    private const double IdleRequests = 5;
    private const double IdleCores = 0.02;
    private const double IdleGigabits = 1e-5;

    private static readonly MetricDefinition P99 = new("LatencyP99", "ns", MetricDirection.LowerIsBetter, MetricKind.LatencyPercentile);
    private static readonly MetricDefinition Mean = new("LatencyMean", "ns", MetricDirection.LowerIsBetter, MetricKind.MeanLatency);

    /// <summary>A disk workload: rates five times a second, and the histograms when it ends.</summary>
    /// <param name="primary">The rate.</param>
    /// <param name="isSync">Whether each write is followed by an fsync. The histogram lacks the time of the fsync, so it is not used then.</param>
    public static StreamShape OfFio(MetricDefinition primary, bool isSync) => new()
    {
        Interval = Workloads.FioJob.StatusInterval,
        Clock = StreamClock.GuestUptime,
        // A slot has too few reports to tell their spread, so the variation is not a metric here.
        Metrics = [primary, .. isSync ? (MetricDefinition[])[] : [Mean, P99]],
        KnownAtTheEnd = [Mean.Name, P99.Name],
        Summarize = means =>
        {
            var values = OfRates(means, primary.Name);
            if (!isSync)
            {
                AddFinite(values, Mean.Name, means.MeanNanoseconds());
                AddFinite(values, P99.Name, means.PercentileNanoseconds(0.99));
            }

            return values;
        },
    };

    /// <summary>The processor workload run by its script.</summary>
    public static StreamShape OfCpuScript(MetricDefinition primary) => new()
    {
        Interval = Tenth,
        Clock = StreamClock.GuestUptime,
        Metrics = [primary, P99],
        Summarize = means =>
        {
            var values = OfRates(means, primary.Name);
            AddFinite(values, P99.Name, means.PercentileNanoseconds(0.99));
            return values;
        },
    };

    /// <summary>One of sysbench's own tests, once a second.</summary>
    public static StreamShape OfSysbench(MetricDefinition primary) => OfLines([primary], TimeSpan.FromSeconds(1));

    /// <summary>iperf3, ten times a second.</summary>
    public static StreamShape OfIperf(IReadOnlyList<MetricDefinition> metrics) => OfLines(metrics, Tenth);

    /// <summary>A user's own program that writes a line for each sample; null if its metrics are in a report at its end.</summary>
    public static StreamShape? OfCommand(CommandSettings settings) =>
        settings.Metrics.All(metric => metric.Pattern is not null)
            ? OfLines([.. settings.Metrics.Select(metric => metric.Definition)], TimeSpan.FromSeconds(1)) with { NeedsTrial = true }
            : null;

    /// <summary>The guest's own load from the host's counters, five times a second.</summary>
    public static StreamShape OfObserve(ObservedArea area, IReadOnlyList<MetricDefinition> metrics)
    {
        var primary = metrics.Single(metric => metric.IsPrimary).Name;
        return new()
        {
            Interval = TimeSpan.FromMilliseconds(200),
            Clock = StreamClock.Host,
            Metrics = [.. metrics.Where(metric => metric.Name != "RateVariation")],
            IdleBelow = area switch { ObservedArea.Disk => IdleRequests, ObservedArea.Network => IdleGigabits, _ => IdleCores },
            Summarize = means =>
            {
                var values = OfRates(means, primary);
                var rate = values.GetValueOrDefault(primary);
                switch (area)
                {
                    case ObservedArea.Disk:
                        AddFinite(values, Mean.Name, means.Rates.GetValueOrDefault(RequestTimeRate) / rate);
                        break;
                    case ObservedArea.Network:
                        AddFinite(values, "DropsPerSecond", means.Rates.GetValueOrDefault("DropsPerSecond"));
                        break;
                    default:
                        if (means.Rates.TryGetValue(DelayRate, out var delay))
                        {
                            AddFinite(values, "DelaySharePercent", 100 * delay / (delay + (rate * 1e9)));
                        }

                        break;
                }

                return values;
            },
        };
    }

    private static StreamShape OfLines(IReadOnlyList<MetricDefinition> metrics, TimeSpan interval) => new()
    {
        Interval = interval,
        Clock = StreamClock.GuestUptime,
        Metrics = metrics,
        Summarize = means => metrics
            .Where(metric => means.Rates.TryGetValue(metric.Name, out var value) && double.IsFinite(value))
            .ToDictionary(metric => metric.Name, metric => means.Rates[metric.Name], StringComparer.Ordinal),
    };

    private static Dictionary<string, double> OfRates(SlotMeans means, string primary)
    {
        var values = new Dictionary<string, double>(StringComparer.Ordinal);
        if (means.Rates.TryGetValue(primary, out var rate))
        {
            AddFinite(values, primary, rate);
        }

        return values;
    }

    private static void AddFinite(Dictionary<string, double> values, string name, double value)
    {
        if (double.IsFinite(value))
        {
            values[name] = value;
        }
    }
}
