// Clear-EmulatorPin: removes the emulator's pin.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Cpu;

/// <summary>Removes the pin of a VM's emulator threads.</summary>
[Cmdlet(VerbsCommon.Clear, "EmulatorPin", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class ClearEmulatorPinCommand : VMChangeCmdlet
{
    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm) =>
    [
        new EmulatorPinChange
        {
            Scope = Scope,
            Pins = new Dictionary<int, CpuSet?> { [EmulatorPinChange.Emulator] = null },
        },
    ];
}
