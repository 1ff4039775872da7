// Optimize-VM: the whole method automatically: diagnose, try changes that could help, keep those that did, and report each step with its reason.
using System.Globalization;
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Cmdlets.Experiments;
using KvmTune.Cmdlets.Measurement;
using KvmTune.Diagnosis;
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Experiments;
using KvmTune.Measurement;
using KvmTune.Optimization;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Optimization;

/// <summary>
/// Optimizes VMs, one after the other. Each change is a separate experiment; a change that did not improve the VM is taken back. A VM without
/// a bottleneck is left alone.
/// </summary>
[Cmdlet(VerbsCommon.Optimize, "VM", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(VMOptimization))]
public sealed class OptimizeVMCommand : ExperimentingCmdlet
{
    private static readonly TuningArea[] Areas = [TuningArea.Cpu, TuningArea.Disk, TuningArea.Memory, TuningArea.Network];

    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <summary>The time for which each diagnosis watches the VM.</summary>
    [Parameter]
    [DurationTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public TimeSpan Interval { get; set; } = new BottleneckOptions().Interval;

    /// <summary>The time limit for one VM in total. An experiment that could not end within it does not begin.</summary>
    [Parameter]
    [DurationTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public TimeSpan? TimeLimit { get; set; }

    /// <summary>The only area to optimize, under any workload; by default the one that holds the VM back.</summary>
    [Parameter]
    [ValidateSet(nameof(TuningArea.Cpu), nameof(TuningArea.Disk), nameof(TuningArea.Memory), nameof(TuningArea.Network))]
    public TuningArea? Area { get; set; }

    private ExperimentOptions Experiment => new()
    {
        Restart = Restart,
        RestartOptions = RestartOptions,
        Runs = IsGiven(nameof(Runs)) ? Runs : null,
        InRuns = IsGiven(nameof(RunTime)),
    };

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachVM(VMName, writable: true, vm =>
    {
        PlanCollector.Refuse("Optimize-VM");
        var workload = Workload is null && Command is null && vm.Reference.Performance is null ? null : Request(vm.Reference.Performance?.Workload, vm);
        using var planner = new VMPlanner(vm.Host, vm.Domain);
        var subject = new OptimizationSubject(
            vm.Host,
            vm.Domain,
            new VMTuner(planner, TimeProvider.System, Journals.Current),
            workload,
            new BottleneckOptions { Interval = Interval },
            Experiment,
            TimeProvider.System);
        if (!vm.Domain.IsActive)
        {
            throw BottleneckFinder.NotRunning(subject.VMName);
        }

        var found = Await((_, token) => subject.LookAsync(token));
        if (ShouldProcess(Description(subject, found), $"{subject.VMName}: find what is slow under {Load(subject)}, try what could help, and keep what does?", "KvmTune"))
        {
            Run(subject);
        }
    });

    private void Run(OptimizationSubject subject)
    {
        ProgressReporter bar = new(this, $"Optimizing {subject.VMName}");
        try
        {
            var optimization = Await((post, token) => new VMOptimizer(TimeProvider.System).RunAsync(
                subject,
                new OptimizationOptions { TimeLimit = TimeLimit, Restart = Restart, Area = Area },
                plan => AskAsync(plan, post, token),
                experiment => post(() => Record(experiment)),
                bar.Through(post),
                token));
            WriteObject(optimization);
        }
        finally
        {
            bar.Complete();
        }
    }

    private void Record(VMExperiment experiment)
    {
        WriteVerbose($"{experiment.VMName}: {experiment.Decision}: {experiment.Title}. {experiment.Reason}");
        InvokeVMExperimentCommand.Conclude(this, experiment);
    }

    // The question is shown on PowerShell's thread, while the engine waits. If the session cannot ask, the answer is no.
    private Task<bool> AskAsync(VMTuningPlan plan, Action<Action> post, CancellationToken token)
    {
        var answer = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        post(() =>
        {
            try
            {
                answer.SetResult(PlanApplication.IsAccepted(this, plan, Force));
            }
            catch (KvmTuneException exception)
            {
                WriteWarning(exception.Message);
                answer.SetResult(false);
            }
        });
        return answer.Task.WaitAsync(token);
    }

    private static string Load(OptimizationSubject subject) => subject.Workload is "Observe" ? "its own load" : subject.Workload;

    // The text of -WhatIf: it runs nothing in the guest, so the slow area is not known yet.
    private string Description(OptimizationSubject subject, IReadOnlyList<VMTuningFinding> found)
    {
        var lines = new List<string>
        {
            string.Create(CultureInfo.InvariantCulture, $"{subject.VMName}: watch it for {Interval.TotalSeconds:0.#} s under {Load(subject)}; where {(Area is { } only ? $"the {only}" : "an area")} holds it back, try in this order, one change at a time, and keep what improved:"),
        };
        var designs = new List<string>();
        foreach (var area in Areas.Where(area => Area is null || area == Area))
        {
            lines.Add($"  {area}:");
            var candidates = CandidateOrder.Of(found, area, subject: null, subject.Workload);
            lines.AddRange(candidates.Count == 0 ? ["    nothing to try"] : candidates.Select(finding => $"    {Line(subject, finding, designs)}"));
        }

        // Most candidates have the same design, so each design is described once.
        lines.AddRange(designs.Select((design, index) => string.Create(CultureInfo.InvariantCulture, $"  [{index + 1}] {design}")));
        return string.Join('\n', lines);
    }

    private string Line(OptimizationSubject subject, VMTuningFinding finding, List<string> designs)
    {
        if (finding.Plan is not { } plan)
        {
            return $"(not tried: {finding.Id}, {finding.Subject}: {finding.NoPlanReason})";
        }

        if (plan.RequiresRestart && !Restart)
        {
            return $"(not tried without -Restart: {plan.Title}, for {finding.Id})";
        }

        try
        {
            var outline = subject.Outline(plan);
            if (!designs.Contains(outline.Description))
            {
                designs.Add(outline.Description);
            }

            return string.Create(CultureInfo.InvariantCulture, $"{plan.Title}, for {finding.Id}: tried as [{designs.IndexOf(outline.Description) + 1}], about {Formatting.Duration(outline.EstimatedTime)}");
        }
        catch (KvmTuneException exception)
        {
            return $"(not tried: {plan.Title}, for {finding.Id}: {exception.Message})";
        }
    }
}
