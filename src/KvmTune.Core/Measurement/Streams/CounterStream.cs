// The guest's own load as a stream: the host's counters, read five times a second until the stream ends.
using KvmTune.Measurement.Sampling;

namespace KvmTune.Measurement.Streams;

/// <summary>Reads counters at even intervals. Use an instance once.</summary>
/// <param name="samplers">The samplers to read.</param>
/// <param name="area">The area to report.</param>
/// <param name="interval">The time between two readings.</param>
/// <param name="time">The clock.</param>
internal sealed class CounterStream(IReadOnlyList<IRunSampler> samplers, ObservedArea area, TimeSpan interval, TimeProvider time)
{
    private readonly List<StreamSample> _samples = [];
    private volatile bool _isEnding;

    /// <summary>Reads for the given time, or until <see cref="End"/>.</summary>
    /// <param name="length">How long to read.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    public async Task<StreamReport> RunAsync(TimeSpan length, CancellationToken cancellationToken)
    {
        var started = GuestClock.Now(time);
        Reading? before = null;
        for (var due = TimeSpan.Zero; due <= length && !_isEnding; due += interval)
        {
            var left = TimeSpan.FromSeconds(started + due.TotalSeconds - GuestClock.Now(time));
            if (left > TimeSpan.Zero)
            {
                await Task.Delay(left, time, cancellationToken);
            }

            var now = await Task.Run(Read, cancellationToken);
            if (before is not null && now.At > before.At && SampleOf(before, now, area) is { } sample)
            {
                lock (_samples)
                {
                    _samples.Add(sample);
                }
            }

            before = now;
        }

        return SoFar() with { HasEnded = true };
    }

    /// <summary>The samples so far.</summary>
    public StreamReport SoFar()
    {
        lock (_samples)
        {
            return new([.. _samples], _samples.Count == 0 ? "libvirt does not keep the counters of this area for this VM." : null);
        }
    }

    /// <summary>Ends the stream with its next reading.</summary>
    public void End() => _isEnding = true;

    /// <summary>The sample between two readings; null if the host does not keep the counters of the area.</summary>
    internal static StreamSample? SampleOf(Reading before, Reading now, ObservedArea area)
    {
        var grown = new Dictionary<string, double>(StringComparer.Ordinal);
        new CounterReading(now.Counters).AddSince(new CounterReading(before.Counters), grown);
        var seconds = now.At - before.At;
        double? Sum(string prefix, params string[] endings)
        {
            var found = grown.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)
                && endings.Any(ending => pair.Key.EndsWith(ending, StringComparison.Ordinal))).ToList();
            return found.Count == 0 ? null : found.Sum(pair => pair.Value) / seconds;
        }

        var rates = new Dictionary<string, double>(StringComparer.Ordinal);
        void Add(string name, double? value)
        {
            if (value is { } known)
            {
                rates[name] = known;
            }
        }

        switch (area)
        {
            case ObservedArea.Disk:
                Add("Iops", Sum("Disk.", ".ReadRequests", ".WriteRequests"));
                Add(StreamMetrics.RequestTimeRate, Sum("Disk.", ".ReadNanoseconds", ".WriteNanoseconds"));
                break;
            case ObservedArea.Network:
                Add("GbitPerSecond", Sum("Nic.", ".ReceivedBytes", ".SentBytes") * 8 / 1e9);
                Add("DropsPerSecond", Sum("Nic.", ".ReceiveDropsPackets", ".SendDropsPackets") ?? 0);
                break;
            default:
                Add("CpuCores", grown.TryGetValue("GuestCpuNanoseconds", out var cpu) ? cpu / 1e9 / seconds : null);
                // The kernel's own run-queue delay is updated at every wait. libvirt's number is the same, if it reports one.
                Add(StreamMetrics.DelayRate, (grown.TryGetValue("VcpuRunQueueDelayNanoseconds", out var delay)
                    ? delay
                    : grown.TryGetValue("VcpuDelayNanoseconds", out var told) ? told : (double?)null) / seconds);
                break;
        }

        return rates.Count == 0 || seconds <= 0 ? null : new(before.At, now.At, rates);
    }

    private Reading Read()
    {
        var counters = new Dictionary<string, double>(StringComparer.Ordinal);
        var before = GuestClock.Now(time);
        var first = true;
        var at = before;
        foreach (var sampler in samplers)
        {
            foreach (var (name, value) in sampler.Read().Counters)
            {
                counters[name] = value;
            }

            if (first)
            {
                // libvirt is read first and takes the longest. Over a network it reads its counters about half a round trip after the call.
                at = (before + GuestClock.Now(time)) / 2;
                first = false;
            }
        }

        return new(at, counters);
    }

    /// <summary>The counters at a moment of the host's clock.</summary>
    /// <param name="At">The moment.</param>
    /// <param name="Counters">The counters.</param>
    internal sealed record Reading(double At, IReadOnlyDictionary<string, double> Counters);
}
