// Get-VMTopology: the placement of a VM's vCPUs, threads, memory, disks and NICs, as running and as configured.
using System.Collections.Concurrent;
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Topology;

namespace KvmTune.Cmdlets.VM;

/// <summary>Shows VMs with their vCPUs, threads, memory, disks and NICs.</summary>
[Cmdlet(VerbsCommon.Get, "VMTopology")]
[OutputType(typeof(VMTopology))]
public sealed class GetVMTopologyCommand : VMCmdlet
{
    private readonly ConcurrentDictionary<HostConnection, Lazy<CpuSet>> _hostCpus = [];

    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module. Default: all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [new("*")];

    /// <inheritdoc/>
    protected override void ProcessRecord() => ReadEachVM(VMName, (vm, _) => Read(vm), WriteObject);

    private VMTopology Read(VMTarget vm)
    {
        var hostCpus = _hostCpus.GetOrAdd(vm.Host, static host => new(() => HostReading.OnlineCpus(host)));
        return VMTopologyReader.Read(vm.Domain, vm.Host.Uri, hostCpus.Value);
    }
}
