// A journal of the test's own: nothing of the user's is read or written.
using KvmTune.Journal;

namespace KvmTune.Tests.Journal;

internal sealed class JournalFolder : IDisposable
{
    private readonly DirectoryInfo _parent = Directory.CreateTempSubdirectory("kvmtune-journal");

    public JournalFolder() => Journal = Open();

    /// <summary>The folder; it does not exist before the journal makes it.</summary>
    public string Path => System.IO.Path.Combine(_parent.FullName, "home");

    public TuningJournal Journal { get; }

    /// <summary>The same journal once more, as another process would have it.</summary>
    public TuningJournal Open(TimeSpan? wait = null) => new(Path, TimeProvider.System) { Wait = wait ?? TuningJournal.DefaultWait };

    public void Dispose()
    {
        Journal.Dispose();
        _parent.Delete(recursive: true);
    }
}
