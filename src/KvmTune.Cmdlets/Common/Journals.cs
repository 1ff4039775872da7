// The journal of this PowerShell process: one object for each folder that it is kept in, shared by all cmdlets.
using System.Collections.Concurrent;
using System.Management.Automation;
using KvmTune.Journal;

namespace KvmTune.Cmdlets.Common;

/// <summary>The open journals. Nothing is opened before a cmdlet records or asks something.</summary>
internal sealed class Journals : IModuleAssemblyCleanup
{
    private static readonly ConcurrentDictionary<string, TuningJournal> Open = new(StringComparer.Ordinal);

    /// <summary>The journal that is meant now: the folder is asked for each time, since a session may set KVMTUNE_HOME.</summary>
    public static TuningJournal Current => Open.GetOrAdd(JournalPlace.From(CurrentFolder), static folder => new TuningJournal(folder, TimeProvider.System));

    // Of the session, which is not that of the process: Set-Location moves only the former.
    private static string CurrentFolder()
    {
        using var shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
        return shell.AddCommand("Microsoft.PowerShell.Management\\Get-Location").AddParameter("PSProvider", "FileSystem").Invoke<PathInfo>()[0].ProviderPath;
    }

    /// <summary>Records what was measured. A measurement that took minutes is not lost for a full disk: then it is a warning.</summary>
    /// <param name="cmdlet">The cmdlet that emits it.</param>
    /// <param name="missing">What is not in the history then, as a sentence.</param>
    /// <param name="record">Records it.</param>
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
