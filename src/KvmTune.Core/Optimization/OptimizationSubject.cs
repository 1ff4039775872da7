// A real VM to optimize: it is watched under a workload or under its own load, and experiments try changes on it.
using KvmTune.Diagnosis;
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Experiments;
using KvmTune.Experiments.Switchback;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using KvmTune.Tuning;

namespace KvmTune.Optimization;

/// <summary>A VM of a host.</summary>
/// <param name="host">The host.</param>
/// <param name="domain">The VM, on a writable connection. It stays the caller's.</param>
/// <param name="tuner">Makes the changes.</param>
/// <param name="workload">The workload that loads the guest and judges changes; null for the guest's own load.</param>
/// <param name="bottleneck">How the VM is watched.</param>
/// <param name="experiment">How experiments are made.</param>
/// <param name="time">The clock.</param>
public sealed class OptimizationSubject(
    HostConnection host,
    LibvirtDomain domain,
    VMTuner tuner,
    WorkloadRequest? workload,
    BottleneckOptions bottleneck,
    ExperimentOptions experiment,
    TimeProvider time) : IOptimizationSubject
{
    private const string OwnLoad = "Observe";

    private readonly WorkloadCatalog _catalog = WorkloadCatalog.CreateDefault();
    private readonly VMInspector _inspector = new(host, time);

    /// <inheritdoc/>
    public string VMName => domain.Name;

    /// <inheritdoc/>
    public Guid VMId => domain.Id;

    /// <inheritdoc/>
    public string ConnectionUri => host.Uri;

    /// <inheritdoc/>
    public string Workload => workload?.Name ?? OwnLoad;

    /// <inheritdoc/>
    public async Task<VMBottleneckReport> DiagnoseAsync(IProgress<MeasurementProgress>? progress, CancellationToken cancellationToken)
    {
        if (workload is null || !_catalog.Get(workload.Name).NeedsChannel)
        {
            return await WatchAsync(progress, cancellationToken);
        }

        progress?.Report(new MeasurementProgress(VMName, $"starting {workload.Name} in the guest, to watch the VM under it", 0, null));
        using var target = new LibvirtMeasurementTarget(domain, time);
        await using var session = await MeasurementSession.OpenAsync(target, workload, _catalog, time, null, cancellationToken);
        // The first run shows whether the load works at all. It ends before the watching begins.
        if ((await session.RunAsync(isWarmup: true, cancellationToken)).Failure is { } failure)
        {
            throw new MeasurementException(MeasurementReason.PreparationFailed, $"{workload.Name} does not run in '{VMName}': {failure}");
        }

        using var watched = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var load = LoadAsync(session, watched.Token);
        try
        {
            return await WatchAsync(progress, cancellationToken);
        }
        finally
        {
            await watched.CancelAsync();
            await load;
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<VMTuningFinding>> LookAsync(CancellationToken cancellationToken) =>
        (await _inspector.InspectAsync(domain, cancellationToken)).Findings;

    /// <inheritdoc/>
    public async Task<VMExperiment> TryAsync(
        VMTuningPlan plan, TuningArea area, TimeSpan? timeLimit, IProgress<MeasurementProgress>? progress, CancellationToken cancellationToken)
    {
        using var target = new LibvirtMeasurementTarget(domain, time);
        return await new VMExperimenter(host, tuner, target, _catalog, time).RunAsync(
            [plan], WorkloadFor(workload, area), experiment with { TimeLimit = timeLimit, LoadTime = SlotPlan.DefaultTime }, progress, cancellationToken);
    }

    /// <summary>The outline of an experiment on a plan.</summary>
    /// <exception cref="KvmTuneException">It would be refused.</exception>
    public ExperimentOutline Outline(VMTuningPlan plan)
    {
        using var target = new LibvirtMeasurementTarget(domain, time);
        return new VMExperimenter(host, tuner, target, _catalog, time).Outline([plan], WorkloadFor(workload, plan.Area), experiment);
    }

    private async Task<VMBottleneckReport> WatchAsync(IProgress<MeasurementProgress>? progress, CancellationToken cancellationToken) =>
        await new BottleneckFinder(time).FindAsync(host, [domain], bottleneck, progress, cancellationToken) is [var report]
            ? report
            : throw BottleneckFinder.NotRunning(VMName);

    // Repeats the run until it is cancelled; that ends the program in the guest too.
    private async Task LoadAsync(MeasurementSession session, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                if ((await session.RunAsync(isWarmup: false, cancellationToken)).Failure is { } failure)
                {
                    throw new MeasurementException(MeasurementReason.Interrupted, $"The load under which '{VMName}' is watched ended: {failure}");
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The watching is over.
        }
    }

    /// <summary>The workload that judges a change of an area: the guest's own load is judged by the counters of that area.</summary>
    internal static WorkloadRequest WorkloadFor(WorkloadRequest? workload, TuningArea area) =>
        workload is not null && !workload.Name.Equals(OwnLoad, StringComparison.OrdinalIgnoreCase)
            ? workload
            : (workload ?? new WorkloadRequest { Name = OwnLoad }) with { Area = ObserveWorkload.AreaOf(area) };
}
