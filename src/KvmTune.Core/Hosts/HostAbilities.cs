// The abilities of a host's libvirt, QEMU and kernel that the rules need.
using System.Globalization;
using KvmTune.Libvirt;

namespace KvmTune.Hosts;

/// <summary>Versions and abilities of a host. Null means unknown: libvirt reports nothing about the kernel of another host.</summary>
public sealed record HostAbilities
{
    /// <summary>The version of the host's libvirt.</summary>
    public Version? Libvirt { get; init; }

    /// <summary>The version of the host's QEMU; null for other drivers.</summary>
    public Version? Qemu { get; init; }

    /// <summary>The version of the host's kernel; null if the host is not this machine.</summary>
    public Version? Kernel { get; init; }

    /// <summary>Whether <c>/dev/vhost-net</c> exists; null if the host is not this machine.</summary>
    public bool? HasVhostNet { get; init; }

    /// <summary>Whether numad is installed; null if the host is not this machine.</summary>
    public bool? HasNumad { get; init; }

    /// <summary>The CPU weight of a VM that sets no shares: 100 with control groups v2, 1024 with v1; null if the host is not this machine.</summary>
    public long? DefaultCpuShares { get; init; }

    /// <summary>Tests whether all files below a disk can be opened past the page cache.</summary>
    public Func<DiskImage, DirectIOProbe> ProbeDirectIO { get; init; } =
        static _ => DirectIOProbe.Unknown("not probed: the image is not on this machine");

    /// <summary>Reads the abilities of a host.</summary>
    /// <exception cref="LibvirtException">The connection to the daemon is lost.</exception>
    public static HostAbilities Read(HostConnection host)
    {
        var connection = host.Read();
        var versions = new HostAbilities
        {
            Libvirt = connection.LibvirtVersion,
            Qemu = string.Equals(connection.HypervisorType, "QEMU", StringComparison.OrdinalIgnoreCase) ? connection.HypervisorVersion : null,
        };
        return !host.IsLocalQemu
            ? versions
            : versions with { Kernel = ReadKernel(), HasVhostNet = File.Exists("/dev/vhost-net"), HasNumad = LocalPrograms.Exists("numad"), DefaultCpuShares = ControlGroups.DefaultShares(ControlGroups.Root), ProbeDirectIO = disk => DirectIOProbe.OfDisk(disk, (pool, volume) => VolumePath(connection, pool, volume)) };
    }

    private static string? VolumePath(LibvirtConnection connection, string pool, string volume)
    {
        try
        {
            return connection.GetVolumePath(pool, volume);
        }
        catch (LibvirtException exception) when (!exception.IsConnectionLost)
        {
            // There is no such volume, or its pool is not active: the start of the VM reports that.
            return null;
        }
    }

    /// <summary>The version in a kernel's release, for example 6.1 in <c>6.1.0-18-amd64</c>.</summary>
    internal static Version? ParseKernel(string release)
    {
        var parts = release.Split('.', '-', '+');
        return parts.Length > 1
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var minor)
                ? new Version(major, minor)
                : null;
    }

    private static Version? ReadKernel() =>
        File.Exists("/proc/sys/kernel/osrelease") ? ParseKernel(File.ReadAllText("/proc/sys/kernel/osrelease").Trim()) : null;
}
