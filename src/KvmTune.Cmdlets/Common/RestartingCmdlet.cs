// What the cmdlets that may restart a VM have in common: how the restart is done.
using System.Management.Automation;
using KvmTune.Cmdlets.Completion;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>A cmdlet that is given VMs and may restart them.</summary>
public abstract class RestartingCmdlet : VMCmdlet
{
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

    /// <summary>How a restart is done.</summary>
    private protected RestartOptions RestartOptions => new() { By = RestartBy, TimeLimit = ShutdownTimeLimit, AllowPowerOff = AllowPowerOff, WritesNothing = IsWhatIf };
}
