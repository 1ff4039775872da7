// Enable-HugePages: backs a VM's memory with huge pages of the host's pools.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Memory;

/// <summary>Backs the memory of VMs with huge pages.</summary>
[Cmdlet(VerbsLifecycle.Enable, "HugePages", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class EnableHugePagesCommand : VMChangeCmdlet
{
    /// <summary>The page size: 2M, 1G, 2048K, or a number of KiB. By default the host's default size.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [PageSizeTransformation]
    [ArgumentCompleter(typeof(PageSizeCompleter))]
    public long? PageSize { get; set; }

    /// <summary>The guest's NUMA nodes that get the page size: 0, '0-1'. By default all. Page sizes of other guest nodes stay.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [CpuSetTransformation(IsOptional = true)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public CpuSet? GuestNode { get; set; }

    /// <summary>Locks the memory in the host's RAM, so that it cannot be swapped out; -Locked:$false removes that setting.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [FlagTransformation]
    public SwitchParameter Locked { get; set; }

    /// <summary>Keeps the host from merging the memory's pages with those of other VMs; -NoSharePages:$false removes that setting.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [FlagTransformation]
    public SwitchParameter NoSharePages { get; set; }

    /// <summary>
    /// Reserves the missing pages in the host's pools, on the nodes where the VM needs them. They stay reserved; Set-HugePagePool frees them.
    /// </summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [FlagTransformation]
    public SwitchParameter Reserve { get; set; }

    /// <inheritdoc/>
    protected override KvmTuneException? CheckSettings() => GuestNode is not null && PageSize is null
        ? new KvmTuneException("PageSizeMissing", KvmTuneErrorCategory.InvalidArgument, "-GuestNode needs -PageSize: specify the page size for these guest nodes.")
        : null;

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm) =>
    [
        new HugePagesChange
        {
            Scope = Scope,
            Enabled = true,
            Pages = HugePagesChange.PagesWith(PersistentDocument.Of(vm), PageSize, GuestNode),
            Locked = Said(nameof(Locked), Locked),
            NoSharePages = Said(nameof(NoSharePages), NoSharePages),
            Reserve = Reserve,
        },
    ];

    private bool? Said(string name, SwitchParameter value) => MyInvocation.BoundParameters.ContainsKey(name) ? value.IsPresent : null;
}
