// A file system of a guest with its size and its disk, as a place for the file of a disk workload.
using System.Globalization;

namespace KvmTune.Guest;

/// <summary>A file system of the guest, seen from one folder.</summary>
/// <param name="Mount">The mounted file system.</param>
/// <param name="Folder">The folder on it, absolute, without symbolic links.</param>
/// <param name="FreeKiB">How much an ordinary user can still write on it, in KiB.</param>
/// <param name="IsWritable">Whether the channel's user can create files in the folder.</param>
/// <param name="DevicePaths">The sysfs paths of the disks below it (<c>/sys/devices/pci…/block/vdb</c>); empty if there are none.</param>
public sealed record GuestFileSystem(
    GuestMount Mount, string Folder, long FreeKiB, bool IsWritable, IReadOnlyList<string> DevicePaths)
{
    // Runs for each folder $1 with its device number $2 and its source $3. A mapped device (LVM, crypt, RAID) is followed down to its disks.
    private const string Script = """
        under() {
            for s in "$1"/slaves/*; do
                if [ -e "$s" ]; then under "$(readlink -f "$s")"; continue; fi
                echo "@device $1"
            done
        }
        while [ $# -ge 3 ]; do
            echo "@folder"
            df -P -k "$1"
            if [ -w "$1" ]; then echo "@writable"; fi
            d=/sys/dev/block/$2
            if [ ! -e "$d" ]; then d=$(readlink -f "$3" 2>/dev/null); d=/sys/class/block/${d##*/}; fi
            if [ -e "$d" ]; then under "$(readlink -f "$d")"; fi
            shift 3
        done
        echo "@end"
        """;

    /// <summary>Reads the file systems of several folders in one call.</summary>
    /// <exception cref="GuestChannelException">The guest did not answer.</exception>
    public static async Task<IReadOnlyList<GuestFileSystem>> LookAsync(
        IGuestChannel channel, IReadOnlyList<(GuestMount Mount, string Folder)> folders, CancellationToken cancellationToken)
    {
        if (folders.Count == 0)
        {
            return [];
        }

        var parameters = folders.SelectMany(folder => (string[])[folder.Folder, folder.Mount.DeviceNumber, folder.Mount.Source]);
        var result = await channel.RunAsync(GuestScripts.Command(Script, [.. parameters]), cancellationToken);
        return Parse(result.StandardOutput, folders)
            ?? throw new GuestChannelException(
                GuestChannelReason.AgentCommandFailed, $"The guest's file systems could not be read: {result.Describe()}");
    }

    /// <summary>
    /// The writable file systems on the guest's own disks except /boot, largest free space first. A file system with several mount points
    /// is listed once.
    /// </summary>
    /// <exception cref="GuestChannelException">The guest did not answer.</exception>
    public static async Task<IReadOnlyList<GuestFileSystem>> FindWritableAsync(
        IGuestChannel channel, GuestSurvey survey, CancellationToken cancellationToken)
    {
        var candidates = survey.Mounts
            .Where(mount => mount is { IsOnDisk: true, IsReadOnly: false })
            .Where(mount => mount.MountPoint is not "/boot" && !mount.MountPoint.StartsWith("/boot/", StringComparison.Ordinal))
            .Where(mount => survey.MountOf(mount.MountPoint) == mount)
            .GroupBy(mount => mount.Source, StringComparer.Ordinal)
            .Select(same => same.MinBy(mount => mount.MountPoint.Length)!)
            .Select(mount => (mount, mount.MountPoint));
        var found = await LookAsync(channel, [.. candidates], cancellationToken);
        return [.. found.Where(fileSystem => fileSystem.IsWritable).OrderByDescending(fileSystem => fileSystem.FreeKiB)];
    }

    internal static IReadOnlyList<GuestFileSystem>? Parse(string output, IReadOnlyList<(GuestMount Mount, string Folder)> folders)
    {
        if (!output.TrimEnd().EndsWith("@end", StringComparison.Ordinal))
        {
            return null;
        }

        var blocks = output.Split("@folder\n");
        if (blocks.Length != folders.Count + 1)
        {
            return null;
        }

        return [.. folders.Zip(blocks.Skip(1), (folder, block) => Parse(folder.Mount, folder.Folder, block.Split('\n')))];
    }

    private static GuestFileSystem Parse(GuestMount mount, string folder, string[] lines)
    {
        var free = 0L;
        foreach (var line in lines)
        {
            // "/dev/vdb  1015792  24  946956  1% /data": six fields, the last of which may contain blanks.
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 6 && words[4].EndsWith('%')
                && long.TryParse(words[3], NumberStyles.None, CultureInfo.InvariantCulture, out var value))
            {
                free = value;
            }
        }

        return new GuestFileSystem(
            mount,
            folder,
            free,
            lines.Contains("@writable", StringComparer.Ordinal),
            [.. lines.Where(line => line.StartsWith("@device ", StringComparison.Ordinal)).Select(line => line["@device ".Length..])]);
    }
}
