// The journal of a real experiment on the lab (samples/report/journal.db), as a copy, so that reading does not change the recorded one.
using KvmTune.Journal;

namespace KvmTune.Tests.Reports;

internal sealed class SampleJournal : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kvmtune-sample");

    public SampleJournal()
    {
        File.Copy(Path.Combine(AppContext.BaseDirectory, "report-sample", "journal.db"), Path.Combine(_folder.FullName, "journal.db"));
        Journal = new TuningJournal(_folder.FullName, TimeProvider.System);
    }

    public string Folder => _folder.FullName;

    public TuningJournal Journal { get; }

    public void Dispose()
    {
        Journal.Dispose();
        _folder.Delete(recursive: true);
    }
}
