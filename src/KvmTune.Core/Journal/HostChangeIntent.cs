// A change of a host in the journal: pools of huge pages, and the files that restore them after a restart of the host.
using KvmTune.Tuning.HugePages;

namespace KvmTune.Journal;

/// <summary>The intended change of a host's pools, with the data for its undo.</summary>
public sealed record HostChangeIntent
{
    /// <summary>The host.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The requested pool.</summary>
    public required HugePagePoolRequest Request { get; init; }

    /// <summary>What it does, in words.</summary>
    public required string Title { get; init; }

    /// <summary>The pools before, each with its node.</summary>
    public required IReadOnlyList<HugePagePoolRequest> FormerPools { get; init; }

    /// <summary>The files that the change will write, as they were before.</summary>
    public IReadOnlyList<FormerFile> FormerFiles { get; init; } = [];

    /// <summary>The entry that the change takes back.</summary>
    public long? Undoes { get; init; }
}

/// <summary>A file as it was before a change.</summary>
/// <param name="Path">The file.</param>
/// <param name="Text">Its text; null where there was no such file.</param>
public sealed record FormerFile(string Path, string? Text)
{
    /// <summary>The file as it is now.</summary>
    /// <exception cref="KvmTuneException">It cannot be read (<c>FileNotReadable</c>).</exception>
    public static FormerFile Of(string path)
    {
        try
        {
            return new FormerFile(path, File.Exists(path) ? File.ReadAllText(path) : null);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new KvmTuneException("FileNotReadable", KvmTuneErrorCategory.PermissionDenied, $"{path} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Restores the file.</summary>
    /// <exception cref="KvmTuneException">It cannot be written (<c>PersistFailed</c>).</exception>
    public void Restore()
    {
        try
        {
            if (Text is null)
            {
                File.Delete(Path);
            }
            else if (!File.Exists(Path) || File.ReadAllText(Path) != Text)
            {
                File.WriteAllText(Path + ".new", Text);
                File.Move(Path + ".new", Path, overwrite: true);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new KvmTuneException("PersistFailed", KvmTuneErrorCategory.PermissionDenied, $"{Path} could not be set back: {exception.Message} That needs root.", exception);
        }
    }
}
