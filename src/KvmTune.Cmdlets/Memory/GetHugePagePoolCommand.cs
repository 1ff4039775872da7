// Get-HugePagePool: the host's pools of huge pages, per node and size.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Topology;
using KvmTune.Tuning.HugePages;

namespace KvmTune.Cmdlets.Memory;

/// <summary>Shows a host's pools of huge pages.</summary>
[Cmdlet(VerbsCommon.Get, "HugePagePool")]
[OutputType(typeof(HugePagePool))]
public sealed class GetHugePagePoolCommand : CancellableCmdlet
{
    /// <summary>The page sizes: 2M, 1G, 2048K, or numbers of KiB. By default all.</summary>
    [Parameter(Position = 0)]
    [PageSizeTransformation]
    [ArgumentCompleter(typeof(PageSizeCompleter))]
    public long[]? PageSize { get; set; }

    /// <summary>The NUMA nodes. By default all.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(HostNodeCompleter))]
    public int[]? Node { get; set; }

    /// <summary>The libvirt URI; by default the session's default host.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Alias("Uri")]
    [ArgumentCompleter(typeof(ConnectionUriCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ConnectionUri { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => Try(ConnectionUri, () =>
    {
        var pools = new HugePagePools(HostConnections.Get(ConnectionUri));
        var all = pools.Read();

        // A size or node that does not exist is an error, as it is for Set-HugePagePool.
        foreach (var size in PageSize ?? [])
        {
            pools.Select(all, size, node: null);
        }

        foreach (var node in Node ?? [])
        {
            pools.Select(all, pageSizeKiB: null, node);
        }

        WriteObject(
            all.Where(pool => PageSize?.Contains(pool.PageSizeKiB) != false && Node?.Contains(pool.Node) != false), enumerateCollection: true);
    });
}
