// Clear-VcpuPin: removes pins, so that the scheduler chooses the host CPU again.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Cpu;

/// <summary>Removes the pins of vCPUs.</summary>
[Cmdlet(VerbsCommon.Clear, "VcpuPin", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class ClearVcpuPinCommand : VMChangeCmdlet
{
    /// <summary>The vCPUs: 0, 0,1, '0-3' or *; default: all of the VM's vCPUs.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [NamesPart]
    [Alias("Number")]
    [CellTransformation(IsList = true)]
    [ArgumentCompleter(typeof(VcpuCompleter))]
    public string[]? Vcpu { get; set; }

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm) =>
    [
        new VcpuPinChange
        {
            Scope = Scope,
            Pins = NumberLists.Of(Vcpu ?? ["*"], () => SetVcpuPinCommand.All(vm, Scope), "vCPU")
                .ToDictionary(vcpu => vcpu, _ => (CpuSet?)null),
        },
    ];
}
