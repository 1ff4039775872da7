// The journal's errors in words.
using Microsoft.Data.Sqlite;

namespace KvmTune.Journal;

/// <summary>Makes errors of the journal.</summary>
internal static class JournalError
{
    /// <summary>The error id of a journal that cannot be used.</summary>
    public const string UnavailableId = "JournalUnavailable";

    /// <summary>The error id of a journal that a later version has written.</summary>
    public const string NewerId = "JournalIsNewer";

    /// <summary>The error id of a folder or file that another user could have prepared.</summary>
    public const string UnsafeId = "JournalUnsafe";

    // SQLite's result codes (sqlite.org/rescode.html).
    private const int Busy = 5;
    private const int Locked = 6;
    internal const int ReadOnly = 8;
    private const int InputOutput = 10;
    private const int Corrupt = 11;
    private const int Full = 13;
    internal const int CannotOpen = 14;
    private const int NotADatabase = 26;

    /// <summary>The journal cannot be used.</summary>
    /// <param name="reason">Why, as the end of a sentence.</param>
    /// <param name="cause">What caused it.</param>
    public static KvmTuneException Unavailable(string reason, Exception? cause = null) => new(
        UnavailableId, KvmTuneErrorCategory.ResourceUnavailable, $"The journal cannot be used: {reason.TrimEnd('.')}.", cause);

    /// <summary>Whether an exception is an error of the journal; other exceptions are defects and pass.</summary>
    public static bool IsOurs(Exception exception) =>
        exception is SqliteException or IOException or UnauthorizedAccessException or DllNotFoundException or TypeInitializationException;

    /// <summary>The journal cannot be used, because of an exception.</summary>
    public static KvmTuneException Unavailable(string path, string doing, Exception cause) => Unavailable(
        $"{doing} {path} failed: {Reason(path, cause).TrimEnd('.')}. Set {JournalPlace.Variable} to keep it elsewhere", cause);

    /// <summary>Another user could have prepared the folder or the file.</summary>
    /// <param name="path">The folder or the file.</param>
    /// <param name="what">What is wrong, as the end of a sentence.</param>
    /// <param name="advice">What to do, as the end of a sentence.</param>
    public static KvmTuneException Unsafe(string path, string what, string advice) => new(
        UnsafeId, KvmTuneErrorCategory.SecurityError,
        $"The journal cannot be used: '{path}' {what}. It was not touched. To go on, {advice}.");

    /// <summary>The file has no table of the journal.</summary>
    public static KvmTuneException Empty(string path, ulong bytes) => Unavailable(bytes == 0
        ? $"{path} is empty (0 bytes): what was in it is lost, or it was never written. {MoveAway(path)}, or bring it back from a backup"
        : $"{path} is a database without the journal's tables: another program's. {MoveAway(path)}, or set {JournalPlace.Variable} to another folder");

    /// <summary>The file can only be read, and its last entries are in a second file that would have to be merged.</summary>
    public static KvmTuneException Unmerged(string path) => Unavailable(
        $"{path} can only be read, and its last entries stand in {path}-wal, which can be read only where it can be written too. Copy both files to a folder of your own and set {JournalPlace.Variable} to it");

    /// <summary>An entry cannot be read; the others can.</summary>
    public static KvmTuneException Unreadable(string path, UnreadableEntry entry) => new(
        "JournalEntryUnreadable", KvmTuneErrorCategory.InvalidData,
        System.FormattableString.Invariant($"Entry {entry.Id} of the journal {path} cannot be read ({entry.Reason.TrimEnd('.')}). It was written by another version of KvmTune, or is damaged. The other entries are not concerned."));

    /// <summary>A later version has written the file.</summary>
    public static KvmTuneException Newer(string path, long version, int known) => new(
        NewerId, KvmTuneErrorCategory.InvalidOperation,
        System.FormattableString.Invariant($"The journal {path} has format {version}, and this version of KvmTune knows formats up to {known}. Use the version that wrote it, or set {JournalPlace.Variable} to another folder. Nothing was changed in it."));

    private static string MoveAway(string path) => $"Move it away (mv '{path}' '{path}.old'), and a new one is made";

    // On a full disk, SQLite fails to create a file in several ways.
    private static string Reason(string path, Exception cause) => cause switch
    {
        SqliteException { SqliteErrorCode: InputOutput or CannotOpen } or IOException when IsFull(path) => "there is no space left on the disk",
        SqliteException { SqliteErrorCode: Full } => "there is no space left on the disk (or its quota is used up)",
        SqliteException { SqliteErrorCode: ReadOnly } => "it cannot be written to; is it another user's, or the file system read-only?",
        SqliteException { SqliteErrorCode: CannotOpen } => "it cannot be opened; is the folder another user's, or the file system read-only?",
        SqliteException { SqliteErrorCode: NotADatabase } => $"the file is not a journal, or its beginning is damaged. {MoveAway(path)}",
        SqliteException { SqliteErrorCode: Corrupt } => $"the file is damaged (database disk image is malformed). Bring it back from a backup, or save what can be read of it (sqlite3 '{path}' .recover). {MoveAway(path)}",
        SqliteException { SqliteErrorCode: InputOutput } => "the disk reported an input/output error; the kernel's log (dmesg) says more",
        SqliteException { SqliteErrorCode: Busy or Locked } => "another process keeps it locked",
        TypeInitializationException { InnerException: { } inner } => inner.Message,
        _ => cause.Message,
    };

    /// <summary>Whether the disk under a path has no space left.</summary>
    internal static bool IsFull(string path)
    {
        try
        {
            var folder = Path.GetDirectoryName(path)!;
            while (!Directory.Exists(folder))
            {
                folder = Path.GetDirectoryName(folder)!;
            }

            return new DriveInfo(folder).AvailableFreeSpace < 64 * 1024;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }
    }
}

/// <summary>An entry of the journal that cannot be read.</summary>
/// <param name="Id">Its number.</param>
/// <param name="VMName">The VM's name; null if that is unreadable too.</param>
/// <param name="Reason">Why.</param>
public sealed record UnreadableEntry(long Id, string? VMName, string Reason);
