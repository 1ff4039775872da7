// Invoke-VMTuning: applies plans that were made with -AsPlan or came with a finding, checked anew.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Tuning;

/// <summary>Applies planned changes.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "VMTuning", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult))]
public sealed class InvokeVMTuningCommand : CancellableCmdlet
{
    /// <summary>The plans, or objects that carry one (findings). Each is checked anew: when somebody changed the same settings since, it is an error.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [PlanTransformation]
    public VMTuningPlan[] Plan { get; set; } = [];

    /// <summary>Restarts a running VM when the change needs that to come into force.</summary>
    [Parameter]
    public SwitchParameter Restart { get; set; }

    /// <summary>How long the guest may take to shut down for a restart. Default: two minutes.</summary>
    [Parameter]
    [DurationTransformation]
    public TimeSpan ShutdownTimeLimit { get; set; } = new RestartOptions().TimeLimit;

    /// <summary>Powers a guest off that does not shut down in time for a restart: what it has not written is lost.</summary>
    [Parameter]
    public SwitchParameter AllowPowerOff { get; set; }

    /// <summary>Consents to what puts data at risk, and so does not ask about it.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var plan in Plan)
        {
            Try(plan, () =>
            {
                // The plan may come from anywhere: what is shown and asked is worked out here.
                var tuner = new VMTuner(HostConnections.Get(plan.ConnectionUri), TimeProvider.System, Journals.Current);
                PlanApplication.Apply(
                    this, tuner, tuner.CheckAnew(plan), Force, PlanApplication.Options(Restart, ShutdownTimeLimit, AllowPowerOff, baseline: null));
            });
        }
    }
}
