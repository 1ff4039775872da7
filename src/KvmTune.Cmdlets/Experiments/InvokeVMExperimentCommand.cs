// Invoke-VMExperiment: tries a change: measures without it and with it, compares, and keeps the change or takes it back.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Cmdlets.Measurement;
using KvmTune.Experiments;
using KvmTune.Measurement;
using KvmTune.Measurement.Workloads;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Experiments;

/// <summary>
/// Tries exactly one change of a VM. Plans from the pipeline are separate experiments; or a script block describes the change for each VM.
/// A change that is not kept is taken back, however the experiment ends.
/// </summary>
[Cmdlet(VerbsLifecycle.Invoke, "VMExperiment", DefaultParameterSetName = PlanSet, SupportsShouldProcess = true)]
[OutputType(typeof(VMExperiment))]
public sealed class InvokeVMExperimentCommand : ExperimentingCmdlet
{
    private const string PlanSet = "Plan";
    private const string ChangeSet = "Change";

    private ExperimentProgress? _progress;

    /// <summary>The changes to try: plans made with -AsPlan, or findings that carry a plan. Each is a separate experiment.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = PlanSet)]
    [PlanTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public VMTuningPlan[] Plan { get; set; } = [];

    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module. They are processed one after the other.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, ParameterSetName = ChangeSet)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <summary>
    /// Describes the change for the VM in $_ (an object of Get-VMTopology). Its changes are only planned; the baseline is measured first.
    /// </summary>
    [Parameter(Mandatory = true, ParameterSetName = ChangeSet)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ScriptBlock Change { get; set; } = null!;

    /// <summary>Treats all changes of -Change as one. Without it, several changes are refused.</summary>
    [Parameter(ParameterSetName = ChangeSet)]
    public SwitchParameter AllowMultiple { get; set; }

    /// <summary>
    /// The order of the runs. Auto: Switchback for a live change under a workload that reports while it runs; else pairs of runs, or of boots if
    /// the change needs a restart; blocks if -TimeLimit is too short for pairs.
    /// </summary>
    [Parameter]
    public ExperimentDesign Design { get; set; }

    /// <summary>When the change is kept.</summary>
    [Parameter]
    public KeepRule Keep { get; set; }

    /// <summary>The time limit for the experiment of one VM. At the limit it compares the runs made so far, and adds a note.</summary>
    [Parameter]
    [DurationTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public TimeSpan? TimeLimit { get; set; }

    /// <summary>
    /// The name of the deciding metric, instead of the workload's primary one: for example LatencyP99, to see whether the guest is steadier.
    /// </summary>
    [Parameter]
    [ArgumentCompleter(typeof(MetricCompleter))]
    public string? DecidingMetric { get; set; }

    /// <summary>
    /// The smallest rise in per cent that counts, instead of the built-in thresholds. The smallest fall that counts is the one that cancels this
    /// rise: 50 means half as much again, or a third less.
    /// </summary>
    [Parameter]
    [ValidateRange(0.1, 50)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public double? Threshold { get; set; }

    /// <summary>The seed of the random order of the runs inside each pair, to repeat an order.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public int? Seed { get; set; }

    /// <summary>The workload Observe: the area to watch.</summary>
    [Parameter]
    public ObservedArea Area { get; set; }

    /// <inheritdoc/>
    protected override ObservedArea? WatchedArea => IsGiven(nameof(Area)) ? Area : null;

    private ExperimentOptions Options => new()
    {
        Design = Design,
        Keep = Keep,
        Restart = Restart,
        RestartOptions = RestartOptions,
        Runs = IsGiven(nameof(Runs)) ? Runs : null,
        InRuns = IsGiven(nameof(RunTime)),
        TimeLimit = TimeLimit,
        Metric = DecidingMetric,
        ThresholdPercent = Threshold,
        Seed = Seed,
    };

    /// <summary>Records an experiment's measurements, and warns of the open tasks of its change.</summary>
    internal static void Conclude(CancellableCmdlet cmdlet, VMExperiment experiment)
    {
        Journals.TryRecord(
            cmdlet,
            $"{experiment.VMName}: the experiment was made and is emitted, but its measurements are not in the history.",
            journal => journal.Record(experiment.Comparison));
        foreach (var change in experiment.Changes)
        {
            PlanApplication.WarnOfOpen(cmdlet, change);
        }
    }

    /// <inheritdoc/>
    protected override void BeginProcessing()
    {
        if (PlanCollector.Current is not null)
        {
            ThrowTerminatingError(ErrorRecords.Make(
                new KvmTuneException(
                    "NotInExperiment", KvmTuneErrorCategory.InvalidOperation,
                    "-Change must only make the change to try; it cannot run another experiment."),
                null));
        }

        _progress = new ExperimentProgress(this);
    }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == PlanSet)
        {
            _progress!.Expect(Plan.Length);
            foreach (var plan in Plan)
            {
                Try(plan, () => RunPlan(plan));
            }

            return;
        }

        // The VMs are found first, so that the progress bar knows their number.
        var found = new List<VMTarget>();
        try
        {
            ForEachVM(VMName, writable: true, keep: true, vm =>
            {
                found.Add(vm);
                return true;
            });
            _progress!.Expect(found.Count);
            foreach (var vm in found)
            {
                Try(vm.Domain.Name, () => Run(vm, new BlockOfChanges(this, Change, AllowMultiple).Plan(vm)));
            }
        }
        finally
        {
            found.ForEach(vm => vm.Domain.Dispose());
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing() => _progress!.Complete();

    private void RunPlan(VMTuningPlan plan)
    {
        var host = HostConnections.Get(ConnectionUri ?? plan.ConnectionUri);
        using var domain = host.Write().TryLookupByUuid(plan.VMId) ?? throw host.VMNotFound(plan.VMName, plan.VMId);
        using var planner = new VMPlanner(host, domain);
        var anew = planner.CheckAnew(plan);
        Run(new VMTarget(host, domain, VMReference.From(plan)), [anew]);
    }

    private void Run(VMTarget vm, IReadOnlyList<VMTuningPlan> plans)
    {
        var workload = Request(vm.Reference.Performance?.Workload, vm);
        if (vm.Reference.Performance is null && !IsGiven(nameof(Area)))
        {
            // The workload Observe watches the area in which the change should have an effect.
            workload = workload with { Area = ObserveWorkload.AreaOf(plans[0].Area) };
        }

        var options = Options;
        using var target = new KvmTune.Measurement.LibvirtMeasurementTarget(vm.Domain, TimeProvider.System);
        using var planner = new VMPlanner(vm.Host, vm.Domain);
        var experimenter = new VMExperimenter(
            vm.Host, new VMTuner(planner, TimeProvider.System, Journals.Current), target, WorkloadCatalog.CreateDefault(), TimeProvider.System);
        foreach (var plan in plans)
        {
            VMPlanner.RefuseErrors(plan);
            PlanApplication.Show(this, plan);
        }

        var outline = experimenter.Outline(plans, workload, options, LastOf(vm.Domain.Id, workload));
        foreach (var warning in outline.Warnings)
        {
            WriteWarning($"{vm.Domain.Name}: {warning}");
        }

        if (!ShouldProcess(
                BlockOfChanges.Description(plans, workload, options, outline),
                $"{vm.Domain.Name}: try '{string.Join("; ", plans.Select(plan => plan.Title))}' under {workload.Name}{(outline.Way?.By switch { null => null, RestartBy.Suspend => ", suspending and resuming the guest several times", _ => ", restarting the VM several times" })}?",
                "KvmTune")
            || !plans.All(plan => PlanApplication.IsAccepted(this, plan, Force)))
        {
            _progress!.Skip();
            return;
        }

        var bar = _progress!.Begin(vm.Domain.Name, workload.Name);
        try
        {
            var experiment = Await((post, token) => experimenter.RunAsync(plans, workload, options, bar.Through(post), token));
            Conclude(this, experiment);
            WriteObject(experiment);
        }
        finally
        {
            bar.Complete();
            _progress.End();
        }
    }

    // The journal's last measurement, for the VM's noise under this workload. If the journal cannot be read, the later write to it reports the error.
    private static VMPerformance? LastOf(Guid vmId, WorkloadRequest workload)
    {
        try
        {
            return Journals.Current.LastMeasurement(vmId, workload);
        }
        catch (KvmTuneException)
        {
            return null;
        }
    }
}
