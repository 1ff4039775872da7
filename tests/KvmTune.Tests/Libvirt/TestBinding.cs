// libvirt functions that only tests need: the shipped binding has only the functions that the engine calls.
using System.Runtime.InteropServices;
using KvmTune.Libvirt;

namespace KvmTune.Tests;

/// <summary>More functions of libvirt, for tests.</summary>
internal static partial class TestBinding
{
    /// <summary>Finds a domain that must exist.</summary>
    public static LibvirtDomain LookupByName(this LibvirtConnection connection, string name) =>
        connection.TryLookupByName(name) ?? throw new InvalidOperationException($"There is no domain '{name}' on {connection.Uri}.");

    /// <summary>Removes a domain's persistent configuration; its storage stays.</summary>
    public static void Undefine(this LibvirtDomain domain)
    {
        if (virDomainUndefineFlags(domain.Handle, 0) < 0)
        {
            throw LibvirtError.Last(nameof(virDomainUndefineFlags), domain.Connection.Handle);
        }
    }

    [LibraryImport("libvirt.so.0")]
    private static partial int virDomainUndefineFlags(DomainHandle domain, uint flags);
}
