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

    // SQLite's result codes (sqlite.org/rescode.html).
    private const int Busy = 5;
    private const int Locked = 6;
    private const int ReadOnly = 8;
    private const int Full = 13;
    private const int CannotOpen = 14;
    private const int NotADatabase = 26;

    /// <summary>The journal cannot be used.</summary>
    /// <param name="reason">Why, as the end of a sentence.</param>
    /// <param name="cause">What caused it.</param>
    public static KvmTuneException Unavailable(string reason, Exception? cause = null) => new(
        UnavailableId, KvmTuneErrorCategory.ResourceUnavailable, $"The journal cannot be used: {reason.TrimEnd('.')}.", cause);

    /// <summary>The error of an exception while the journal was used; what is a defect is let through.</summary>
    public static bool IsOurs(Exception exception) =>
        exception is SqliteException or IOException or UnauthorizedAccessException or DllNotFoundException or TypeInitializationException;

    /// <summary>The journal cannot be used, because of an exception.</summary>
    public static KvmTuneException Unavailable(string path, string doing, Exception cause) => Unavailable(
        $"{doing} {path} failed: {Reason(cause).TrimEnd('.')}. Set {JournalPlace.Variable} to keep it elsewhere", cause);

    /// <summary>A later version has written it.</summary>
    public static KvmTuneException Newer(string path, long version, int known) => new(
        NewerId, KvmTuneErrorCategory.InvalidOperation,
        System.FormattableString.Invariant($"The journal {path} has format {version}, and this version of KvmTune knows formats up to {known}. Use the version that wrote it, or set {JournalPlace.Variable} to another folder. Nothing was changed in it."));

    private static string Reason(Exception cause) => cause switch
    {
        SqliteException { SqliteErrorCode: Full } => "there is no space left on the disk (or its quota is used up)",
        SqliteException { SqliteErrorCode: ReadOnly } => "it cannot be written to; is it another user's, or the file system read-only?",
        SqliteException { SqliteErrorCode: CannotOpen } => "it cannot be opened; is the folder another user's, or the file system read-only?",
        SqliteException { SqliteErrorCode: NotADatabase } => "the file is no journal, or it is damaged. Move it away, and a new one is made",
        SqliteException { SqliteErrorCode: Busy or Locked } => "another process keeps it locked",
        TypeInitializationException { InnerException: { } inner } => inner.Message,
        _ => cause.Message,
    };
}
