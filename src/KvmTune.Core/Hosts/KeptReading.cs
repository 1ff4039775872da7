// Caches a host's reading for a command that judges many VMs in turn, and renews it from time to time.
namespace KvmTune.Hosts;

/// <summary>
/// A reading that is cached for a second, or for ten times its own duration: so reading stays a small part of the work, also on a large host.
/// </summary>
/// <param name="time">The clock.</param>
internal sealed class KeptReading<T>(TimeProvider time)
    where T : class
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private long _readAt;
    private TimeSpan _keep;

    /// <summary>The last reading, at any age; null for none.</summary>
    public T? Last { get; private set; }

    /// <summary>The cached reading while it is fresh, else a new one.</summary>
    public T Get(Func<T> read) => Get(read, out _);

    /// <summary>The reading, and whether it is new.</summary>
    public T Get(Func<T> read, out bool isNew)
    {
        isNew = Last is null || time.GetElapsedTime(_readAt) > _keep;
        if (isNew)
        {
            // Its age counts from the beginning of the reading.
            var began = time.GetTimestamp();
            Last = read();
            (_readAt, _keep) = (began, Fresh + (10 * time.GetElapsedTime(began)));
        }

        return Last!;
    }

    /// <summary>Drops the cached reading after a change: the next caller reads again.</summary>
    public void Expire() => _keep = TimeSpan.MinValue;
}
