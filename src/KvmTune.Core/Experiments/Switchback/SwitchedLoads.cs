// The loads of an experiment that switches inside them: starts one, changes the side slot by slot, and puts what it reported on the host's clock.
using System.Globalization;
using KvmTune.Guest;
using KvmTune.Measurement;
using KvmTune.Measurement.Streams;
using KvmTune.Tuning;

namespace KvmTune.Experiments.Switchback;

/// <summary>Runs loads on one VM.</summary>
/// <param name="stream">The load.</param>
/// <param name="shape">How it reports.</param>
/// <param name="channel">The way into the guest; null where nothing runs in it.</param>
/// <param name="time">The clock.</param>
internal sealed class SwitchedLoads(IStreamingInstance stream, StreamShape shape, IGuestChannel? channel, TimeProvider time)
{
    // What a load is given to start: an emulated guest takes a second to start fio. It is learnt from the first load.
    private static readonly TimeSpan FirstLead = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Ramp = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestLead = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Tail = TimeSpan.FromSeconds(0.5);

    private TimeSpan _lead = shape.Clock == StreamClock.Host ? shape.Interval : FirstLead;

    /// <summary>How long each switch took.</summary>
    public List<TimeSpan> SwitchTimes { get; } = [];

    /// <summary>What a load costs beside its slots.</summary>
    public TimeSpan Overhead => shape.Clock == StreamClock.Host ? _lead + _lead : _lead + Tail + TimeSpan.FromSeconds(1);

    /// <summary>How long a switch is likely to take.</summary>
    public TimeSpan SwitchTime => SwitchTimes.Count == 0 ? TimeSpan.FromMilliseconds(20) : SwitchTimes.Order().ElementAt(SwitchTimes.Count / 2);

    /// <summary>Brings the VM to a side, and notes how long it took.</summary>
    public async Task<TimeSpan> SwitchAsync(ILiveSwitch live, bool isCandidate, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        await Task.Run(() => live.To(isCandidate), cancellationToken);
        var took = time.GetElapsedTime(started);
        SwitchTimes.Add(took);
        return took;
    }

    /// <summary>Runs a load with some pairs of slots.</summary>
    /// <param name="live">The switch.</param>
    /// <param name="current">The side that is in force.</param>
    /// <param name="pairs">Whether the candidate comes first, pair by pair.</param>
    /// <param name="firstPair">The number of the first pair.</param>
    /// <param name="slot">The length of a slot.</param>
    /// <param name="report">Is told which pair has its turn.</param>
    /// <param name="cancellationToken">Ends it; the load is ended first.</param>
    /// <returns>The load, the side that is in force, and why the load cannot be used.</returns>
    public async Task<(SlottedLoad Load, bool Current, string? Failure)> RunAsync(
        ILiveSwitch live, bool current, IReadOnlyList<bool> pairs, int firstPair, TimeSpan slot, Action<int> report, CancellationToken cancellationToken)
    {
        var before = await AskAsync(cancellationToken);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var length = _lead + ((slot + SwitchTime) * (2 * pairs.Count)) + Tail;
        var started = GuestClock.Now(time);
        var load = stream.StreamAsync(length, ending.Token);
        var slots = new List<SlotSpan>();
        try
        {
            await WaitAsync(started + _lead.TotalSeconds, load, cancellationToken);
            for (var i = 0; i < pairs.Count && !load.IsCompleted; i++)
            {
                report(i);
                foreach (var side in (bool[])[pairs[i], !pairs[i]])
                {
                    var switchStart = GuestClock.Now(time);
                    var isOther = side != current;
                    if (isOther)
                    {
                        await SwitchAsync(live, side, cancellationToken);
                        current = side;
                    }

                    var start = isOther ? GuestClock.Now(time) : switchStart;
                    await WaitAsync(start + slot.TotalSeconds, load, cancellationToken);
                    slots.Add(new(firstPair + i, side, switchStart, start, GuestClock.Now(time), isOther));
                }
            }

            await WaitAsync(started + length.TotalSeconds, load, cancellationToken);
        }
        catch
        {
            await ending.CancelAsync();
            await EndedAsync(load);
            throw;
        }

        var told = await load;
        if (told.Failure is { } failure)
        {
            return (new(slots, [], 0), current, failure);
        }

        if (shape.Clock == StreamClock.Host)
        {
            return (new(slots, told.Samples, 0), current, null);
        }

        var (clock, why) = GuestClock.Of(before, await AskAsync(cancellationToken), shape.Clock);
        if (clock is null)
        {
            return (new(slots, [], 0), current, why);
        }

        List<StreamSample> samples =
            [.. told.Samples.Select(sample => sample with { StartSeconds = clock.ToHost(sample.StartSeconds), EndSeconds = clock.ToHost(sample.EndSeconds) })];
        Learn(started, samples);
        return (new(slots, samples, clock.ErrorSeconds), current, null);
    }

    /// <summary>Runs a load for a short time without switching, and tells how often it reported.</summary>
    /// <returns>The mean time between two reports; null where there were hardly any.</returns>
    public async Task<(TimeSpan? Interval, string? Failure)> TryAsync(CancellationToken cancellationToken)
    {
        const int fewest = 3;
        var told = await stream.StreamAsync(TimeSpan.FromSeconds(6), cancellationToken);
        // Lines that came at the same moment were held back by the program, and are about no time of their own.
        var samples = told.Samples;
        return told.Failure is not null ? (null, told.Failure)
            : samples.Count < fewest ? (null, string.Create(CultureInfo.InvariantCulture, $"in 6 s it wrote {samples.Count + (samples.Count > 0 ? 1 : 0)} lines with a value"))
            : (TimeSpan.FromSeconds(samples.Max(sample => sample.Seconds)), null);
    }

    private async Task<IReadOnlyList<ClockProbe>> AskAsync(CancellationToken cancellationToken) =>
        shape.Clock == StreamClock.Host || channel is null ? [] : await GuestClock.AskAsync(channel, time, cancellationToken);

    // Until a moment, or until the load has ended by itself.
    private async Task WaitAsync(double until, Task load, CancellationToken cancellationToken)
    {
        var left = TimeSpan.FromSeconds(until - GuestClock.Now(time));
        if (left > TimeSpan.Zero)
        {
            await Task.WhenAny(Task.Delay(left, time, cancellationToken), load);
        }

        cancellationToken.ThrowIfCancellationRequested();
    }

    private void Learn(double started, List<StreamSample> samples)
    {
        if (samples.Count > 0)
        {
            var lead = TimeSpan.FromSeconds(samples.Min(sample => sample.StartSeconds) - started) + Ramp;
            _lead = lead < Ramp ? Ramp : lead > LongestLead ? LongestLead : lead;
        }
    }

    private static async Task EndedAsync(Task load)
    {
        try
        {
            await load;
        }
#pragma warning disable CA1031 // What ended the slots is what the caller is told; the load is only waited for.
        catch (Exception)
#pragma warning restore CA1031
        {
            // It is over.
        }
    }
}
