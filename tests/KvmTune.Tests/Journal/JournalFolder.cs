// The test's own journal: the user's journal is neither read nor written.
using KvmTune.Journal;

namespace KvmTune.Tests.Journal;

internal sealed class JournalFolder : IDisposable
{
    private readonly DirectoryInfo _parent;

    public JournalFolder()
        : this(System.IO.Path.GetTempPath())
    {
    }

    private JournalFolder(string parent)
    {
        _parent = Directory.CreateDirectory(System.IO.Path.Combine(parent, $"kvmtune-journal-{Guid.NewGuid():N}"));
        Journal = Open();
    }

    /// <summary>The folder; it does not exist before the journal creates it.</summary>
    public string Path => System.IO.Path.Combine(_parent.FullName, "home");

    public TuningJournal Journal { get; }

    /// <summary>A journal in memory if possible, for a test with so many writes that it would mostly wait for the disk.</summary>
    public static JournalFolder InMemory() => new(Directory.Exists("/dev/shm") ? "/dev/shm" : System.IO.Path.GetTempPath());

    /// <summary>The same journal opened again, like in another process.</summary>
    public TuningJournal Open(TimeSpan? wait = null) => new(Path, TimeProvider.System) { Wait = wait ?? TuningJournal.DefaultWait };

    public void Dispose()
    {
        Journal.Dispose();
        _parent.Delete(recursive: true);
    }
}
