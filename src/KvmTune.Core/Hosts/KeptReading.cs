// Keeps what was read of a host for a command that judges many VMs in turn, and reads it again from time to time.
namespace KvmTune.Hosts;

/// <summary>A reading that is kept for a second, or for ten times as long as it took: reading is then a small part of the work, also on a large host.</summary>
/// <param name="time">The clock.</param>
internal sealed class KeptReading<T>(TimeProvider time)
    where T : class
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private long _readAt;
    private TimeSpan _keep;

    /// <summary>What was read last, however old; null for nothing.</summary>
    public T? Last { get; private set; }

    /// <summary>The kept reading while it is fresh, else a new one.</summary>
    public T Get(Func<T> read) => Get(read, out _);

    /// <summary>The reading, and whether it is a new one.</summary>
    public T Get(Func<T> read, out bool isNew)
    {
        isNew = Last is null || time.GetElapsedTime(_readAt) > _keep;
        if (isNew)
        {
            // It is as old as its beginning.
            var began = time.GetTimestamp();
            Last = read();
            (_readAt, _keep) = (began, Fresh + (10 * time.GetElapsedTime(began)));
        }

        return Last!;
    }

    /// <summary>Drops the kept reading, since something has changed: the next caller reads again.</summary>
    public void Expire() => _keep = TimeSpan.MinValue;
}
