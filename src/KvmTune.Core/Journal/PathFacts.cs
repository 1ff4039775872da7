// The facts of a path itself, and not of a link's target: its owner, and who may write to it.
using System.Runtime.InteropServices;

namespace KvmTune.Journal;

/// <summary>The facts of a path, from statx(2).</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="UserId">Its owner.</param>
/// <param name="Links">The number of its hard links.</param>
/// <param name="Mode">Its permissions.</param>
/// <param name="Bytes">Its size in bytes.</param>
internal sealed partial record PathFacts(PathKind Kind, uint UserId, uint Links, UnixFileMode Mode, ulong Bytes)
{
    // linux/stat.h, fcntl.h, asm-generic/errno-base.h.
    private const int CurrentFolder = -100;
    private const int NoFollow = 0x100;
    private const uint BasicStats = 0x7ff;
    private const int NoEntry = 2;

    /// <summary>The effective user of this process.</summary>
    public static uint CurrentUserId { get; } = EffectiveUser();

    /// <summary>The facts of a path; null if it does not exist.</summary>
    /// <exception cref="IOException">It cannot be read: a folder above it may not be entered, or is not a folder.</exception>
    public static PathFacts? Of(string path)
    {
        // struct statx: mode at byte 28, after mask, block size, attributes, number of links, user and group; the size at 40.
        var buffer = new byte[256];
        if (StatX(CurrentFolder, path, NoFollow, BasicStats, buffer) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            return error == NoEntry ? null : throw new IOException($"{path} cannot be looked at ({Marshal.GetPInvokeErrorMessage(error)})");
        }

        var mode = BitConverter.ToUInt16(buffer, 28);
        return new PathFacts(
            (mode & 0xF000) switch { 0x4000 => PathKind.Folder, 0x8000 => PathKind.File, 0xA000 => PathKind.Link, _ => PathKind.Other },
            BitConverter.ToUInt32(buffer, 20),
            BitConverter.ToUInt32(buffer, 16),
            (UnixFileMode)(mode & 0xFFF),
            BitConverter.ToUInt64(buffer, 40));
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint mask, byte[] buffer);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();
}

/// <summary>The kind of a path.</summary>
internal enum PathKind
{
    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A file.</summary>
    File,

    /// <summary>A symbolic link.</summary>
    Link,

    /// <summary>Something else, for example a socket.</summary>
    Other,
}
