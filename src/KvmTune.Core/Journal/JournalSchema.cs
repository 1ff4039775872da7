// The journal's tables, as the steps from each version to the next. user_version is the version of a file.
namespace KvmTune.Journal;

/// <summary>The versions of the journal's tables.</summary>
internal static class JournalSchema
{
    /// <summary>
    /// The steps: the first makes version 1 of an empty file, each later one the next version. A shipped step is never edited. Times are UTC
    /// in the round-trip form, so that they sort as text.
    /// </summary>
    public static IReadOnlyList<string> Migrations { get; } =
    [
        """
        CREATE TABLE measurement (
            id TEXT NOT NULL PRIMARY KEY,
            vm_id TEXT NOT NULL,
            vm_name TEXT NOT NULL,
            host_uri TEXT NOT NULL,
            started_at TEXT NOT NULL,
            workload TEXT NOT NULL,
            metric TEXT NOT NULL,
            unit TEXT NOT NULL,
            median REAL,
            runs INTEGER NOT NULL,
            by_user TEXT NOT NULL,
            change_id INTEGER,
            document TEXT NOT NULL
        );
        CREATE INDEX measurement_of_vm ON measurement (vm_id, started_at);
        CREATE INDEX measurement_of_change ON measurement (change_id);
        CREATE TABLE change (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            vm_id TEXT,
            vm_name TEXT NOT NULL,
            host_uri TEXT NOT NULL,
            area TEXT NOT NULL,
            title TEXT NOT NULL,
            started_at TEXT NOT NULL,
            by_user TEXT NOT NULL,
            by_process TEXT NOT NULL,
            process_id INTEGER NOT NULL,
            process_start INTEGER NOT NULL,
            boot_id TEXT NOT NULL,
            experiment_id TEXT,
            baseline_id TEXT,
            undoes INTEGER,
            intent TEXT NOT NULL,
            step TEXT,
            outcome TEXT,
            ended_at TEXT,
            restarted INTEGER NOT NULL DEFAULT 0,
            error TEXT,
            result TEXT,
            undone_at TEXT,
            undone_by INTEGER
        );
        CREATE INDEX change_of_vm ON change (vm_id, id);
        CREATE TABLE comparison (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            vm_id TEXT NOT NULL,
            change_id INTEGER,
            baseline_id TEXT,
            candidate_id TEXT,
            compared_at TEXT NOT NULL,
            design TEXT NOT NULL,
            verdict TEXT NOT NULL,
            sentence TEXT NOT NULL
        );
        CREATE INDEX comparison_of_change ON comparison (change_id);
        """,
        """
        CREATE TABLE checkpoint (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            vm_id TEXT NOT NULL,
            vm_name TEXT NOT NULL,
            host_uri TEXT NOT NULL,
            name TEXT NOT NULL,
            made_at TEXT NOT NULL,
            by_user TEXT NOT NULL,
            state TEXT NOT NULL,
            UNIQUE (vm_id, host_uri, name)
        );
        """,
        // The whole comparison, so that it can be shown as it was made. Older entries have none.
        """
        ALTER TABLE comparison ADD COLUMN document TEXT;
        """,
    ];
}
