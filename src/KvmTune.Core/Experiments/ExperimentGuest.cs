// The VM during an experiment: switches sides, opens and closes the workload, makes runs, and keeps track of the current side.
using System.Globalization;
using KvmTune.Guest;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using KvmTune.Tuning;

namespace KvmTune.Experiments;

/// <summary>The VM of a running experiment.</summary>
internal sealed class ExperimentGuest(
    IExperimentSubject subject,
    IMeasurementTarget target,
    WorkloadCatalog catalog,
    TimeProvider time,
    WorkloadRequest workload,
    ExperimentSchedule schedule,
    ExperimentPace pace,
    ExperimentLog log,
    ExperimentRuns runs)
{
    // The same limit as in a measurement: a guest's journal on a sparse image is allocated after about 30 s; copy-on-write file systems never end.
    private const int MostExtraWarmups = 10;

    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(2);

    private MeasurementSession? _session;
    private bool _isCandidate;
    private bool _wasRestarted;

    /// <summary>Whether the VM was changed or restarted at all.</summary>
    public bool WasTouched { get; private set; }

    /// <summary>What could not be removed in the guest, as a sentence; null if all was removed.</summary>
    public string? LeftInGuest { get; private set; }

    /// <summary>How many times the VM was restarted.</summary>
    public int RestartCount { get; private set; }

    /// <summary>The results of the last time that the change was made.</summary>
    public IReadOnlyList<VMTuningResult> Changes { get; private set; } = [];

    /// <summary>Makes one stage: a pair, or a block.</summary>
    public async Task RunStageAsync(int index, CancellationToken cancellationToken)
    {
        var stage = schedule.Stage(index);
        for (var i = 0; i < stage.Units.Count; i++)
        {
            var afterwards = TimeSpan.Zero;
            foreach (var later in stage.Units.Skip(i + 1))
            {
                afterwards += pace.TimeOf(schedule, later);
            }

            var next = Math.Max(index + 1, schedule.NextLook(index));
            await RunUnitAsync(stage.Name, index, stage.Units[i], afterwards + pace.TimeOf(schedule, index + 1, next) + pace.SettlingTime, cancellationToken);
        }
    }

    /// <summary>Leaves the VM with the change or without it, as decided.</summary>
    public async Task SettleAsync(bool isKept, CancellationToken cancellationToken)
    {
        pace.Report(isKept ? "leaving the VM with the change" : "leaving the VM as it was before", pace.SettlingTime);
        if (schedule.NeedsRestart || isKept == _isCandidate)
        {
            await CloseSessionAsync();
        }

        if (isKept != _isCandidate)
        {
            await SwitchAsync(isKept ? "leave the VM with the change" : "leave the VM as it was before", isKept, isKept ? cancellationToken : CancellationToken.None);
        }

        await CloseSessionAsync();
        if (!isKept)
        {
            subject.TakeBackPreparations();
        }
    }

    /// <summary>Takes the change back after an error or a cancellation, and removes the workload's files from the guest.</summary>
    /// <returns>Why that failed; null if it succeeded.</returns>
    public async Task<Exception?> TryAbandonAsync()
    {
        pace.Report("taking everything back", pace.SettlingTime);
        // If taking back restarts the guest, the clean-up comes first: after a shutdown the file would stay in the guest.
        var unclean = schedule.NeedsRestart ? await TryAsync(CloseSessionAsync) : null;
        var failure = await TryAsync(async () =>
        {
            if (_isCandidate)
            {
                await SwitchAsync("take the change back", toCandidate: false, CancellationToken.None);
            }

            subject.TakeBackPreparations();
        });
        unclean ??= await TryAsync(CloseSessionAsync);
        return failure ?? unclean;
    }

    private static async Task<Exception?> TryAsync(Func<Task> action)
    {
        try
        {
            await action();
            return null;
        }
#pragma warning disable CA1031 // Any error: the caller reports it with the one that ended the experiment, and the other steps still run.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return exception;
        }
    }

    private async Task RunUnitAsync(string stage, int index, ExperimentUnit unit, TimeSpan afterwards, CancellationToken cancellationToken)
    {
        var name = $"{stage}, {unit.Side}";
        var started = time.GetTimestamp();
        pace.Report(name, pace.TimeOf(schedule, unit) + afterwards);
        var isFresh = await MoveToAsync(name, unit, cancellationToken);
        if (_session is null)
        {
            isFresh = true;
            await OpenSessionAsync(name, unit, afterwards, cancellationToken);
        }
        else if (isFresh && schedule.NeedsRestart)
        {
            await log.DoAsync(ExperimentStepKind.Prepare, $"{name}: go on with {workload.Name}", () => WhenItAnswersAsync(
                async () =>
                {
                    await _session.GoOnAsync(cancellationToken);
                    return true;
                },
                cancellationToken));
        }

        await LearnAsync(unit.IsCandidate, isFresh, cancellationToken);
        await log.DoAsync(ExperimentStepKind.Measure, name, async () =>
        {
            if (isFresh || schedule.WarmsUpEachUnit)
            {
                pace.Report(
                    $"{name}: warm-up run, which is not counted", pace.TimeOfRuns(unit.Runs + 1) + afterwards);
                await WarmUpAsync(unit.IsCandidate, index, cancellationToken);
            }

            for (var made = 0; made < unit.Runs;)
            {
                pace.Report(
                    string.Create(CultureInfo.InvariantCulture, $"{name}: run {made + 1} of {unit.Runs}"), pace.TimeOfRuns(unit.Runs - made) + afterwards);
                var run = await MakeRunAsync(isWarmup: false, unit.IsCandidate, index, cancellationToken);
                made += run.Failure is null ? 1 : 0;
            }
        });
        runs.AddElapsed(unit.IsCandidate, time.GetElapsedTime(started));
    }

    // Returns whether the VM was started or switched. Then its first run is a warm-up.
    private async Task<bool> MoveToAsync(string name, ExperimentUnit unit, CancellationToken cancellationToken)
    {
        var isOther = unit.IsCandidate != _isCandidate;
        if (!isOther && !schedule.BootsForEachUnit)
        {
            return false;
        }

        // A guest that is only suspended keeps the workload's files.
        if (schedule.NeedsRestart && !(schedule.IsResumed && _session?.StandsSuspend == true))
        {
            await CloseSessionAsync();
        }

        if (isOther)
        {
            await SwitchAsync($"{name}: {(unit.IsCandidate ? "make the change" : "take the change back")}", unit.IsCandidate, cancellationToken);
            return true;
        }

        WasTouched = true;
        await log.DoAsync(ExperimentStepKind.Switch, $"{name}: restart the VM", () => subject.RestartAsync(cancellationToken));
        Restarted();
        return true;
    }

    private async Task SwitchAsync(string name, bool toCandidate, CancellationToken cancellationToken)
    {
        WasTouched = true;
        if (toCandidate)
        {
            // Set before the change is made, and until it is taken back: an error in the middle may leave a part of it.
            _isCandidate = true;
            Changes = await log.DoAsync(ExperimentStepKind.Switch, name, () => subject.ApplyAsync(cancellationToken));
        }
        else
        {
            await log.DoAsync(ExperimentStepKind.Switch, name, () => subject.UndoAsync(cancellationToken));
            _isCandidate = false;
        }

        if (schedule.NeedsRestart)
        {
            Restarted();
        }
        else
        {
            pace.SwitchTook(log.Last);
        }
    }

    private void Restarted()
    {
        RestartCount++;
        _wasRestarted = true;
        pace.SwitchTook(log.Last);
    }

    private async Task OpenSessionAsync(string name, ExperimentUnit unit, TimeSpan afterwards, CancellationToken cancellationToken)
    {
        _session = await log.DoAsync(ExperimentStepKind.Prepare, $"{name}: prepare {workload.Name}", () => WhenItAnswersAsync(
            () => MeasurementSession.OpenAsync(
                target,
                workload,
                catalog,
                time,
                (activity, expected) => pace.Report($"{name}: {activity}", (expected ?? TimeSpan.FromSeconds(3)) + pace.TimeOfRuns(unit.Runs + 1) + afterwards),
                cancellationToken),
            cancellationToken));
        pace.PreparationTook(log.Last);
    }

    // A guest without an agent cannot report that it is up, and an agent needs a moment after a resume.
    private async Task<T> WhenItAnswersAsync<T>(Func<Task<T>> action, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await action();
            }
            catch (GuestChannelException exception) when (_wasRestarted
                && exception.Reason is GuestChannelReason.AgentNotResponding or GuestChannelReason.SshUnreachable
                && time.GetElapsedTime(started) < BootLimit)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), time, cancellationToken);
            }
        }
    }

    private async Task CloseSessionAsync()
    {
        if (_session is not { } session)
        {
            return;
        }

        _session = null;
        await log.DoAsync(ExperimentStepKind.Prepare, $"remove what {workload.Name} made in the guest", async () =>
        {
            await session.DisposeAsync();
            LeftInGuest = session.LeftNote;
            foreach (var note in session.ToPerformance()?.Notes ?? [])
            {
                runs.Note(note);
            }
        });
    }

    // Reads the conditions of this side while it is in force.
    private async Task LearnAsync(bool isCandidate, bool isFresh, CancellationToken cancellationToken)
    {
        if (runs.Knows(isCandidate) && !(isFresh && schedule.NeedsRestart))
        {
            return;
        }

        var known = _session!.ToPerformance()!;
        var now = await target.ReadConditionsAsync(await target.ReadRunningXmlAsync(cancellationToken), cancellationToken);
        runs.Learn(known, isCandidate, now with
        {
            Channel = known.Conditions.Channel,
            WorkloadVersion = known.Conditions.WorkloadVersion,
            GuestFile = known.Conditions.GuestFile,
        });
    }

    private async Task WarmUpAsync(bool isCandidate, int index, CancellationToken cancellationToken)
    {
        for (var extra = 0; ;)
        {
            var run = await MakeRunAsync(isWarmup: true, isCandidate, index, cancellationToken);
            if (run.Failure is null && (_session!.ImageGrowthBytes(run) <= 0 || extra++ == MostExtraWarmups))
            {
                return;
            }
        }
    }

    private async Task<MeasuredRun> MakeRunAsync(bool isWarmup, bool isCandidate, int index, CancellationToken cancellationToken)
    {
        var run = await _session!.RunAsync(isWarmup, cancellationToken);
        runs.Add(run, isCandidate);
        if (run.Failure is null)
        {
            pace.RunTook(run.Duration);
            return run;
        }

        // As in a measurement, half as many failed runs are tolerated as runs are planned until the next look.
        var planned = Enumerable.Range(0, Math.Max(index + 1, schedule.NextLook(index))).Sum(stage => schedule.Stage(stage).Units.Sum(unit => unit.Runs));
        if (runs.FailedCount > Math.Max(1, planned / 2))
        {
            throw new MeasurementException(
                MeasurementReason.TooManyFailedRuns,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{runs.FailedCount} of {runs.Count} runs of {workload.Name} on {target.VMName} failed; the last one: {run.Failure}"));
        }

        return run;
    }
}
