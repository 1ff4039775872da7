// Reads VMs on other threads while the pipeline processes the earlier ones: libvirt takes as long to create a document as this module takes
// to read it, and answers several calls of one connection at the same time.
using KvmTune.Libvirt;

namespace KvmTune.Cmdlets.Common;

/// <summary>A few pending reads, first in, first out. It owns the domains of these reads.</summary>
/// <param name="cancellationToken">Cancels the reads.</param>
internal sealed class ReadAhead<T>(CancellationToken cancellationToken) : IDisposable
{
    // libvirtd processes five calls of one client at a time (max_client_requests); one is left for other uses in this process.
    private const int Most = 4;

    private readonly CancellationTokenSource _end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    private readonly Queue<(LibvirtDomain Domain, Task<T> Reading)> _underWay = new(Most);

    /// <summary>Whether the caller must take a result before it begins another read.</summary>
    public bool IsFull => _underWay.Count == Most;

    /// <summary>Whether no read is pending.</summary>
    public bool IsEmpty => _underWay.Count == 0;

    /// <summary>The name of the VM whose result comes next.</summary>
    public string NextName => _underWay.Peek().Domain.Name;

    /// <summary>Begins to read a VM.</summary>
    public void Begin(LibvirtDomain domain, Func<CancellationToken, T> read) => _underWay.Enqueue((domain, Task.Run(() => read(_end.Token))));

    /// <summary>Waits for the next result; throws the exception of its read.</summary>
    public T Take()
    {
        var (domain, reading) = _underWay.Dequeue();
        using (domain)
        {
            return reading.GetAwaiter().GetResult();
        }
    }

    /// <summary>Cancels the pending reads, waits for their end, and disposes the domains.</summary>
    public void Dispose()
    {
        _end.Cancel();
        while (_underWay.TryDequeue(out var left))
        {
            Task.WaitAny([left.Reading]);
            _ = left.Reading.Exception;
            left.Domain.Dispose();
        }

        _end.Dispose();
    }
}
