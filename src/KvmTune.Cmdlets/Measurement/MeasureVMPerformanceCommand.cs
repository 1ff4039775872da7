// Measure-VMPerformance: loads a guest with a workload several times and keeps every run.
using System.Management.Automation;
using System.Runtime.ExceptionServices;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using KvmTune.Statistics;

namespace KvmTune.Cmdlets.Measurement;

/// <summary>
/// Measures VMs. A change from the pipeline is measured with the workload of the measurement before it, so that the two can be compared.
/// </summary>
[Cmdlet(VerbsDiagnostic.Measure, "VMPerformance", SupportsShouldProcess = true)]
[OutputType(typeof(VMPerformance), typeof(VMCalibration))]
public sealed class MeasureVMPerformanceCommand : WorkloadCmdlet
{
    private readonly List<Job> _together = [];
    private DateTimeOffset _begun;
    private bool _isWarned;

    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module. Several are measured one after the other.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <summary>Measures all VMs at the same time, so that they disturb each other. The runs begin after the pipeline's last VM.</summary>
    [Parameter]
    public SwitchParameter Parallel { get; set; }

    /// <summary>
    /// Measures the workload against itself, and reports the smallest change that this VM on this host can show and the time that it takes.
    /// </summary>
    [Parameter]
    public SwitchParameter Calibrate { get; set; }

    /// <summary>The workload Observe: the area to watch.</summary>
    [Parameter]
    public ObservedArea Area { get; set; }

    /// <inheritdoc/>
    protected override ObservedArea? WatchedArea => IsGiven(nameof(Area)) ? Area : null;

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        _begun = DateTimeOffset.UtcNow;
    }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachVM(VMName, writable: true, keep: Parallel, vm =>
    {
        var before = vm.Reference.Performance ?? vm.Reference.Change?.MeasuredBefore() as VMPerformance;
        var request = Request(before?.Workload, vm);
        if (Calibrate)
        {
            // Both sides need the same number of runs: for an odd number, one more run completes the last pair.
            var runs = IsGiven(nameof(Runs)) ? Math.Max(Runs, VMCalibrator.FewestRuns) : VMCalibrator.DefaultRuns;
            request = request with { Runs = runs + (runs % 2) };
        }

        WarnOfTooFewRuns(request, before);
        if (!ShouldProcess(vm.Domain.Name, $"load the guest with {request.Name}, {request.Runs + 1} runs of {request.RunTimeSeconds:0.#} s"))
        {
            return false;
        }

        var job = new Job(vm, request, before);
        if (Parallel)
        {
            _together.Add(job);
            return true;
        }

        Run([job]);
        return false;
    });

    /// <inheritdoc/>
    protected override void EndProcessing() => Run(_together);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var job in _together)
            {
                job.VM.Domain.Dispose();
            }

            _together.Clear();
        }

        base.Dispose(disposing);
    }

    // A measurement that goes on down the pipeline, or follows a change, is likely to be compared. Only the first measurement of a pipeline
    // warns.
    private void WarnOfTooFewRuns(WorkloadRequest request, VMPerformance? before)
    {
        var fewest = Detectability.FewestToReach(ComparisonDesign.Sequential, VerdictLimits.ProvisionalAlpha);
        if (_isWarned || Calibrate || request.Runs >= fewest || MyInvocation.PipelinePosition == MyInvocation.PipelineLength || before?.StartedAt >= _begun)
        {
            return;
        }

        _isWarned = true;
        WriteWarning(System.FormattableString.Invariant(
            $"{request.Runs} runs are too few for a comparison: their smallest possible p is {RankSumTest.SmallestPValue(request.Runs, request.Runs):0.###}, and a verdict needs {VerdictLimits.ProvisionalAlpha}. Use at least {fewest} (-Runs)."));
    }

    private void Run(List<Job> jobs)
    {
        if (jobs.Count == 0)
        {
            return;
        }

        var names = jobs.Select(job => job.VM.Domain.Name).ToList();
        var bars = jobs.Select((job, i) => new ProgressReporter(this, $"Measuring {names[i]}: {job.Request.Name}", i)).ToList();
        try
        {
            Await(async (post, token) =>
            {
                await Task.WhenAll(jobs.Select(async (job, i) =>
                {
                    try
                    {
                        var performance = SimultaneousMeasurement.Mark(await MeasureAsync(job, bars[i].Through(post), token), names);
                        post(() => Try(names[i], () => Write(job, performance)));
                    }
                    catch (Exception exception) when (jobs.Count > 1 && exception is not OperationCanceledException)
                    {
                        // An error of one guest does not stop the measurement of the others.
                        var error = ExceptionDispatchInfo.Capture(exception);
                        post(() => Try(names[i], error.Throw));
                    }
                }));
                return true;
            });
        }
        finally
        {
            bars.ForEach(bar => bar.Complete());
        }
    }

    private static async Task<VMPerformance> MeasureAsync(Job job, IProgress<MeasurementProgress> progress, CancellationToken token)
    {
        using var target = new LibvirtMeasurementTarget(job.VM.Domain, TimeProvider.System);
        return await new VMMeasurer(WorkloadCatalog.CreateDefault(), TimeProvider.System).MeasureAsync(target, job.Request, progress, token);
    }

    private void Write(Job job, VMPerformance performance)
    {
        performance = performance with { Change = job.VM.Reference.Change, Baseline = job.Before };
        Journals.TryRecord(
            this, $"{performance.VMName}: the measurement was made and is emitted, but it is not in the history.", journal => journal.Record(performance));
        WriteObject(Calibrate ? VMCalibrator.Calibrate(performance with { Change = null, Baseline = null }) : performance);
    }

    private sealed record Job(VMTarget VM, WorkloadRequest Request, VMPerformance? Before);
}
