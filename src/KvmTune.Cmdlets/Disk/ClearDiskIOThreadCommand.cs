// Clear-DiskIOThread: removes a disk's I/O thread and queues, so that QEMU's main loop does its I/O again.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Disk;

/// <summary>Removes the I/O thread and the queues of a disk, and the thread itself if no other disk uses it.</summary>
[Cmdlet(VerbsCommon.Clear, "DiskIOThread", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class ClearDiskIOThreadCommand : VMChangeCmdlet
{
    /// <summary>The disks, by target name (vdb); wildcards are allowed.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [NamesPart]
    [Alias("Target")]
    [CellTransformation(IsList = true)]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>Keeps the VM's I/O thread, although no disk uses it any more.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [FlagTransformation]
    public SwitchParameter KeepThread { get; set; }

    /// <summary>Leaves the number of queues as it is.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [FlagTransformation]
    public SwitchParameter KeepQueues { get; set; }

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm) => DiskNames.Of(vm, Disk).Select(disk => new DiskIOThreadRequest(disk)
    {
        IsRelease = true,
        KeepThread = KeepThread,
        KeepQueues = KeepQueues,
    }.ToChange(PersistentDocument.Of(vm)) with
    { Scope = Scope });
}
