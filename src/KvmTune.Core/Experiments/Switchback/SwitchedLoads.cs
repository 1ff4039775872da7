// The loads of an experiment that switches inside them: starts a load, changes the side slot by slot, reads its reports while it runs, and
// converts their times to the host's clock.
using System.Globalization;
using KvmTune.Guest;
using KvmTune.Measurement.Streams;
using KvmTune.Tuning;

namespace KvmTune.Experiments.Switchback;

/// <summary>Runs loads on one VM, one at a time.</summary>
/// <param name="stream">The load.</param>
/// <param name="shape">How it reports.</param>
/// <param name="channel">The channel into the guest; null if nothing runs in it.</param>
/// <param name="time">The clock.</param>
internal sealed class SwitchedLoads(IStreamingInstance stream, StreamShape shape, IGuestChannel? channel, TimeProvider time)
{
    /// <summary>The longest load. It limits the size of the reports, and how long a load goes on in a guest if this process is killed.</summary>
    public static readonly TimeSpan LongestLoad = TimeSpan.FromMinutes(3);

    // How long a load may take to start: an emulated guest needs a second to start fio. The first load shows the real time.
    private static readonly TimeSpan FirstLead = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Ramp = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestLead = TimeSpan.FromSeconds(15);

    private TimeSpan _lead = shape.Clock == StreamClock.Host ? shape.Interval : FirstLead;
    private Running? _running;

    /// <summary>How long each switch took.</summary>
    public List<TimeSpan> SwitchTimes { get; } = [];

    /// <summary>Whether a load runs.</summary>
    public bool IsRunning => _running is not null;

    /// <summary>How long it takes to start a load and look at it, besides its slots.</summary>
    public TimeSpan Overhead => _lead + (LookTime * 3);

    /// <summary>How long a look at the load's reports takes; a guess before the first look.</summary>
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

    /// <summary>Starts a load and waits until its start-up time is over.</summary>
    /// <param name="length">How long the load is needed for slots; at most <see cref="LongestLoad"/> is used.</param>
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

    /// <summary>How many pairs of slots still fit into the running load.</summary>
    public int PairsLeft(TimeSpan slot) =>
        (int)Math.Max(0, (_running!.Ends - GuestClock.Now(time)) / ((slot + SwitchTime) * 2).TotalSeconds);

    /// <summary>Changes the side inside the running load, for some pairs of slots.</summary>
    /// <param name="live">The switch.</param>
    /// <param name="current">The side in force.</param>
    /// <param name="pairs">Whether the candidate comes first, pair by pair.</param>
    /// <param name="firstPair">The number of the first pair.</param>
    /// <param name="slot">The length of a slot.</param>
    /// <param name="report">Called with the index of each pair, from 0, when it begins.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The side in force at the end. If the load ends by itself, no further pair begins.</returns>
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

    /// <summary>Reads the load's reports so far. The load goes on, unless it has ended by itself.</summary>
    /// <returns>The load; or the reason why it cannot be used, and then it is ended.</returns>
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

    /// <summary>Ends the load, and reads all its reports.</summary>
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

    /// <summary>Ends the running load, if there is one, without reading its reports.</summary>
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
            // The cancellation above ends the load this way.
        }
        finally
        {
            running.Ending.Dispose();
        }
    }

    /// <summary>Runs a load for a short time without switching, and measures how often it reports.</summary>
    /// <returns>The longest time between two reports; null if there were hardly any.</returns>
    public async Task<(TimeSpan? Interval, string? Failure)> TryAsync(CancellationToken cancellationToken)
    {
        const int fewest = 3;
        var told = await stream.StreamAsync(TimeSpan.FromSeconds(6), cancellationToken);
        // Lines that arrive at the same moment give no sample: the program held them back, so they have no time of their own.
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

    // Waits until a moment, or until the load has ended by itself.
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

    private sealed record Running(
        IReadOnlyList<ClockProbe> Before, CancellationTokenSource Ending, Task<StreamReport> Load, double Started, double Ends)
    {
        public List<SlotSpan> Slots { get; } = [];
    }
}
