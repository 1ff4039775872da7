// The journal's SQLite file: opened at its first use, created and migrated where needed, with its errors in words.
using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace KvmTune.Journal;

/// <summary>
/// One file, one connection, one call at a time; other processes have connections of their own (SQLite's write-ahead log lets one write
/// while others read, and a writer waits for another).
/// </summary>
internal sealed class JournalDatabase(string folder, IReadOnlyList<string> migrations) : IDisposable
{
    /// <summary>The word for reading in errors.</summary>
    public const string Reading = "reading";

    /// <summary>The word for writing in errors.</summary>
    public const string Writing = "writing to";

    // How long a writer waits for the write of another process, which takes milliseconds.
    private const int BusySeconds = 10;

    private readonly object _gate = new();
    private SqliteConnection? _connection;

    /// <summary>The file.</summary>
    public string Path { get; } = System.IO.Path.Combine(folder, "journal.db");

    // SQLite's files beside it: the log, and the memory that readers and writers share.
    private string[] Beside => [$"{Path}-wal", $"{Path}-shm"];

    /// <summary>Whether there is a journal yet.</summary>
    /// <exception cref="KvmTuneException">The folder may not be entered (<c>JournalUnavailable</c>), or is unsafe (<c>JournalUnsafe</c>).</exception>
    public bool Exists
    {
        get
        {
            try
            {
                return JournalPlace.HasFile(folder, Path);
            }
            catch (IOException exception)
            {
                throw JournalError.Unavailable(Path, "looking for", exception);
            }
        }
    }

    /// <summary>Runs work on the journal.</summary>
    /// <param name="doing">The word for it in errors: <see cref="Writing"/>, <see cref="Reading"/>.</param>
    /// <param name="work">The work.</param>
    /// <exception cref="KvmTuneException">The journal cannot be used, or a later version has written it.</exception>
    public T Use<T>(string doing, Func<SqliteConnection, T> work)
    {
        lock (_gate)
        {
            try
            {
                return UseOrFail(doing, work);
            }
            catch (Exception exception) when (JournalError.IsOurs(exception))
            {
                // The next call opens a new connection, since all calls on this one may fail.
                Close();
                throw JournalError.Unavailable(Path, doing, exception);
            }
        }
    }

    /// <summary>Runs one statement in a separate transaction.</summary>
    /// <param name="isDurable">
    /// Whether it must outlive a loss of power when this returns. It outlives the end of the process in any case (sqlite.org/pragma.html,
    /// synchronous: in WAL mode NORMAL syncs at checkpoints only).
    /// </param>
    /// <param name="sql">The statement.</param>
    /// <param name="values">Its parameters, <c>$0</c> and so on.</param>
    /// <returns>The first value of the first row; null when there is none.</returns>
    public object? Write(bool isDurable, string sql, params object?[] values) => Use(Writing, connection =>
    {
        Run(connection, isDurable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
        return Run(connection, sql, values);
    });

    /// <summary>The rows of a query.</summary>
    /// <param name="sql">The query; its first column is the number of the entry, or an error cannot name it.</param>
    /// <param name="row">Reads one row.</param>
    /// <param name="unreadable">Takes each unreadable row, and the others are returned; null if an unreadable row is an error.</param>
    /// <param name="values">The query's parameters.</param>
    public List<T> Read<T>(string sql, Func<SqliteDataReader, T> row, Action<UnreadableEntry>? unreadable, params object?[] values) => Use(Reading, connection =>
    {
        using var command = Command(connection, sql, values);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
        {
            try
            {
                rows.Add(row(reader));
            }
            catch (Exception exception) when (IsUnreadable(exception))
            {
                var entry = new UnreadableEntry(reader.GetValue(0) as long? ?? 0, NameIn(reader), exception.Message);
                (unreadable ?? (failed => throw JournalError.Unreadable(Path, failed)))(entry);
            }
        }

        return rows;
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            Close();
        }
    }

    /// <summary>Runs a statement.</summary>
    internal static object? Run(SqliteConnection connection, string sql, params object?[] values)
    {
        using var command = Command(connection, sql, values);
        return command.ExecuteScalar() is { } value and not DBNull ? value : null;
    }

    private static SqliteCommand Command(SqliteConnection connection, string sql, object?[] values)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters.AddWithValue(string.Create(CultureInfo.InvariantCulture, $"${i}"), values[i] ?? DBNull.Value);
        }

        return command;
    }

    // The exceptions of reading a row whose columns hold other values than this version writes.
    private static bool IsUnreadable(Exception exception) => exception is FormatException or ArgumentException or InvalidCastException
        or InvalidOperationException or OverflowException or JsonException or NotSupportedException or NullReferenceException;

    private static string? NameIn(SqliteDataReader reader)
    {
        for (var column = 0; column < reader.FieldCount; column++)
        {
            if (string.Equals(reader.GetName(column), "vm_name", StringComparison.Ordinal))
            {
                return reader.GetValue(column) as string;
            }
        }

        return null;
    }

    private T UseOrFail<T>(string doing, Func<SqliteConnection, T> work)
    {
        if (doing == Reading && _connection is null && JournalPlace.HasFile(folder, Path))
        {
            try
            {
                return ReadOnly(work);
            }
            catch (SqliteException)
            {
                // Another process begins to write in this moment, or the file is damaged: the usual way finds out.
            }
        }

        try
        {
            return work(Open());
        }
        catch (Exception exception) when (doing == Reading && IsReadOnly(exception))
        {
            Close();
            if (!IsAtRest())
            {
                throw JournalError.Unmerged(Path);
            }

            // A read-only file system, or a file that this user may only read, still shows its history.
            return ReadOnly(work);
        }
    }

    // Reading leaves no trace, since -WhatIf asks the journal too: a log that a killed process left is not merged, and a file of an earlier version
    // is brought to this one's in a copy in memory.
    private T ReadOnly<T>(Func<SqliteConnection, T> work)
    {
        using var connection = ConnectToRead();
        var version = Version(connection);
        RefuseNewer(version);
        if (version == 0)
        {
            throw JournalError.Empty(Path, PathFacts.Of(Path)!.Bytes);
        }

        if (version == migrations.Count)
        {
            return work(connection);
        }

        using var copy = Connect(":memory:", SqliteOpenMode.Memory);
        connection.BackupDatabase(copy);
        Migrate(copy, version);
        return work(copy);
    }

    // Whether the write-ahead log is empty: the last writer has merged it.
    private bool IsAtRest() => JournalPlace.HasFile(folder, Path) && PathFacts.Of($"{Path}-wal") is not { Bytes: > 0 };

    // At rest without the files that readers and writers share (sqlite.org/uri.html, immutable), else without writing to them (readonly_shm).
    private SqliteConnection ConnectToRead()
    {
        foreach (var beside in Beside)
        {
            JournalPlace.IsSafe(beside, PathKind.File);
        }

        return Connect($"{new Uri(Path).AbsoluteUri}?{(IsAtRest() ? "immutable" : "readonly_shm")}=1", SqliteOpenMode.ReadOnly);
    }

    private bool IsReadOnly(Exception exception) => exception is UnauthorizedAccessException
        or IOException
        or SqliteException { SqliteErrorCode: JournalError.ReadOnly or JournalError.CannotOpen } && !JournalError.IsFull(Path);

    private SqliteConnection Open()
    {
        // Writes to a file that was removed meanwhile would be lost.
        if (_connection is not null && File.Exists(Path))
        {
            return _connection;
        }

        Close();
        JournalPlace.MakeFolder(folder);
        if (!JournalPlace.HasFile(folder, Path))
        {
            Make();
        }

        JournalPlace.HideFromOthers(Path);
        foreach (var beside in Beside)
        {
            JournalPlace.IsSafe(beside, PathKind.File);
        }

        var connection = Connect(Path, SqliteOpenMode.ReadWrite);
        try
        {
            var version = Version(connection);
            if (version == 0)
            {
                throw JournalError.Empty(Path, PathFacts.Of(Path)!.Bytes);
            }

            Migrate(connection, version);
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        return _connection = connection;
    }

    private static SqliteConnection Connect(string source, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = source,
            Mode = mode,
            Pooling = false,
            DefaultTimeout = BusySeconds,
        }.ToString());
        try
        {
            connection.Open();
            Run(connection, string.Create(CultureInfo.InvariantCulture, $"PRAGMA busy_timeout={BusySeconds * 1000}"));
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    // The file is made under another name, and gets its own name when its tables are in it. A full disk or a killed process therefore never
    // leaves a journal without tables.
    private void Make()
    {
        var making = string.Create(CultureInfo.InvariantCulture, $"{Path}.{Guid.NewGuid():N}");
        try
        {
            JournalPlace.MakeFile(making);
            using (var connection = Connect(making, SqliteOpenMode.ReadWrite))
            {
                Migrate(connection, version: 0);
            }

            File.Move(making, Path, overwrite: false);
        }
        catch (IOException) when (File.Exists(Path))
        {
            // Another process was faster.
        }
        finally
        {
            foreach (var left in new[] { making, $"{making}-wal", $"{making}-shm" })
            {
                File.Delete(left);
            }
        }
    }

    private void Migrate(SqliteConnection connection, long version)
    {
        if (version == migrations.Count)
        {
            return;
        }

        RefuseNewer(version);
        Run(connection, "PRAGMA journal_mode=WAL");

        // Another process may migrate it at the same time: the version is read again with the lock held.
        Run(connection, "BEGIN IMMEDIATE");
        try
        {
            version = Version(connection);
            RefuseNewer(version);
            foreach (var step in migrations.Skip((int)version))
            {
                Run(connection, step);
            }

            Run(connection, string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version={migrations.Count}"));
            Run(connection, "COMMIT");
        }
        catch
        {
            Run(connection, "ROLLBACK");
            throw;
        }
    }

    private void RefuseNewer(long version)
    {
        if (version > migrations.Count)
        {
            throw JournalError.Newer(Path, version, migrations.Count);
        }
    }

    private static long Version(SqliteConnection connection) => (long)Run(connection, "PRAGMA user_version")!;

    private void Close()
    {
        _connection?.Dispose();
        _connection = null;
    }
}
