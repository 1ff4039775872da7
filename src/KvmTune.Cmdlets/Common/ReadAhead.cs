// Reads VMs on other threads while the pipeline deals with those that came before: libvirt makes a document as slowly as this
// module reads it, and answers several questions of one connection at once.
using KvmTune.Libvirt;

namespace KvmTune.Cmdlets.Common;

/// <summary>A few readings under way, first in, first out. It owns the domains that it was given.</summary>
internal sealed class ReadAhead<T> : IDisposable
{
    // libvirtd takes five calls of one client at a time (max_client_requests); one is left for others of this process.
    private const int Most = 4;

    private readonly Queue<(LibvirtDomain Domain, Task<T> Reading)> _underWay = new(Most);

    /// <summary>Whether a reading has to be taken before another is begun.</summary>
    public bool IsFull => _underWay.Count == Most;

    /// <summary>Whether nothing is under way.</summary>
    public bool IsEmpty => _underWay.Count == 0;

    /// <summary>The name of the VM whose reading comes next.</summary>
    public string NextName => _underWay.Peek().Domain.Name;

    /// <summary>Begins to read a VM.</summary>
    public void Begin(LibvirtDomain domain, Func<T> read) => _underWay.Enqueue((domain, Task.Run(read)));

    /// <summary>Waits for the reading that comes next; throws what it threw.</summary>
    public T Take()
    {
        var (domain, reading) = _underWay.Dequeue();
        using (domain)
        {
            return reading.GetAwaiter().GetResult();
        }
    }

    /// <summary>Waits for what is under way, whose results nobody wants any more, and lets the domains go.</summary>
    public void Dispose()
    {
        while (_underWay.TryDequeue(out var left))
        {
            Task.WaitAny([left.Reading]);
            _ = left.Reading.Exception;
            left.Domain.Dispose();
        }
    }
}
