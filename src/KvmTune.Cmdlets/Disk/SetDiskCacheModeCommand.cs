// Set-DiskCacheMode: how QEMU opens a disk's image: cache mode, I/O mode, discard, detection of zeroes.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Disk;

/// <summary>Sets the cache mode and the I/O mode of a disk.</summary>
[Cmdlet(VerbsCommon.Set, "DiskCacheMode", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class SetDiskCacheModeCommand : VMChangeCmdlet
{
    /// <summary>The disks, by target name (vdb); wildcards are allowed.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [NamesPart]
    [Alias("Target")]
    [CellTransformation(IsList = true)]
    [ArgumentCompleter(typeof(DiskCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Disk { get; set; } = [];

    /// <summary>The cache mode; default removes the setting, which QEMU takes as writeback.</summary>
    [Parameter(Position = 2, ValueFromPipelineByPropertyName = true)]
    [Words("none", "writeback", "writethrough", "directsync", "unsafe", "default")]
    [ArgumentCompleter(typeof(WordsCompleter))]
    public string? Cache { get; set; }

    /// <summary>The I/O mode; default removes the setting. native needs cache none or directsync.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Words("native", "threads", "io_uring", "default")]
    [ArgumentCompleter(typeof(WordsCompleter))]
    public string? IO { get; set; }

    /// <summary>Whether the guest's discards reach the image; default removes the setting.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Words("unmap", "ignore", "default")]
    [ArgumentCompleter(typeof(WordsCompleter))]
    public string? Discard { get; set; }

    /// <summary>Whether QEMU detects blocks of zeroes and does not write them; default removes the setting.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Words("off", "on", "unmap", "default")]
    [ArgumentCompleter(typeof(WordsCompleter))]
    public string? DetectZeroes { get; set; }

    /// <inheritdoc/>
    protected override KvmTuneException? CheckSettings() => (Cache ?? IO ?? Discard ?? DetectZeroes) is null
        ? new KvmTuneException("NothingToSet", KvmTuneErrorCategory.InvalidArgument, "Specify at least one of -Cache, -IO, -Discard or -DetectZeroes.")
        : null;

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm)
    {
        var options = new Dictionary<string, string?>(StringComparer.Ordinal);
        Add(options, "cache", Cache);
        Add(options, "io", IO);
        Add(options, "discard", Discard);
        Add(options, "detect_zeroes", DetectZeroes);
        return DiskNames.Of(vm, Disk).Select(disk => new DiskDriverChange
        {
            Scope = Scope,
            Disk = disk,
            Options = options,
        });
    }

    private static void Add(Dictionary<string, string?> options, string name, string? value)
    {
        if (value is not null)
        {
            options[name] = value.Equals("default", StringComparison.OrdinalIgnoreCase) ? null : value.ToLowerInvariant();
        }
    }
}
