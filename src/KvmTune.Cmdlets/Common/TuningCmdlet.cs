// What the cmdlets that make changes have in common: whether a VM may be restarted for one, and the consent to what is at risk.
using System.Management.Automation;
using KvmTune.Measurement;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>A cmdlet that changes VMs, and restarts them only where that is allowed.</summary>
public abstract class TuningCmdlet : RestartingCmdlet
{
    /// <summary>Restarts a running VM where that is needed.</summary>
    [Parameter]
    public SwitchParameter Restart { get; set; }

    /// <summary>Consents to what would be asked about or refused.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>How a plan is applied.</summary>
    private protected ApplyOptions ApplyOptions(VMPerformance? baseline) => new()
    {
        Restart = Restart,
        RestartOptions = RestartOptions,
        Baseline = baseline,
    };
}
