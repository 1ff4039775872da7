// The journal of this PowerShell process: one object for each journal folder, shared by all cmdlets.
using System.Collections.Concurrent;
using System.Management.Automation;
using KvmTune.Journal;

namespace KvmTune.Cmdlets.Common;

/// <summary>The open journals. A journal is opened when a cmdlet first records or reads an entry.</summary>
internal sealed class Journals : IModuleAssemblyCleanup
{
    private static readonly ConcurrentDictionary<string, TuningJournal> Open = new(StringComparer.Ordinal);

    /// <summary>The current journal. The folder is read each time, because a session may set KVMTUNE_HOME.</summary>
    public static TuningJournal Current => Open.GetOrAdd(JournalPlace.From(CurrentFolder), static folder => new TuningJournal(folder, TimeProvider.System));

    // The session's folder, not the process's: Set-Location changes only the session's.
    private static string CurrentFolder()
    {
        using var shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
        return shell.AddCommand("Microsoft.PowerShell.Management\\Get-Location").AddParameter("PSProvider", "FileSystem").Invoke<PathInfo>()[0].ProviderPath;
    }

    /// <summary>Records a measurement. A full disk must not lose a measurement that took minutes: the error becomes a warning.</summary>
    /// <param name="cmdlet">The cmdlet that emits the measurement.</param>
    /// <param name="missing">The information that the history lacks after an error, as a sentence.</param>
    /// <param name="record">Records the measurement.</param>
    public static void TryRecord(CancellableCmdlet cmdlet, string missing, Action<TuningJournal> record)
    {
        try
        {
            record(Current);
        }
        catch (KvmTuneException exception)
        {
            cmdlet.WriteWarning($"{missing} {exception.Message}");
        }
    }

    /// <summary>Closes them when the module is removed.</summary>
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        foreach (var folder in Open.Keys)
        {
            if (Open.TryRemove(folder, out var journal))
            {
                journal.Dispose();
            }
        }
    }
}
