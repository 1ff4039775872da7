// A change of a host as the journal keeps it: pools of huge pages, and the files that keep them over a restart of the host.
using KvmTune.Tuning.HugePages;

namespace KvmTune.Journal;

/// <summary>What is going to be done to a host's pools, and what is needed to undo it.</summary>
public sealed record HostChangeIntent
{
    /// <summary>The host.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>What is asked for.</summary>
    public required HugePagePoolRequest Request { get; init; }

    /// <summary>What it does, in words.</summary>
    public required string Title { get; init; }

    /// <summary>The pools before, each with its node.</summary>
    public required IReadOnlyList<HugePagePoolRequest> FormerPools { get; init; }

    /// <summary>The files that will be written, as they were.</summary>
    public IReadOnlyList<FormerFile> FormerFiles { get; init; } = [];

    /// <summary>The entry that the change takes back.</summary>
    public long? Undoes { get; init; }
}

/// <summary>A file as it was before a change.</summary>
/// <param name="Path">The file.</param>
/// <param name="Text">What was in it; null where there was no such file.</param>
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

    /// <summary>Makes the file so again.</summary>
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
