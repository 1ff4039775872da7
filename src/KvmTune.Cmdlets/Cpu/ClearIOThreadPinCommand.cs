// Clear-IOThreadPin: removes the pins of I/O threads.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Cpu;

/// <summary>Removes the pins of a VM's I/O threads.</summary>
[Cmdlet(VerbsCommon.Clear, "IOThreadPin", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class ClearIOThreadPinCommand : VMChangeCmdlet
{
    /// <summary>The I/O threads, by id: 1, 1,2, '1-3' or *; default: all of the VM's I/O threads.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [NamesPart]
    [CellTransformation(IsList = true)]
    [ArgumentCompleter(typeof(IOThreadCompleter))]
    public string[]? IOThread { get; set; }

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm) =>
    [
        new IOThreadPinChange
        {
            Scope = Scope,
            HostCpus = HostReading.OnlineCpus(vm.Host),
            Pins = NumberLists.Of(IOThread ?? ["*"], () => SetIOThreadPinCommand.All(vm), "I/O thread").ToDictionary(thread => thread, _ => (CpuSet?)null),
        },
    ];
}
