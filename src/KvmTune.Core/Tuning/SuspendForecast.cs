// What a suspend is likely to cost, said before it is begun: how much is written, whether it has room, and how long the guest stands still.
using System.Diagnostics;
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>What a suspend of one VM is likely to cost.</summary>
public sealed record SuspendForecast
{
    private const long MiB = 1024 * 1024;

    // What is written beside the guest's memory: the devices' states and the definition.
    private const long OverheadBytes = 32 * MiB;

    // QEMU's end and start, as on the lab.
    private static readonly TimeSpan FixedPart = TimeSpan.FromSeconds(1.5);

    // Where the folder's speed is not measured: from afar, with -WhatIf, or for a user who may not write there. An SSD has twice that.
    private const double AssumedBytesPerSecond = 200 * MiB;

    /// <summary>The memory that the guest has in use, at most, in bytes: what is written to the disk.</summary>
    public required long MemoryInUseBytes { get; init; }

    /// <summary>The folder that libvirt saves states in; null where the VM is on another machine.</summary>
    public string? Folder { get; init; }

    /// <summary>The space that is free there, in bytes; null where it cannot be seen.</summary>
    public long? FreeBytes { get; init; }

    /// <summary>How fast the folder's disk takes data, in bytes per second.</summary>
    public required double WriteBytesPerSecond { get; init; }

    /// <summary>Whether that speed was measured, by writing a file without a name; else it is assumed.</summary>
    public bool IsMeasured { get; init; }

    /// <summary>The bytes that must be free.</summary>
    public long NeededBytes => MemoryInUseBytes + OverheadBytes;

    /// <summary>Whether there is room; true where that cannot be seen, since a save that finds none leaves the guest running.</summary>
    public bool HasRoom => FreeBytes is not { } free || free >= NeededBytes;

    /// <summary>How long the guest is likely to stand still: its memory written to the disk, and read back, which the page cache makes no slower.</summary>
    public TimeSpan Pause => FixedPart + TimeSpan.FromSeconds(2 * MemoryInUseBytes / WriteBytesPerSecond);

    /// <summary>For example <c>a pause of about 4 s: 310 MiB at 180 MiB/s</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"a pause of about {Math.Ceiling(Pause.TotalSeconds):0} s: {MemoryInUseBytes / MiB} MiB at {(IsMeasured ? null : "an assumed ")}{WriteBytesPerSecond / MiB:0} MiB/s");

    /// <summary>Foretells a suspend of a running VM.</summary>
    /// <param name="host">The host.</param>
    /// <param name="domain">The VM.</param>
    /// <param name="running">Its running document.</param>
    /// <param name="measure">Whether the disk may be written to, so that its speed is known.</param>
    /// <exception cref="LibvirtException">libvirt cannot be asked.</exception>
    internal static SuspendForecast Of(HostConnection host, LibvirtDomain domain, DomainDocument running, bool measure)
    {
        var folder = host.IsLocalQemu ? FolderOf(host.Uri) : null;
        var speed = folder is null || !measure ? null : SpeedOf(folder);
        return new SuspendForecast
        {
            MemoryInUseBytes = MemoryInUse(domain, running),
            Folder = folder,
            FreeBytes = folder is null ? null : FreeIn(folder),
            WriteBytesPerSecond = speed ?? AssumedBytesPerSecond,
            IsMeasured = speed is not null,
        };
    }

    /// <summary>Where libvirt's driver for QEMU keeps managed saves (libvirt 9.0 virQEMUDriverConfigNew).</summary>
    internal static string FolderOf(string uri) => uri.Contains("/session", StringComparison.Ordinal)
        ? Path.Combine(
            Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { Length: > 0 } configuration ? configuration : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config"),
            "libvirt/qemu/save")
        : "/var/lib/libvirt/qemu/save";

    // What QEMU has of the host's memory, which is what the guest has touched; pages of huge ones do not show there. Pages of zeros are not written.
    private static long MemoryInUse(LibvirtDomain domain, DomainDocument running)
    {
        var memory = running.ToConfiguration().Memory;
        var statistics = domain.Connection.GetAllDomainStatistics([domain], DomainStatsGroups.Balloon) is [var counted, ..] ? counted : null;
        var given = (long?)statistics?.GetUInt64("balloon.current") ?? memory.CurrentKiB;
        var resident = memory.UsesHugePages ? null : (long?)statistics?.GetUInt64("balloon.rss");
        return 1024 * Math.Min(given, resident ?? given);
    }

    // A folder that this user may not look into, or that libvirt has not made yet, is taken to be on the file system that it lies in.
    private static long? FreeIn(string folder)
    {
        for (var path = folder; path is not null; path = Path.GetDirectoryName(path))
        {
            if (Directory.Exists(path))
            {
                try
                {
                    return new DriveInfo(path).AvailableFreeSpace;
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
                {
                    return null;
                }
            }
        }

        return null;
    }

    // libvirt writes through its helper, which ends with fdatasync; so does this.
    private static double? SpeedOf(string folder)
    {
        const int chunk = (int)(4 * MiB);
        const long most = 64 * MiB;
        using var file = ImageFile.OpenNameless(folder);
        if (file is null || FreeIn(folder) < 8 * most)
        {
            return null;
        }

        // Not zeros, which some disks do not store.
        var bytes = new byte[chunk];
        new Random(1).NextBytes(bytes);
        var watch = Stopwatch.StartNew();
        long written = 0;
        try
        {
            for (; written < most && watch.ElapsedMilliseconds < 300; written += chunk)
            {
                RandomAccess.Write(file, bytes, written);
            }

            RandomAccess.FlushToDisk(file);
        }
        catch (IOException)
        {
            return null;
        }

        return written / Math.Max(watch.Elapsed.TotalSeconds, 1e-6);
    }
}
