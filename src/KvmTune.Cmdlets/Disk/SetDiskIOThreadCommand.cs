// Set-DiskIOThread: lets a separate thread do the I/O of a disk, instead of QEMU's main loop.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Disk;

/// <summary>Gives a disk of a VM an I/O thread, which is created if it does not exist, and queues.</summary>
[Cmdlet(VerbsCommon.Set, "DiskIOThread", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class SetDiskIOThreadCommand : VMChangeCmdlet
{
    /// <summary>The disks, by target name (vdb); wildcards are allowed.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [NamesPart]
    [Alias("Target")]
    [CellTransformation(IsList = true)]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>
    /// The I/O threads, by id. Default: the disk's own thread, else an unused one, else a new one. Several threads need libvirt 10 and QEMU 9.
    /// </summary>
    [Parameter(Position = 2, ValueFromPipelineByPropertyName = true)]
    [CellTransformation(IsList = true)]
    [ArgumentCompleter(typeof(IOThreadCompleter))]
    public int[]? IOThread { get; set; }

    /// <summary>The number of queues. Default: unchanged; without a setting QEMU uses one for each vCPU (virtio-blk on PCI).</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [Between(1, 1024)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public int? Queues { get; set; }

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm) => DiskNames.Of(vm, Disk).Select(disk => new DiskIOThreadRequest(disk)
    {
        IOThreads = IOThread,
        Queues = Queues,
    }.ToChange(PersistentDocument.Of(vm)) with
    { Scope = Scope });
}
