// What the cmdlets that make experiments have in common: a workload, and what a change may cost the VM.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Cmdlets.Measurement;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Experiments;

/// <summary>
/// A cmdlet that tries changes under a workload. Its parameters about restarts are those of <see cref="TuningCmdlet"/>, said again here: those
/// of a workload come from another base class, and a class has one.
/// </summary>
public abstract class ExperimentingCmdlet : WorkloadCmdlet
{
    /// <summary>Lets the VM be restarted, as often as that takes. A change that needs a restart is refused or passed over without.</summary>
    [Parameter]
    public SwitchParameter Restart { get; set; }

    /// <summary>
    /// By which way a VM is restarted: Suspend saves the guest's state and lets it go on with the new settings, which needs no reboot; Reboot shuts
    /// it down and starts it; Auto suspends where that can put the change in force, else reboots and says why.
    /// </summary>
    [Parameter]
    public RestartBy RestartBy { get; set; } = RestartBy.Auto;

    /// <summary>How long the guest may take to shut down for a restart. Default: two minutes.</summary>
    [Parameter]
    [DurationTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public TimeSpan ShutdownTimeLimit { get; set; } = new RestartOptions().TimeLimit;

    /// <summary>Powers a guest off that does not shut down in time for a restart: what it has not written is lost.</summary>
    [Parameter]
    public SwitchParameter AllowPowerOff { get; set; }

    /// <summary>Consents to what puts data at risk, and so does not ask about it.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>How a restart is done.</summary>
    private protected RestartOptions RestartOptions => new() { By = RestartBy, TimeLimit = ShutdownTimeLimit, AllowPowerOff = AllowPowerOff, WritesNothing = IsWhatIf };
}
