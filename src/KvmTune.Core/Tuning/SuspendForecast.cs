// The expected cost of a suspend before it begins: the amount of data, the free space and the length of the pause.
using System.Diagnostics;
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>The expected cost of a suspend of one VM.</summary>
public sealed record SuspendForecast
{
    private const long MiB = 1024 * 1024;

    // The data beside the guest's memory: the devices' states and the definition.
    private const long OverheadBytes = 32 * MiB;

    // The time to stop and start QEMU, as measured in the lab.
    private static readonly TimeSpan FixedPart = TimeSpan.FromSeconds(1.5);

    // For a folder whose speed is not measured: on a remote host, with -WhatIf, or without permission to write. An SSD is twice as fast.
    private const double AssumedBytesPerSecond = 200 * MiB;

    /// <summary>The memory that the guest uses at most, in bytes: the amount of data written to the disk.</summary>
    public required long MemoryInUseBytes { get; init; }

    /// <summary>The folder for libvirt's saved states; null if the VM is on another machine.</summary>
    public string? Folder { get; init; }

    /// <summary>The free space in that folder, in bytes; null if unknown.</summary>
    public long? FreeBytes { get; init; }

    /// <summary>The write speed of the folder's disk, in bytes per second.</summary>
    public required double WriteBytesPerSecond { get; init; }

    /// <summary>Whether that speed was measured, by writing an unnamed file; otherwise it is assumed.</summary>
    public bool IsMeasured { get; init; }

    /// <summary>The free space that the save needs, in bytes.</summary>
    public long NeededBytes => MemoryInUseBytes + OverheadBytes;

    /// <summary>Whether the free space is enough; true if unknown, because a save without enough space leaves the guest running.</summary>
    public bool HasRoom => FreeBytes is not { } free || free >= NeededBytes;

    /// <summary>The expected pause of the guest: its memory is written to the disk, and read back no slower thanks to the page cache.</summary>
    public TimeSpan Pause => FixedPart + TimeSpan.FromSeconds(2 * MemoryInUseBytes / WriteBytesPerSecond);

    /// <summary>For example <c>a pause of about 4 s: 310 MiB at 180 MiB/s</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"a pause of about {Math.Ceiling(Pause.TotalSeconds):0} s: {MemoryInUseBytes / MiB} MiB at {(IsMeasured ? null : "an assumed ")}{WriteBytesPerSecond / MiB:0} MiB/s");

    /// <summary>Estimates the cost of a suspend of a running VM.</summary>
    /// <param name="host">The host.</param>
    /// <param name="domain">The VM.</param>
    /// <param name="running">Its running document.</param>
    /// <param name="measure">Whether the disk may be written to, to measure its speed.</param>
    /// <exception cref="LibvirtException">A call to libvirt fails.</exception>
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

    /// <summary>The folder where libvirt's QEMU driver keeps managed saves (libvirt 9.0 virQEMUDriverConfigNew).</summary>
    internal static string FolderOf(string uri) => uri.Contains("/session", StringComparison.Ordinal)
        ? Path.Combine(
            Environment.GetEnvironmentVariable("XDG_CONFIG_HOME") is { Length: > 0 } configuration ? configuration : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config"),
            "libvirt/qemu/save")
        : "/var/lib/libvirt/qemu/save";

    // QEMU's resident memory, which the guest has touched; it does not include huge pages. Pages of zeros are not written.
    private static long MemoryInUse(LibvirtDomain domain, DomainDocument running)
    {
        var memory = running.ToConfiguration().Memory;
        var statistics = domain.Connection.GetAllDomainStatistics([domain], DomainStatsGroups.Balloon) is [var counted, ..] ? counted : null;
        var given = (long?)statistics?.GetUInt64("balloon.current") ?? memory.CurrentKiB;
        var resident = memory.UsesHugePages ? null : (long?)statistics?.GetUInt64("balloon.rss");
        return 1024 * Math.Min(given, resident ?? given);
    }

    // If this user cannot read the folder, or libvirt has not created it yet, the file system of its parent counts.
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

    // libvirt writes through its helper, which ends with fdatasync; this test does the same.
    private static double? SpeedOf(string folder)
    {
        const int chunk = (int)(4 * MiB);
        const long most = 64 * MiB;
        using var file = ImageFile.OpenNameless(folder);
        if (file is null || FreeIn(folder) < 8 * most)
        {
            return null;
        }

        // Random data, because some disks do not store zeros.
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
