// Get-VMHostTopology: nodes, cores, siblings, caches, memory and page pools of a host.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Topology;

namespace KvmTune.Cmdlets.Host;

/// <summary>Shows the CPUs, caches, NUMA nodes and memory of a host.</summary>
[Cmdlet(VerbsCommon.Get, "VMHostTopology")]
[OutputType(typeof(VMHostTopology))]
public sealed class GetVMHostTopologyCommand : CancellableCmdlet
{
    /// <summary>The libvirt URI; by default the session's default host.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [Alias("Uri")]
    [ArgumentCompleter(typeof(ConnectionUriCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ConnectionUri { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() =>
        Try(ConnectionUri, () => WriteObject(HostReading.Read(HostConnections.Get(ConnectionUri))));
}
