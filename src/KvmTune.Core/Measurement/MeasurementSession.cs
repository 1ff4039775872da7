// One measurement under way: prepared once, then run by run, then cleaned up. The measuring loop and experiments are built on it.
using KvmTune.Guest;
using KvmTune.Measurement.Sampling;
using KvmTune.Measurement.Workloads;

namespace KvmTune.Measurement;

/// <summary>
/// A workload that is ready in a guest. <see cref="RunAsync"/> makes one run at a time, so that a caller can change something between
/// runs. Always dispose the session: that removes the workload's files from the guest.
/// </summary>
public sealed class MeasurementSession : IAsyncDisposable
{
    // An hour is the longest run, and a ramp comes before it.
    private const int MostSeconds = 2 * 3600;

    private readonly IMeasurementTarget _target;
    private readonly IWorkload _workload;
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly List<MeasuredRun> _runs = [];
    private readonly List<string> _notes = [];
    private readonly List<IRunSampler> _quietSamplers = [];
    private IReadOnlyList<IRunSampler> _samplers = [];
    private IWorkloadInstance? _instance;
    private MeasurementConditions? _conditions;
    private IGuestChannel? _channel;

    private MeasurementSession(IMeasurementTarget target, WorkloadRequest request, IWorkload workload, TimeProvider time)
    {
        _target = target;
        _workload = workload;
        _time = time;
        _started = time.GetTimestamp();
        Request = request;
        StartedAt = time.GetUtcNow();
        Metrics = workload.MetricsFor(request);
    }

    /// <summary>The requested workload.</summary>
    public WorkloadRequest Request { get; }

    /// <summary>When the session began.</summary>
    public DateTimeOffset StartedAt { get; }

    /// <summary>The metrics of every good run.</summary>
    public IReadOnlyList<MetricDefinition> Metrics { get; }

    /// <summary>The runs so far, in order.</summary>
    public IReadOnlyList<MeasuredRun> Runs => _runs;

    /// <summary>The load that can run without a pause; null if the workload has none, or the session is not open.</summary>
    internal Streams.IStreamingInstance? Stream => _instance as Streams.IStreamingInstance;

    /// <summary>The channel into the guest; null if the workload needs none.</summary>
    internal IGuestChannel? Channel => _channel;

    /// <summary>Whether the session survives a suspend of the guest: SSH holds a connection into the guest, the other channels do not.</summary>
    internal bool StandsSuspend => _channel is not SshChannel;

    /// <summary>The path that would stay in the guest without a clean-up now; null for nothing.</summary>
    public string? LeftInGuest => _instance?.LeftInGuest;

    /// <summary>Checks the settings that all workloads share, and those of the workload.</summary>
    /// <exception cref="ArgumentException">A setting is invalid; the message has its value.</exception>
    public static IWorkload Validate(WorkloadCatalog catalog, WorkloadRequest request)
    {
        var culture = System.Globalization.CultureInfo.InvariantCulture;
        if (request.Runs is < 1 or > 10_000)
        {
            throw new ArgumentException($"The number of runs must be from 1 to 10000, and is {request.Runs.ToString(culture)}.", nameof(request));
        }

        if (request.RunTime < TimeSpan.FromSeconds(2) || request.RunTime > TimeSpan.FromHours(1))
        {
            throw new ArgumentException(
                $"The time of a run must be from 2 seconds to an hour, and is {request.RunTime.TotalSeconds.ToString(culture)} s.", nameof(request));
        }

        if (request.Streams is < 1 or > 128)
        {
            throw new ArgumentException($"The number of streams must be from 1 to 128, and is {request.Streams.ToString(culture)}.", nameof(request));
        }

        var workload = catalog.Get(request.Name);
        workload.Validate(request);
        return workload;
    }

    /// <summary>Opens the channel into the guest, notes the conditions and prepares the workload.</summary>
    /// <exception cref="ArgumentException">A setting is invalid; nothing was started.</exception>
    /// <exception cref="MeasurementException">The workload cannot run in this guest; nothing is left in it.</exception>
    /// <exception cref="MeasurementInterruptedException">The workload cannot run in this guest, and something is left in it.</exception>
    /// <exception cref="GuestChannelException">No channel into the guest works.</exception>
    /// <exception cref="MeasurementCanceledException">Cancelled; the exception says whether anything is left in the guest.</exception>
    public static async Task<MeasurementSession> OpenAsync(
        IMeasurementTarget target,
        WorkloadRequest request,
        WorkloadCatalog catalog,
        TimeProvider timeProvider,
        Action<string, TimeSpan?>? report,
        CancellationToken cancellationToken)
    {
        var workload = Validate(catalog, request);
        var session = new MeasurementSession(target, request with { Name = workload.Name }, workload, timeProvider);
        try
        {
            await session.PrepareAsync(report ?? ((_, _) => { }), cancellationToken);
            return session;
        }
        catch (Exception exception)
        {
            var left = await session.TryCleanUpAsync();
            await session.DisposeAsync();
            if (left is not null || exception is OperationCanceledException)
            {
                throw session.Interrupted(exception, left, cancellationToken);
            }

            throw;
        }
    }

    /// <summary>
    /// Continues in a guest that was suspended and resumed. Its files are still there, but the counters are those of a new QEMU process.
    /// </summary>
    /// <exception cref="GuestChannelException">The guest does not answer yet, or at all.</exception>
    internal async Task GoOnAsync(CancellationToken cancellationToken)
    {
        var instance = _instance ?? throw new InvalidOperationException("The session is not open.");
        var xml = await _target.ReadRunningXmlAsync(cancellationToken);
        if (_channel is { } channel)
        {
            await channel.CheckAsync(cancellationToken);
        }

        await OpenSamplersAsync(xml, cancellationToken);
        instance.GoOn(xml);
    }

    /// <summary>Makes one run and keeps it. A failed run is kept too, and returned as failed.</summary>
    /// <exception cref="GuestChannelException">The guest, or the channel to it, was lost.</exception>
    public async Task<MeasuredRun> RunAsync(bool isWarmup, CancellationToken cancellationToken)
    {
        var instance = _instance ?? throw new InvalidOperationException("The session is not open.");
        cancellationToken.ThrowIfCancellationRequested();
        // The samplers make blocking calls to libvirt.
        var frame = await Task.Run(() => RunFrame.Open(_samplers, _time), cancellationToken);
        var startedAt = _time.GetUtcNow();
        var started = _time.GetTimestamp();
        RunOutcome outcome;
        try
        {
            outcome = await instance.RunAsync(cancellationToken);
        }
        catch (GuestChannelException exception) when (!exception.IsFatal)
        {
            outcome = RunOutcome.Failed(exception.Message);
        }
        catch (Exception exception) when (GuestText.IsUnreadable(exception))
        {
            outcome = RunOutcome.Failed($"The guest {_target.VMName} gave an invalid answer: {exception.Message}");
        }

        var duration = _time.GetElapsedTime(started);
        var counters = await Task.Run(frame.Close, CancellationToken.None);
        var run = new MeasuredRun
        {
            Number = _runs.Count + 1,
            StartedAt = startedAt,
            Duration = duration,
            IsWarmup = isWarmup,
            Failure = (outcome.Failure ?? WhyInvalid(outcome)) is { } failure ? TerminalText.Of(failure) : null,
            Values = outcome.Values,
            PerSecondRates = outcome.PerSecondRates,
            Counters = outcome.Counters.Count == 0
                ? counters
                : counters.Concat(outcome.Counters).ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal),
        };
        _runs.Add(run);
        return run;
    }

    /// <summary>
    /// How much the image of the workload's disk grew during a run, in bytes, if it grew so much that the run measured first writes; else 0.
    /// </summary>
    /// <remarks>
    /// The guest's own small writes (logs, a journal that wraps) make a sparse image grow too. So growth counts only above 1 MiB and above a
    /// twentieth of the written bytes.
    /// </remarks>
    public double ImageGrowthBytes(MeasuredRun run)
    {
        const double tolerated = 1024 * 1024;
        return _instance?.DiskTarget is { } disk
            && run.Counters.TryGetValue($"Disk.{disk}.AllocatedBytes", out var growth)
            && growth > tolerated
            && growth > run.Counters.GetValueOrDefault($"Disk.{disk}.WriteBytes") / 20
            ? growth
            : 0;
    }

    /// <summary>What could not be removed in the guest, and why, as a sentence; null if all was removed, or the clean-up has not run.</summary>
    public string? LeftNote { get; private set; }

    /// <summary>Removes the workload's files from the guest. A failure becomes a note of the result.</summary>
    /// <returns>The path that is left in the guest; null for nothing.</returns>
    public async Task<string?> TryCleanUpAsync()
    {
        if (_instance is not { } instance)
        {
            return null;
        }

        try
        {
            await instance.CleanUpAsync();
            LeftNote = null;
        }
#pragma warning disable CA1031 // Any error: it is reported, with the files that are left.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LeftNote = instance.LeftInGuest is { } left
                ? $"{left} could not be removed from the guest {_target.VMName}: {KvmTuneException.Sentence(exception.Message)}{WhoRemoves(exception)}"
                : null;
        }

        return instance.LeftInGuest;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await TryCleanUpAsync();
        if (_channel is { } channel)
        {
            _channel = null;
            await channel.DisposeAsync();
        }
    }

    /// <summary>The result so far; null before the conditions are known.</summary>
    public VMPerformance? ToPerformance()
    {
        var performance = Collect();
        return performance is not null && CoarseTimers.NoteFor(performance) is { } note
            ? performance with { Notes = [.. performance.Notes, note] }
            : performance;
    }

    private VMPerformance? Collect() => _conditions is null ? null : new VMPerformance
    {
        Id = Guid.NewGuid(),
        VMName = _target.VMName,
        VMId = _target.VMId,
        ConnectionUri = _target.ConnectionUri,
        Workload = Request,
        Metrics = Metrics,
        Runs = _runs.ToList(),
        Conditions = _conditions,
        StartedAt = StartedAt,
        Elapsed = _time.GetElapsedTime(_started),
        Notes = _notes.Concat(LeftNote is { } left ? [left] : []).Concat(_instance?.Notes ?? []).Select(TerminalText.Of).ToList(),
    };

    /// <summary>Adds a sentence to the result's notes.</summary>
    public void AddNote(string note) => _notes.Add(note);

    /// <summary>The error for a measurement that ended early, with the samples so far.</summary>
    internal Exception Interrupted(Exception cause, string? left, CancellationToken cancellationToken)
    {
        var where = left is null ? "" : $" {left} is left in the guest.{WhoRemoves(cause)}";
        var kept = _runs.Count == 0 ? "" : $" {_runs.Count.ToString(System.Globalization.CultureInfo.InvariantCulture)} runs were made before it and are kept.";
        if (cause is OperationCanceledException)
        {
            return new MeasurementCanceledException(
                $"The measurement of {_target.VMName} was cancelled.{kept}{where}", ToPerformance(), left, cause, cancellationToken);
        }

        return new MeasurementInterruptedException(
            cause is MeasurementException known ? known.Reason : MeasurementReason.Interrupted,
            cause switch
            {
                GuestChannelException channel => channel.ErrorId,
                MeasurementException measurement => measurement.ErrorId,
                _ => nameof(MeasurementReason.Interrupted),
            },
            cause.Message + kept + where,
            ToPerformance(),
            left,
            cause);
    }

    private static string WhoRemoves(Exception cause) => cause is GuestChannelException { Reason: GuestChannelReason.GuestLost or GuestChannelReason.GuestNotRunning }
        ? " Remove it when the guest runs again."
        : string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $" The guest removes it by itself within {GuestTestFolder.Lease.TotalMinutes:0} minutes while it runs.");

    private async Task PrepareAsync(Action<string, TimeSpan?> report, CancellationToken cancellationToken)
    {
        var xml = await _target.ReadRunningXmlAsync(cancellationToken);
        report("noting the conditions on the host", TimeSpan.FromSeconds(0.5));
        var conditions = await _target.ReadConditionsAsync(xml, cancellationToken);
        var channel = _channel = _workload.NeedsChannel ? await _target.OpenChannelAsync(Request, cancellationToken) : null;
        _conditions = conditions with { Channel = channel?.Name ?? "None" };
        await OpenSamplersAsync(xml, cancellationToken);
        var instance = _instance = _workload.Create(new WorkloadContext
        {
            VMName = _target.VMName,
            Request = Request,
            RunningXml = xml,
            Channel = channel,
            Samplers = _quietSamplers,
            TimeProvider = _time,
            Report = report,
        });
        try
        {
            await instance.PrepareAsync(cancellationToken);
        }
        catch (Exception exception) when (GuestText.IsUnreadable(exception))
        {
            throw new MeasurementException(
                MeasurementReason.PreparationFailed, $"The guest {_target.VMName} gave an invalid answer: {exception.Message}", exception);
        }

        _conditions = _conditions with
        {
            WorkloadVersion = Shown(instance.Version),
            GuestKernel = Shown(instance.GuestKernel),
            GuestFreeMiB = instance.GuestFreeMiB,
            GuestFile = Shown(instance.DiskTarget is { } disk ? $"{disk}: {instance.GuestFile}" : instance.GuestFile),
        };
    }

    private async Task OpenSamplersAsync(string xml, CancellationToken cancellationToken)
    {
        _samplers = await _target.OpenSamplersAsync(xml, cancellationToken);
        _quietSamplers.Clear();
        // The canary only runs around a run: a workload that reads counters during its run would put the canary's load on the host.
        _quietSamplers.AddRange(_samplers.Where(sampler => sampler is not HostCanary));
    }

    private static string? Shown(string? text) => text is null ? null : GuestText.Shown(text);

    // Why a run does not count although its program succeeded. The variation may be missing: a short run reports too few seconds for it.
    private string? WhyInvalid(RunOutcome outcome)
    {
        if (outcome.PerSecondRates.Count > MostSeconds)
        {
            return $"The run has the rates of {outcome.PerSecondRates.Count} seconds, more than any run lasts.";
        }

        foreach (var metric in Metrics.Where(metric => metric.Kind != MetricKind.Variation || metric.IsPrimary))
        {
            if (!outcome.Values.TryGetValue(metric.Name, out var value) || !double.IsFinite(value))
            {
                return $"The run has no value for {metric.Name}.";
            }
        }

        return null;
    }
}
