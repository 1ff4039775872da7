// The load of an experiment that switches inside it: starts one, changes the side slot by slot, looks at what it has reported without a pause,
// and puts that on the host's clock.
using System.Globalization;
using KvmTune.Guest;
using KvmTune.Measurement.Streams;
using KvmTune.Tuning;

namespace KvmTune.Experiments.Switchback;

/// <summary>Runs loads on one VM, one at a time.</summary>
/// <param name="stream">The load.</param>
/// <param name="shape">How it reports.</param>
/// <param name="channel">The way into the guest; null where nothing runs in it.</param>
/// <param name="time">The clock.</param>
internal sealed class SwitchedLoads(IStreamingInstance stream, StreamShape shape, IGuestChannel? channel, TimeProvider time)
{
    /// <summary>The longest that a load goes on: its reports are bounded, and so is what a process that is killed leaves running in a guest.</summary>
    public static readonly TimeSpan LongestLoad = TimeSpan.FromMinutes(3);

    // What a load is given to start: an emulated guest takes a second to start fio. It is learnt from the first load.
    private static readonly TimeSpan FirstLead = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Ramp = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestLead = TimeSpan.FromSeconds(15);

    private TimeSpan _lead = shape.Clock == StreamClock.Host ? shape.Interval : FirstLead;
    private Running? _running;

    /// <summary>How long each switch took.</summary>
    public List<TimeSpan> SwitchTimes { get; } = [];

    /// <summary>Whether a load runs.</summary>
    public bool IsRunning => _running is not null;

    /// <summary>What starting a load and looking at it costs beside its slots.</summary>
    public TimeSpan Overhead => _lead + (LookTime * 3);

    /// <summary>How long a look at what the load has reported takes; a guess before the first.</summary>
    public TimeSpan LookTime { get; private set; } = shape.Clock == StreamClock.Host ? shape.Interval : TimeSpan.FromSeconds(0.7);

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

    /// <summary>Starts a load and waits until it is under way.</summary>
    /// <param name="length">For how long there are slots in it; at most the longest load.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task StartAsync(TimeSpan length, CancellationToken cancellationToken)
    {
        var before = await AskAsync(cancellationToken);
        var whole = _lead + (length < LongestLoad ? length : LongestLoad);
        var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var started = GuestClock.Now(time);
        _running = new(before, ending, stream.StreamAsync(whole, ending.Token), started, started + whole.TotalSeconds);
        await WaitAsync(_running, started + _lead.TotalSeconds, cancellationToken);
    }

    /// <summary>How many pairs of slots still fit into the load that runs.</summary>
    public int PairsLeft(TimeSpan slot) =>
        (int)Math.Max(0, (_running!.Ends - GuestClock.Now(time)) / ((slot + SwitchTime) * 2).TotalSeconds);

    /// <summary>Changes the side inside the load that runs, for some pairs of slots.</summary>
    /// <param name="live">The switch.</param>
    /// <param name="current">The side that is in force.</param>
    /// <param name="pairs">Whether the candidate comes first, pair by pair.</param>
    /// <param name="firstPair">The number of the first pair.</param>
    /// <param name="slot">The length of a slot.</param>
    /// <param name="report">Gets the number of each pair when it begins.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The side that is in force. Where the load has ended by itself, it is not switched any more.</returns>
    public async Task<bool> RunPairsAsync(
        ILiveSwitch live, bool current, IReadOnlyList<bool> pairs, int firstPair, TimeSpan slot, Action<int> report, CancellationToken cancellationToken)
    {
        var running = _running!;
        for (var i = 0; i < pairs.Count && !running.Load.IsCompleted; i++)
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
                await WaitAsync(running, start + slot.TotalSeconds, cancellationToken);
                running.Slots.Add(new(firstPair + i, side, switchStart, start, GuestClock.Now(time), isOther));
            }
        }

        return current;
    }

    /// <summary>Looks at what the load has reported so far. It goes on, unless it has ended by itself.</summary>
    /// <returns>The load; or why it cannot be used, and then it is ended.</returns>
    public async Task<(SlottedLoad Load, string? Failure)> LookAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var running = _running!;
        var told = running.Load.IsCompleted ? await running.Load : await stream.SoFarAsync(cancellationToken);
        var (load, failure) = await PlaceAsync(running, told, cancellationToken);
        if (failure is not null || told.HasEnded || running.Load.IsCompleted)
        {
            await AbandonAsync();
        }

        LookTime = time.GetElapsedTime(began);
        return (load, failure);
    }

    /// <summary>Ends the load, and reads all that it has reported.</summary>
    public async Task<(SlottedLoad Load, string? Failure)> EndAsync(CancellationToken cancellationToken)
    {
        var running = _running!;
        if (!running.Load.IsCompleted)
        {
            await stream.EndAsync(cancellationToken);
        }

        var told = await running.Load;
        _running = null;
        running.Ending.Dispose();
        return await PlaceAsync(running, told, cancellationToken);
    }

    /// <summary>Ends the load that runs, if there is one, whatever it has reported.</summary>
    public async Task AbandonAsync()
    {
        if (_running is not { } running)
        {
            return;
        }

        _running = null;
        await running.Ending.CancelAsync();
        try
        {
            await running.Load;
        }
        catch (OperationCanceledException)
        {
            // That is how it ends.
        }
        finally
        {
            running.Ending.Dispose();
        }
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

    private async Task<(SlottedLoad Load, string? Failure)> PlaceAsync(Running running, StreamReport told, CancellationToken cancellationToken)
    {
        List<SlotSpan> slots = [.. running.Slots];
        if (told.Failure is { } failure)
        {
            return (new(slots, [], 0), failure);
        }

        if (shape.Clock == StreamClock.Host)
        {
            return (new(slots, told.Samples, 0), null);
        }

        var (clock, why) = GuestClock.Of(running.Before, await AskAsync(cancellationToken));
        if (clock is null)
        {
            return (new(slots, [], 0), why);
        }

        List<StreamSample> samples =
            [.. told.Samples.Select(sample => sample with { StartSeconds = clock.ToHost(sample.StartSeconds), EndSeconds = clock.ToHost(sample.EndSeconds) })];
        Learn(running.Started, samples);
        return (new(slots, samples, clock.ErrorSeconds), null);
    }

    private async Task<IReadOnlyList<ClockProbe>> AskAsync(CancellationToken cancellationToken) =>
        shape.Clock == StreamClock.Host || channel is null ? [] : await GuestClock.AskAsync(channel, time, cancellationToken);

    // Until a moment, or until the load has ended by itself.
    private async Task WaitAsync(Running running, double until, CancellationToken cancellationToken)
    {
        var left = TimeSpan.FromSeconds(until - GuestClock.Now(time));
        if (left > TimeSpan.Zero)
        {
            await Task.WhenAny(Task.Delay(left, time, cancellationToken), running.Load);
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

    // A load under way.
    private sealed record Running(
        IReadOnlyList<ClockProbe> Before, CancellationTokenSource Ending, Task<StreamReport> Load, double Started, double Ends)
    {
        public List<SlotSpan> Slots { get; } = [];
    }
}
