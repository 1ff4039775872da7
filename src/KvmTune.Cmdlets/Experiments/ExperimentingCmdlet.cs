// The common part of the cmdlets that make experiments: a workload, restarts and consent to risks.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Cmdlets.Measurement;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Experiments;

/// <summary>
/// A cmdlet that tries changes under a workload. It repeats the restart parameters of <see cref="TuningCmdlet"/>, because a class has only one
/// base class, and this one needs the workload parameters.
/// </summary>
public abstract class ExperimentingCmdlet : WorkloadCmdlet
{
    /// <summary>Allows restarts of the VM, as many as needed. Without it, a change that needs a restart is refused or skipped.</summary>
    [Parameter]
    public SwitchParameter Restart { get; set; }

    /// <summary>
    /// How to restart a VM. Suspend saves the guest's state and resumes it with the new settings, without a reboot. Reboot shuts the VM down and
    /// starts it. Auto suspends if that can put the change in force, else reboots and gives the reason.
    /// </summary>
    [Parameter]
    public RestartBy RestartBy { get; set; } = RestartBy.Auto;

    /// <summary>How long the guest may take to shut down for a restart. Default: two minutes.</summary>
    [Parameter]
    [DurationTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public TimeSpan ShutdownTimeLimit { get; set; } = new RestartOptions().TimeLimit;

    /// <summary>Powers off a guest that does not shut down in time for a restart: it loses unwritten data.</summary>
    [Parameter]
    public SwitchParameter AllowPowerOff { get; set; }

    /// <summary>Consents to a risk for data, without a question.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>How a restart is done.</summary>
    private protected RestartOptions RestartOptions => new() { By = RestartBy, TimeLimit = ShutdownTimeLimit, AllowPowerOff = AllowPowerOff, WritesNothing = IsWhatIf };
}
