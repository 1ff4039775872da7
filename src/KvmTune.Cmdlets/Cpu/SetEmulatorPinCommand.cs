// Set-EmulatorPin: pins QEMU's emulator threads, as virsh emulatorpin does, live and persistently.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Cpu;

/// <summary>Pins the emulator threads of a VM to host CPUs.</summary>
[Cmdlet(VerbsCommon.Set, "EmulatorPin", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class SetEmulatorPinCommand : VMChangeCmdlet
{
    /// <summary>The host CPUs that the emulator may run on: 0, '0-1' or 0,1.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [CpuSetTransformation]
    [ArgumentCompleter(typeof(HostCpuCompleter))]
    public CpuSet HostCpu { get; set; } = CpuSet.Empty;

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm) =>
    [
        new EmulatorPinChange
        {
            Scope = Scope,
            Pins = new Dictionary<int, CpuSet?> { [EmulatorPinChange.Emulator] = HostCpu },
        },
    ];
}
