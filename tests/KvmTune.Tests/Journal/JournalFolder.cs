// A journal of the test's own: nothing of the user's is read or written.
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

    /// <summary>The folder; it does not exist before the journal makes it.</summary>
    public string Path => System.IO.Path.Combine(_parent.FullName, "home");

    public TuningJournal Journal { get; }

    /// <summary>One in memory where that can be, for a test that writes so often that it would wait for the disk most of the time.</summary>
    public static JournalFolder InMemory() => new(Directory.Exists("/dev/shm") ? "/dev/shm" : System.IO.Path.GetTempPath());

    /// <summary>The same journal once more, as another process would have it.</summary>
    public TuningJournal Open(TimeSpan? wait = null) => new(Path, TimeProvider.System) { Wait = wait ?? TuningJournal.DefaultWait };

    public void Dispose()
    {
        Journal.Dispose();
        _parent.Delete(recursive: true);
    }
}
