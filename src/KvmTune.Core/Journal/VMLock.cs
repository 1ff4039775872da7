// Holds a VM against other processes while it is changed: a locked file, which the kernel lets go when the process ends, however.
using System.Diagnostics.CodeAnalysis;

namespace KvmTune.Journal;

/// <summary>An exclusive lock by VM (.NET takes it with flock(2)).</summary>
internal sealed class VMLock : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly FileStream _file;

    private VMLock(FileStream file) => _file = file;

    /// <summary>Takes the lock of a VM, or waits for it.</summary>
    /// <param name="folder">The journal's folder.</param>
    /// <param name="name">What is locked: a VM by its UUID, or a host.</param>
    /// <param name="limit">How long to wait.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The lock; null when somebody held it all the time.</returns>
    public static async Task<VMLock?> TakeAsync(string folder, string name, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var locks = Path.Combine(folder, "locks");
        JournalPlace.MakeFolder(folder);
        JournalPlace.MakeFolder(locks);
        var path = Path.Combine(locks, name);
        JournalPlace.MakeFile(path);
        var began = time.GetTimestamp();
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (TryTake(path, out var taken))
            {
                return taken;
            }

            if (time.GetElapsedTime(began) >= limit)
            {
                return null;
            }

            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static bool TryTake(string path, [NotNullWhen(true)] out VMLock? taken)
    {
        try
        {
            taken = new VMLock(new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0));
            return true;
        }
        catch (IOException exception) when (exception is not (FileNotFoundException or DirectoryNotFoundException))
        {
            taken = null;
            return false;
        }
    }
}
