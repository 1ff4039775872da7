// Set-DiskThrottle: limits the I/O of a disk, as virsh blkdeviotune does, live and persistently.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Disk;

/// <summary>Limits the reads and writes of a disk of a VM. 0 means no limit; setting one limit of a kind removes the others of its kind.</summary>
[Cmdlet(VerbsCommon.Set, "DiskThrottle", DefaultParameterSetName = SetSet, SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class SetDiskThrottleCommand : VMChangeCmdlet
{
    private const string SetSet = "Set";
    private const string ClearSet = "Clear";

    /// <summary>The disks, by target name (vdb); wildcards are allowed.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [NamesPart]
    [Alias("Target")]
    [CellTransformation(IsList = true)]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>The limit on reads and writes together, in bytes per second (10MB).</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? TotalBytesPerSecond { get; set; }

    /// <summary>The limit on reads, in bytes per second.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? ReadBytesPerSecond { get; set; }

    /// <summary>The limit on writes, in bytes per second.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? WriteBytesPerSecond { get; set; }

    /// <summary>The limit on reads and writes together, in operations per second.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? TotalIops { get; set; }

    /// <summary>The limit on reads, in operations per second.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? ReadIops { get; set; }

    /// <summary>The limit on writes, in operations per second.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? WriteIops { get; set; }

    /// <summary>The limit on reads and writes together during a burst, in bytes per second.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? TotalBytesPerSecondMax { get; set; }

    /// <summary>The limit on reads during a burst, in bytes per second.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? ReadBytesPerSecondMax { get; set; }

    /// <summary>The limit on writes during a burst, in bytes per second.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? WriteBytesPerSecondMax { get; set; }

    /// <summary>The limit on reads and writes together during a burst, in operations per second.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? TotalIopsMax { get; set; }

    /// <summary>The limit on reads during a burst, in operations per second.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? ReadIopsMax { get; set; }

    /// <summary>The limit on writes during a burst, in operations per second.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? WriteIopsMax { get; set; }

    /// <summary>The longest time of a burst, in whole seconds, for the bursts in the same command. QEMU's own default is one second.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [DurationTransformation(IsOptional = true)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public TimeSpan? BurstLength { get; set; }

    /// <summary>The size in bytes above which a request counts as several operations.</summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public ulong? IopsSize { get; set; }

    /// <summary>Removes all limits.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ClearSet)]
    public SwitchParameter Clear { get; set; }

    /// <inheritdoc/>
    protected override KvmTuneException? CheckSettings() => ParameterSetName == SetSet && Given().Count == 0
        ? new KvmTuneException(
            "NothingToSet", KvmTuneErrorCategory.InvalidArgument, "Specify a limit, for example -TotalIops 500 or -WriteBytesPerSecond 20MB, or -Clear.")
        : null;

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm)
    {
        var limits = DiskThrottleChange.WholeCategories(Clear
            ? DiskThrottleChange.Categories.SelectMany(category => category).ToDictionary(name => name, _ => (ulong?)null, StringComparer.Ordinal)
            : Given());
        return DiskNames.Of(vm, Disk).Select(disk => new DiskThrottleChange
        {
            Scope = Scope,
            Disk = disk,
            Limits = limits,
            SetsGroup = Clear && IsInGroup(vm, disk),
        });
    }

    private static bool IsInGroup(VMTarget vm, string disk) => DomainXmlReader.Read(vm.Domain.GetXml()).Disks
        .Concat(PersistentDocument.Of(vm).ToConfiguration().Disks)
        .Any(candidate => candidate.Target.Equals(disk, StringComparison.OrdinalIgnoreCase) && candidate.ThrottleGroup is not null);

    // A parameter with the value 0 counts as given: it removes a limit.
    private Dictionary<string, ulong?> Given()
    {
        var given = DiskLimitNames.Parameters.Where(limit => MyInvocation.BoundParameters.GetValueOrDefault(limit.Key) is ulong)
            .ToDictionary(limit => limit.Value, limit => (ulong?)(ulong)MyInvocation.BoundParameters[limit.Key], StringComparer.Ordinal);
        if (BurstLength is { } length)
        {
            foreach (var burst in given.Keys.Where(name => name.EndsWith("_max", StringComparison.Ordinal)).ToList())
            {
                given[$"{burst}_length"] = (ulong)Math.Max(1, Math.Round(length.TotalSeconds));
            }
        }

        return given;
    }
}
