// Counts the calls to libvirt that some work makes on its thread: what costs a call for each VM of a host is told by that, on any machine.
using KvmTune.Libvirt;

namespace KvmTune.Tests.Libvirt;

/// <summary>The calls since this was made.</summary>
internal sealed class LibvirtCalls : IDisposable
{
    private readonly Dictionary<string, int> _calls = new(StringComparer.Ordinal);

    public LibvirtCalls() => LibvirtError.Watcher = function => _calls[function] = Of(function) + 1;

    /// <summary>How often a function was called.</summary>
    public int Of(string function) => _calls.GetValueOrDefault(function);

    /// <summary>How many documents of VMs were fetched.</summary>
    public int Documents => Of("virDomainGetXMLDesc");

    public void Dispose() => LibvirtError.Watcher = null;
}
