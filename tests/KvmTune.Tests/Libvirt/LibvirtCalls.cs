// Counts the libvirt calls of some work on its thread: the number shows a call for each VM of a host, on any machine.
using KvmTune.Libvirt;

namespace KvmTune.Tests.Libvirt;

/// <summary>The calls since the creation of this object.</summary>
internal sealed class LibvirtCalls : IDisposable
{
    private readonly Dictionary<string, int> _calls = new(StringComparer.Ordinal);

    public LibvirtCalls() => LibvirtError.Watcher = function => _calls[function] = Of(function) + 1;

    /// <summary>The number of calls of a function.</summary>
    public int Of(string function) => _calls.GetValueOrDefault(function);

    /// <summary>The number of VM documents that were read.</summary>
    public int Documents => Of("virDomainGetXMLDesc");

    public void Dispose() => LibvirtError.Watcher = null;
}
