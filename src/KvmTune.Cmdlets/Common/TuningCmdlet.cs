// The common part of the cmdlets that make changes: permission to restart a VM, and consent to a risk.
using System.Management.Automation;
using KvmTune.Measurement;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>A cmdlet that changes VMs, and restarts them only if the user allows it.</summary>
public abstract class TuningCmdlet : RestartingCmdlet
{
    /// <summary>Restarts a running VM if the change needs it.</summary>
    [Parameter]
    public SwitchParameter Restart { get; set; }

    /// <summary>Consents to a risk that the cmdlet would otherwise ask about or refuse.</summary>
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
