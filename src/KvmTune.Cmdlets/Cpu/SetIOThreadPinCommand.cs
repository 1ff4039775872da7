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
    /// <summary>The I/O threads, by id from 1; several get the same host CPUs.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(IOThreadCompleter))]
    public int[] IOThread { get; set; } = [];

    /// <summary>The host CPUs that they may run on: 2, '2-3' or 2,3.</summary>
    [Parameter(Mandatory = true, Position = 2, ValueFromPipelineByPropertyName = true)]
    [CpuSetTransformation]
    [ArgumentCompleter(typeof(HostCpuCompleter))]
    public CpuSet HostCpu { get; set; } = CpuSet.Empty;

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm) =>
    [
        new IOThreadPinChange
        {
            Scope = Scope,
            HostCpus = HostReading.OnlineCpus(vm.Host),
            Pins = IOThread.Distinct().ToDictionary(thread => thread, _ => (CpuSet?)HostCpu),
        },
    ];
}
