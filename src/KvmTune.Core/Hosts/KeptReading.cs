// What was read of a host, for those who judge many VMs one after the other: read again from time to time.
namespace KvmTune.Hosts;

/// <summary>A reading that is kept a second, or ten times as long as it took: so it is a small part of the work, however large the host.</summary>
/// <param name="time">The clock.</param>
internal sealed class KeptReading<T>(TimeProvider time)
    where T : class
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private long _readAt;
    private TimeSpan _keep;

    /// <summary>What was read last, however old; null for nothing.</summary>
    public T? Last { get; private set; }

    /// <summary>What is there: as it was read last, or as it is read now.</summary>
    public T Get(Func<T> read) => Get(read, out _);

    /// <summary>What is there, and whether it was read now.</summary>
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

    /// <summary>Something has changed: the next one who asks reads it.</summary>
    public void Expire() => _keep = TimeSpan.MinValue;
}
