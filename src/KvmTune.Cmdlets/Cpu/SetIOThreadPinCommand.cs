// Set-IOThreadPin: pins I/O threads to host CPUs, as virsh iothreadpin does, live and persistently.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Cpu;

/// <summary>Pins I/O threads of a VM to host CPUs.</summary>
[Cmdlet(VerbsCommon.Set, "IOThreadPin", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class SetIOThreadPinCommand : VMChangeCmdlet
{
    /// <summary>The I/O threads, by id from 1: 1, 1,2, '1-3' or * for all; several get the same host CPUs.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [NamesPart]
    [CellTransformation(IsList = true)]
    [ArgumentCompleter(typeof(IOThreadCompleter))]
    public string[] IOThread { get; set; } = [];

    /// <summary>The host CPUs that the threads may run on: 2, '2-3' or 2,3.</summary>
    [Parameter(Mandatory = true, Position = 2, ValueFromPipelineByPropertyName = true)]
    [CpuSetTransformation]
    [ArgumentCompleter(typeof(HostCpuCompleter))]
    public CpuSet HostCpu { get; set; } = CpuSet.Empty;

    /// <summary>The ids of all I/O threads of a VM.</summary>
    internal static IEnumerable<int> All(VMTarget vm) => DomainXmlReader.Read(vm.Domain.GetXml()).IOThreadIds;

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm) =>
    [
        new IOThreadPinChange
        {
            Scope = Scope,
            HostCpus = HostReading.OnlineCpus(vm.Host),
            Pins = NumberLists.Of(IOThread, () => All(vm), "I/O thread").ToDictionary(thread => thread, _ => (CpuSet?)HostCpu),
        },
    ];
}
