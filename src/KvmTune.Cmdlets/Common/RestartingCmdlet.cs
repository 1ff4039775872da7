// The common part of the cmdlets that may restart a VM: how they restart it.
using System.Management.Automation;
using KvmTune.Cmdlets.Completion;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>A cmdlet that takes VMs and may restart them.</summary>
public abstract class RestartingCmdlet : VMCmdlet
{
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

    /// <summary>How a restart is done.</summary>
    private protected RestartOptions RestartOptions => new() { By = RestartBy, TimeLimit = ShutdownTimeLimit, AllowPowerOff = AllowPowerOff, WritesNothing = IsWhatIf };
}
