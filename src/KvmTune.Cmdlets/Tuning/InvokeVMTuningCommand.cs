// Invoke-VMTuning: applies plans that were made with -AsPlan or came with a finding, after a new check.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Tuning;

/// <summary>Applies planned changes.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "VMTuning", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult))]
public sealed class InvokeVMTuningCommand : TuningCmdlet
{
    /// <summary>
    /// The plans, or objects that carry one (findings). Each is checked again: it is an error if the same settings were changed in the meantime.
    /// </summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [PlanTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public VMTuningPlan[] Plan { get; set; } = [];

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var plan in Plan)
        {
            Try(plan, () =>
            {
                // The plan may come from any source, so the warnings and the question are computed again here.
                using var planner = VMPlanner.Find(HostConnections.Get(ConnectionUri ?? plan.ConnectionUri), plan.VMName, plan.VMId);
                PlanApplication.Apply(
                    this, new VMTuner(planner, TimeProvider.System, Journals.Current), planner.CheckAnew(plan), Force, ApplyOptions(baseline: null));
            });
        }
    }
}
