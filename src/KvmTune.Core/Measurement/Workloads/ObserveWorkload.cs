// No load from KvmTune: the guest's own load, read from libvirt's counters.
using KvmTune.Measurement.Sampling;
using KvmTune.Measurement.Streams;

namespace KvmTune.Measurement.Workloads;

/// <summary>Watches the guest's own load. It runs nothing in the guest, so it needs neither agent nor SSH.</summary>
public sealed class ObserveWorkload : IWorkload
{
    private static readonly MetricDefinition RateVariation = new("RateVariation", "%", MetricDirection.LowerIsBetter, MetricKind.Variation);

    /// <inheritdoc/>
    public string Name => "Observe";

    /// <inheritdoc/>
    public string Description => "nothing is run: the guest's own load, seen from the host's counters";

    /// <inheritdoc/>
    public GuestProgram? Program => null;

    /// <inheritdoc/>
    public bool NeedsChannel => false;

    /// <inheritdoc/>
    public IReadOnlyList<MetricDefinition> MetricsFor(WorkloadRequest request) => request.Area switch
    {
        ObservedArea.Disk =>
        [
            new("Iops", "IOPS", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true),
            new("LatencyMean", "ns", MetricDirection.LowerIsBetter, MetricKind.OwnLatency),
            RateVariation,
        ],
        ObservedArea.Network =>
        [
            new("GbitPerSecond", "Gbit/s", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true),
            new("DropsPerSecond", "packets/s", MetricDirection.LowerIsBetter, MetricKind.Rate),
            RateVariation,
        ],
        _ =>
        [
            new("CpuCores", "cores", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true),
            new("DelaySharePercent", "%", MetricDirection.LowerIsBetter, MetricKind.Variation),
            RateVariation,
        ],
    };

    /// <inheritdoc/>
    public void Validate(WorkloadRequest request)
    {
        if (!Enum.IsDefined(request.Area))
        {
            throw new ArgumentException($"There is no area '{request.Area}' to observe.", nameof(request));
        }
    }

    /// <inheritdoc/>
    public TimeSpan RunLength(WorkloadRequest request) => request.RunTime;

    /// <summary>The area to watch for a change. For memory it is the processors: a guest that waits for memory computes less.</summary>
    public static ObservedArea AreaOf(Tuning.TuningArea area) => area switch
    {
        Tuning.TuningArea.Disk => ObservedArea.Disk,
        Tuning.TuningArea.Network => ObservedArea.Network,
        _ => ObservedArea.Cpu,
    };

    /// <inheritdoc/>
    public StreamShape StreamOf(WorkloadRequest request) => StreamMetrics.OfObserve(request.Area, MetricsFor(request));

    /// <inheritdoc/>
    public IWorkloadInstance Create(WorkloadContext context) => new Instance(this, context);

    private sealed class Instance(ObserveWorkload workload, WorkloadContext context) : IWorkloadInstance, IStreamingInstance
    {
        private CounterStream? _stream;

        public string? Version => null;

        public string? GuestFile => null;

        public string? DiskTarget => null;

        public IReadOnlyList<string> Notes { get; } =
            ["The guest's own load was observed: a difference between two measurements can be a difference of that load."];

        public IReadOnlyList<string> SwitchedNotes { get; } =
            ["The load is the guest's own. A coin drew the order of the sides, so where that load changes by itself, it changes for both sides alike."];

        public string? LeftInGuest => null;

        public Task PrepareAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public async Task<RunOutcome> RunAsync(CancellationToken cancellationToken)
        {
            var started = context.TimeProvider.GetTimestamp();
            var whole = await Task.Run(() => RunFrame.Open(context.Samplers, context.TimeProvider), cancellationToken);
            var rates = new List<double>();
            for (var end = TimeSpan.Zero; end < context.Request.RunTime;)
            {
                // Each second ends by the clock, so that the time for reading does not add up.
                end = TimeSpan.FromTicks(Math.Min(end.Ticks + TimeSpan.TicksPerSecond, context.Request.RunTime.Ticks));
                var second = await Task.Run(() => RunFrame.Open(context.Samplers, context.TimeProvider), cancellationToken);
                var left = end - context.TimeProvider.GetElapsedTime(started);
                await Task.Delay(left > TimeSpan.Zero ? left : TimeSpan.Zero, context.TimeProvider, cancellationToken);
                if (Rate(await Task.Run(second.Close, cancellationToken)) is { } inSecond)
                {
                    rates.Add(inSecond);
                }
            }

            var counters = await Task.Run(whole.Close, cancellationToken);
            if (Rate(counters) is not { } rate)
            {
                return RunOutcome.Failed("libvirt does not keep the counters of this area for this VM.");
            }

            if (rate <= 0)
            {
                return RunOutcome.Failed("The guest did nothing in this area during the run, so there is nothing to judge.");
            }

            var values = new Dictionary<string, double>(StringComparer.Ordinal)
            {
                [context.Request.Area switch { ObservedArea.Disk => "Iops", ObservedArea.Network => "GbitPerSecond", _ => "CpuCores" }] = rate,
            };
            PerSecond.AddVariation(values, rates);
            switch (context.Request.Area)
            {
                case ObservedArea.Disk:
                    values["LatencyMean"] = Sum(counters, "Disk.", ".ReadNanoseconds", ".WriteNanoseconds")!.Value
                        / Sum(counters, "Disk.", ".ReadRequests", ".WriteRequests")!.Value;
                    break;
                case ObservedArea.Network:
                    values["DropsPerSecond"] = (Sum(counters, "Nic.", ".ReceiveDropsPackets", ".SendDropsPackets") ?? 0) / Seconds(counters);
                    break;
                default:
                    if (!counters.TryGetValue("VcpuDelayNanoseconds", out var delay))
                    {
                        return RunOutcome.Failed("libvirt does not report how long the vCPUs waited for a host CPU.");
                    }

                    values["DelaySharePercent"] = 100 * delay / (delay + counters["GuestCpuNanoseconds"]);
                    break;
            }

            return new RunOutcome { Values = values, PerSecondRates = rates };
        }

        public Task<StreamReport> StreamAsync(TimeSpan length, CancellationToken cancellationToken)
        {
            _stream = new(context.Samplers, context.Request.Area, workload.StreamOf(context.Request).Interval, context.TimeProvider);
            return _stream.RunAsync(length, cancellationToken);
        }

        public Task<StreamReport> SoFarAsync(CancellationToken cancellationToken) => Task.FromResult(_stream!.SoFar());

        public Task EndAsync(CancellationToken cancellationToken)
        {
            _stream?.End();
            return Task.CompletedTask;
        }

        public Task CleanUpAsync() => Task.CompletedTask;

        private double? Rate(IReadOnlyDictionary<string, double> counters) => context.Request.Area switch
        {
            ObservedArea.Disk => Sum(counters, "Disk.", ".ReadRequests", ".WriteRequests") / Seconds(counters),
            ObservedArea.Network => Sum(counters, "Nic.", ".ReceivedBytes", ".SentBytes") * 8 / 1e9 / Seconds(counters),
            // The kernel counts the process's time in nanoseconds, but the vCPUs' own time only in steps of 10 ms.
            _ => counters.TryGetValue("GuestCpuNanoseconds", out var time) ? time / 1e9 / Seconds(counters) : null,
        };

        private static double Seconds(IReadOnlyDictionary<string, double> counters) => counters["FrameNanoseconds"] / 1e9;

        private static double? Sum(IReadOnlyDictionary<string, double> counters, string prefix, params string[] endings)
        {
            var found = counters.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)
                && endings.Any(ending => pair.Key.EndsWith(ending, StringComparison.Ordinal))).ToList();
            return found.Count == 0 ? null : found.Sum(pair => pair.Value);
        }
    }
}
