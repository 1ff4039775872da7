// Looks at a guest once before anything is written in it: kernel, memory, processors, mounted file systems.
using System.Globalization;
using System.Text.RegularExpressions;

namespace KvmTune.Guest;

/// <summary>One mounted file system of a guest (proc(5), <c>/proc/self/mountinfo</c>).</summary>
/// <param name="MountPoint">Where it is mounted.</param>
/// <param name="Type">Its type, for example <c>ext4</c>.</param>
/// <param name="Source">Its device or other source, for example <c>/dev/vdb</c>.</param>
/// <param name="DeviceNumber">Its device as <c>major:minor</c>.</param>
/// <param name="IsReadOnly">True if it is mounted read-only.</param>
public sealed record GuestMount(string MountPoint, string Type, string Source, string DeviceNumber, bool IsReadOnly)
{
    private static readonly string[] MemoryTypes = ["tmpfs", "ramfs", "rootfs", "devtmpfs", "hugetlbfs"];

    private static readonly string[] NetworkTypes =
        ["nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "afs", "lustre", "ocfs2", "gfs2"];

    private static readonly string[] DiskTypes =
        ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "jfs", "reiserfs", "bcachefs", "nilfs2"];

    /// <summary>True if the files are in the guest's memory, not on a disk.</summary>
    public bool IsMemory => MemoryTypes.Contains(Type, StringComparer.Ordinal);

    /// <summary>True if the files are on another machine, or on the host in a shared folder.</summary>
    public bool IsNetwork => NetworkTypes.Contains(Type, StringComparer.Ordinal);

    /// <summary>True for a file system on the guest's own disk, of a type that disk workloads may choose by themselves.</summary>
    public bool IsOnDisk => DiskTypes.Contains(Type, StringComparer.Ordinal);
}

/// <summary>The facts about a guest.</summary>
/// <param name="KernelRelease">The guest's kernel, from <c>uname -r</c>.</param>
/// <param name="MemoryKiB">The guest's memory, as its kernel sees it.</param>
/// <param name="AvailableMemoryKiB">How much memory could be used now without swapping.</param>
/// <param name="OnlineProcessors">How many processors are online in the guest.</param>
/// <param name="Mounts">The mounted file systems, in the order of the mounts.</param>
/// <param name="AskedFolder">The requested folder, with symbolic links resolved; null if none was requested, or it is not a folder.</param>
public sealed partial record GuestSurvey(
    string KernelRelease,
    long MemoryKiB,
    long AvailableMemoryKiB,
    int OnlineProcessors,
    IReadOnlyList<GuestMount> Mounts,
    string? AskedFolder)
{
    // CONFIG_NR_CPUS goes up to 8192 on x86.
    private const int MostProcessors = 8192;

    // A requested device is only read: blkid of util-linux reads its signatures again; blkid of busybox has no -p.
    private const string Script = """
        contents() {
            name=$(readlink -f "$1"); name=${name##*/}
            blkid -p -o export "$1" 2>/dev/null || blkid "$1" 2>/dev/null
            for p in "/sys/class/block/$name"/*/partition; do if [ -e "$p" ]; then p=${p%/partition}; echo "PARTITION=${p##*/}"; fi; done
            for p in "/sys/class/block/$name"/holders/*; do if [ -e "$p" ]; then echo "HOLDER=${p##*/}"; fi; done
        }
        echo "@kernel"; uname -r
        echo "@memory"; cat /proc/meminfo
        echo "@processors"; cat /sys/devices/system/cpu/online
        echo "@mounts"; cat /proc/self/mountinfo
        echo "@folder"; if [ -n "$1" ]; then cd -- "$1" 2>/dev/null && pwd -P; fi
        echo "@device"; if [ -n "$1" ] && [ -b "$1" ]; then echo block; contents "$1"; fi
        echo "@end"
        """;

    /// <summary>The contents of the requested block device, in words; null if none was requested.</summary>
    public IReadOnlyList<string>? AskedDevice { get; init; }

    /// <summary>Looks at the guest.</summary>
    /// <param name="channel">The channel into it.</param>
    /// <param name="folder">A folder to look for; null for none.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="GuestChannelException">The guest did not answer, or is not Linux.</exception>
    public static async Task<GuestSurvey> TakeAsync(IGuestChannel channel, string? folder, CancellationToken cancellationToken)
    {
        var result = await channel.RunAsync(GuestScripts.Command(Script, folder ?? ""), cancellationToken);
        return Parse(result.StandardOutput)
            ?? throw new GuestChannelException(
                GuestChannelReason.AgentCommandFailed, $"The guest could not be examined; does it run Linux? {result.Describe()}");
    }

    /// <summary>The mounted file system of an absolute path without symbolic links.</summary>
    public GuestMount? MountOf(string path) => Mounts
        .Where(mount => mount.MountPoint is "/" || $"{path}/".StartsWith(mount.MountPoint + "/", StringComparison.Ordinal))
        .OrderBy(mount => mount.MountPoint.Length)
        .LastOrDefault();

    /// <summary>Reads the script's output; null if it has another form. A guest may print anything.</summary>
    internal static GuestSurvey? Parse(string output)
    {
        var sections = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        List<string>? section = null;
        foreach (var line in output.Split('\n'))
        {
            if (line.StartsWith('@'))
            {
                sections[line] = section = [];
            }
            else if (line.Length > 0)
            {
                section?.Add(line);
            }
        }

        IReadOnlyList<string> Section(string name) => sections.GetValueOrDefault(name) ?? [];
        string? First(string name) => Section(name) is [var first, ..] ? first : null;
        if (!sections.ContainsKey("@end") || Section("@kernel") is not [var kernel, ..] || CountProcessors(First("@processors")) is not { } processors)
        {
            return null;
        }

        return new GuestSurvey(
            kernel,
            ReadKiB(Section("@memory"), "MemTotal:"),
            ReadKiB(Section("@memory"), "MemAvailable:"),
            processors,
            [.. Section("@mounts").Select(ParseMount).OfType<GuestMount>()],
            First("@folder"))
        {
            AskedDevice = sections.GetValueOrDefault("@device") is ["block", .. var contents] ? [.. contents.SelectMany(ContentsOf)] : null,
        };
    }

    // The lines of blkid: "TYPE=ext4", or all in one as '/dev/vdb: LABEL="data" TYPE="ext4"'; and the lines of our own script.
    private static IEnumerable<string> ContentsOf(string line) => Signature().Matches(line).Select(match => match.Groups["name"].Value switch
    {
        "PTTYPE" => $"a partition table ({match.Groups["value"].Value})",
        "PARTITION" => $"the partition {match.Groups["value"].Value}",
        "HOLDER" => $"the device {match.Groups["value"].Value} on top of it",
        _ => $"the signature of {match.Groups["value"].Value}",
    });

    [GeneratedRegex(
        "(^|\\s)(?<name>TYPE|PTTYPE|PARTITION|HOLDER)=\"?(?<value>[^\"\\s]+)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Signature();

    private static long ReadKiB(IReadOnlyList<string> lines, string name)
    {
        var words = lines.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words is [_, var number, ..] && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;
    }

    // "0-3,6": ranges and single numbers, rising. Null for anything else, and for more processors than Linux can have.
    private static int? CountProcessors(string? list)
    {
        var (count, next) = (0, 0);
        foreach (var part in (list ?? "").Trim().Split(','))
        {
            var ends = part.Split('-');
            if (ends.Length > 2 || Processor(ends[0]) is not { } first || Processor(ends[^1]) is not { } last || first < next || last < first)
            {
                return null;
            }

            count += last - first + 1;
            next = last + 1;
        }

        return count;
    }

    private static int? Processor(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < MostProcessors ? number : null;

    // "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"
    private static GuestMount? ParseMount(string line)
    {
        var words = line.Split(' ');
        var dash = Array.IndexOf(words, "-");
        if (dash < 6 || words.Length < dash + 4)
        {
            return null;
        }

        return new GuestMount(
            Unescape(words[4]), words[dash + 1], Unescape(words[dash + 2]), words[2],
            words[5].Split(',').Contains("ro", StringComparer.Ordinal) || words[dash + 3].Split(',').Contains("ro", StringComparer.Ordinal));
    }

    // Blanks, tabs, line ends and backslashes are written as three octal digits; other bytes are unchanged.
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        var result = new System.Text.StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length && text.AsSpan(i + 1, 3).IndexOfAnyExceptInRange('0', '7') < 0)
            {
                result.Append((char)Convert.ToInt32(text.Substring(i + 1, 3), 8));
                i += 3;
            }
            else
            {
                result.Append(text[i]);
            }
        }

        return result.ToString();
    }
}
