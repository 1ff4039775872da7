// The journal's SQLite file: opened when it is first needed, made and migrated where that must be, its errors in words.
using System.Globalization;
using Microsoft.Data.Sqlite;

namespace KvmTune.Journal;

/// <summary>
/// One file, one connection, one call at a time; other processes have connections of their own (SQLite's write-ahead log lets one write
/// while others read, and a writer waits for another).
/// </summary>
internal sealed class JournalDatabase(string folder, IReadOnlyList<string> migrations) : IDisposable
{
    // How long a writer waits for another process's writing, which takes milliseconds.
    private const int BusySeconds = 10;

    private readonly object _gate = new();
    private SqliteConnection? _connection;

    /// <summary>The file.</summary>
    public string Path { get; } = System.IO.Path.Combine(folder, "journal.db");

    /// <summary>Whether there is a journal yet.</summary>
    public bool Exists => File.Exists(Path);

    /// <summary>Does something in the journal.</summary>
    /// <param name="doing">What, for an error: <c>writing to</c>, <c>reading</c>.</param>
    /// <param name="work">The work.</param>
    /// <exception cref="KvmTuneException">The journal cannot be used, or a later version has written it.</exception>
    public T Use<T>(string doing, Func<SqliteConnection, T> work)
    {
        lock (_gate)
        {
            try
            {
                return work(Open());
            }
            catch (Exception exception) when (JournalError.IsOurs(exception))
            {
                // The next call opens it anew: what was wrong with this connection may be wrong with all its calls.
                Close();
                throw JournalError.Unavailable(Path, doing, exception);
            }
        }
    }

    /// <summary>Runs one statement in a transaction of its own.</summary>
    /// <param name="isDurable">
    /// Whether it must outlive a loss of power when this returns. It outlives the end of the process in any case (sqlite.org/pragma.html,
    /// synchronous: in WAL mode NORMAL syncs at checkpoints only).
    /// </param>
    /// <param name="sql">The statement.</param>
    /// <param name="values">Its parameters, <c>$0</c> and so on.</param>
    /// <returns>The first value of the first row; null when there is none.</returns>
    public object? Write(bool isDurable, string sql, params object?[] values) => Use("writing to", connection =>
    {
        Run(connection, isDurable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
        return Run(connection, sql, values);
    });

    /// <summary>The rows of a query.</summary>
    public List<T> Read<T>(string sql, Func<SqliteDataReader, T> row, params object?[] values) => Use("reading", connection =>
    {
        using var command = Command(connection, sql, values);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
        {
            rows.Add(row(reader));
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

    private SqliteConnection Open()
    {
        // A journal that somebody removed meanwhile would take writes that nobody ever reads.
        if (_connection is not null && File.Exists(Path))
        {
            return _connection;
        }

        Close();
        JournalPlace.MakeFolder(folder);
        JournalPlace.MakeFile(Path);
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = Path,
            Mode = SqliteOpenMode.ReadWrite,
            Pooling = false,
            DefaultTimeout = BusySeconds,
        }.ToString());
        try
        {
            connection.Open();
            Run(connection, string.Create(CultureInfo.InvariantCulture, $"PRAGMA busy_timeout={BusySeconds * 1000}"));
            Migrate(connection);
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        return _connection = connection;
    }

    private void Migrate(SqliteConnection connection)
    {
        if (Version(connection) is var version && version == migrations.Count)
        {
            return;
        }

        RefuseNewer(version);
        Run(connection, "PRAGMA journal_mode=WAL");

        // Another process may be at it as well: the version is read again once it is our turn.
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
