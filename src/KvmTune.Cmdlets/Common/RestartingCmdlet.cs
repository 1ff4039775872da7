// What the cmdlets that may restart a VM have in common: how the restart is done.
using System.Management.Automation;
using KvmTune.Cmdlets.Completion;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>A cmdlet that is given VMs and may restart them.</summary>
public abstract class RestartingCmdlet : VMCmdlet
{
    /// <summary>How long the guest may take to shut down for a restart. Default: two minutes.</summary>
    [Parameter]
    [DurationTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public TimeSpan ShutdownTimeLimit { get; set; } = new RestartOptions().TimeLimit;

    /// <summary>Powers a guest off that does not shut down in time for a restart: what it has not written is lost.</summary>
    [Parameter]
    public SwitchParameter AllowPowerOff { get; set; }

    /// <summary>How a restart is done.</summary>
    private protected RestartOptions RestartOptions => new() { TimeLimit = ShutdownTimeLimit, AllowPowerOff = AllowPowerOff };
}
