// The measuring loop: a warm-up, then runs until enough are good, and a clean-up in every case.
using System.Globalization;
using KvmTune.Guest;
using KvmTune.Measurement.Workloads;

namespace KvmTune.Measurement;

/// <summary>Measures VMs.</summary>
public sealed class VMMeasurer
{
    private static readonly TimeSpan PreparationGuess = TimeSpan.FromSeconds(3);

    // A guest's journal on a sparse image is allocated after some 30 s of synchronous writes; copy-on-write file systems never end.
    private const int MostExtraWarmups = 10;

    private readonly WorkloadCatalog _catalog;
    private readonly TimeProvider _time;

    /// <summary>Creates a measurer.</summary>
    public VMMeasurer(WorkloadCatalog catalog, TimeProvider timeProvider)
    {
        _catalog = catalog;
        _time = timeProvider;
    }

    /// <summary>
    /// Measures one VM: notes the conditions, prepares the workload, makes one warm-up run (kept, not counted) and the requested number of
    /// runs, and removes the workload's files from the guest. Failed runs are kept, and repeated at most half as many times as runs were requested.
    /// </summary>
    /// <exception cref="ArgumentException">A setting is invalid; nothing was started.</exception>
    /// <exception cref="GuestChannelException">No channel into the guest works.</exception>
    /// <exception cref="MeasurementException">The workload cannot run in this guest.</exception>
    /// <exception cref="MeasurementInterruptedException">The measurement ended early: guest or connection lost, too many failed runs.</exception>
    /// <exception cref="MeasurementCanceledException">Cancelled; the workload no longer runs in the guest.</exception>
    public async Task<VMPerformance> MeasureAsync(
        IMeasurementTarget target, WorkloadRequest request, IProgress<MeasurementProgress>? progress, CancellationToken cancellationToken)
    {
        var workload = MeasurementSession.Validate(_catalog, request);
        var runLength = workload.RunLength(request) + TimeSpan.FromMilliseconds(150);
        var runsLength = runLength * (request.Runs + 1);
        var preparationLength = PreparationGuess;
        var preparationStart = _time.GetTimestamp();

        void ReportPreparation(string activity, TimeSpan? expected)
        {
            var gone = _time.GetElapsedTime(preparationStart);
            preparationLength = gone + (expected ?? PreparationGuess);
            progress?.Report(new MeasurementProgress(
                target.VMName, activity, Share(gone, preparationLength + runsLength), preparationLength - gone + runsLength));
        }

        var session = await MeasurementSession.OpenAsync(target, request, _catalog, _time, ReportPreparation, cancellationToken);
        await using (session)
        {
            preparationLength = _time.GetElapsedTime(preparationStart);
            try
            {
                await RunAllAsync(target, session, request, (activity, runsLeft) => progress?.Report(new MeasurementProgress(
                    target.VMName,
                    activity,
                    Share(preparationLength + runsLength - (runLength * runsLeft), preparationLength + runsLength),
                    runLength * runsLeft)), cancellationToken);
            }
            catch (Exception exception) when (exception is GuestChannelException or MeasurementException or OperationCanceledException)
            {
                var left = await session.TryCleanUpAsync();
                throw session.Interrupted(exception, left, cancellationToken);
            }

            progress?.Report(new MeasurementProgress(target.VMName, "removing the test file", 1, TimeSpan.Zero));
            await session.TryCleanUpAsync();
            return session.ToPerformance()!;
        }
    }

    private static async Task RunAllAsync(
        IMeasurementTarget target, MeasurementSession session, WorkloadRequest request, Action<string, int> report, CancellationToken cancellationToken)
    {
        var failuresLeft = Math.Max(1, request.Runs / 2);
        var isWarm = false;
        var extraWarmups = 0;
        var good = 0;
        while (good < request.Runs)
        {
            var activity = isWarm
                ? string.Create(CultureInfo.InvariantCulture, $"run {good + 1} of {request.Runs}")
                : extraWarmups == 0
                    ? "warm-up run, which is not counted"
                    : "one more warm-up run, since the disk's image still grew: first writes would be measured";
            report(session.Runs is [.., { Failure: not null }] ? activity + ", again since the last one failed" : activity, request.Runs - good + (isWarm ? 0 : 1));
            var run = await session.RunAsync(isWarmup: !isWarm, cancellationToken);
            if (run.Failure is null)
            {
                good += isWarm ? 1 : 0;
                isWarm = isWarm || session.ImageGrowthBytes(run) <= 0 || extraWarmups++ == MostExtraWarmups;
                continue;
            }

            if (failuresLeft-- == 0)
            {
                throw new MeasurementException(
                    MeasurementReason.TooManyFailedRuns,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{session.Runs.Count(made => made.Failure is not null)} of {session.Runs.Count} runs of {request.Name} on {target.VMName} failed; the last one: {run.Failure}"));
            }
        }

        if (session.Runs.Where(run => run is { Failure: null, IsWarmup: false }).Max(session.ImageGrowthBytes) is > 0 and var growth)
        {
            session.AddNote(string.Create(
                CultureInfo.InvariantCulture,
                $"The image of the disk grew by up to {growth / 1024 / 1024:0.0} MiB in a run: first writes, which are slower, are part of the numbers."));
        }

        var failed = session.Runs.Count(run => run.Failure is not null);
        if (failed > 0)
        {
            session.AddNote(string.Create(CultureInfo.InvariantCulture, $"{failed} failed runs were repeated; they are kept among the runs."));
        }
    }

    private static double Share(TimeSpan part, TimeSpan whole) => whole <= TimeSpan.Zero ? 0 : Math.Clamp(part / whole, 0, 1);
}
