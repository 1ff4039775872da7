// An application's own XML element in a domain's metadata.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed partial class LibvirtDomain
{
    private const int ElementMetadata = 2; // VIR_DOMAIN_METADATA_ELEMENT

    /// <summary>The element of a namespace; null if the domain has none.</summary>
    /// <param name="namespaceUri">The element's namespace.</param>
    /// <param name="target">The running domain or the persistent configuration.</param>
    public string? GetMetadata(string namespaceUri, AffectTarget target)
    {
        NativeUtf8String.RequireNoNull(namespaceUri, nameof(namespaceUri));
        var metadata = virDomainGetMetadata(Handle, ElementMetadata, namespaceUri, (uint)target);
        if (metadata != 0)
        {
            return NativeUtf8String.Take(metadata);
        }

        var error = LibvirtError.Last(nameof(virDomainGetMetadata), Connection.Handle);
        return error.ErrorCode == LibvirtErrorCode.NoDomainMetadata ? null : throw error;
    }

    /// <summary>Sets or removes the element of a namespace.</summary>
    /// <param name="xml">The element, without the namespace's prefix; null to remove it.</param>
    /// <param name="prefix">The prefix it gets in the domain's XML.</param>
    /// <param name="namespaceUri">Its namespace.</param>
    /// <param name="target">The running domain, the persistent configuration, or both.</param>
    public void SetMetadata(string? xml, string prefix, string namespaceUri, AffectTarget target)
    {
        NativeUtf8String.RequireNoNull(prefix, nameof(prefix));
        NativeUtf8String.RequireNoNull(namespaceUri, nameof(namespaceUri));
        if (xml is not null)
        {
            NativeUtf8String.RequireNoNull(xml, nameof(xml));
        }

        Check(virDomainSetMetadata(Handle, ElementMetadata, xml, prefix, namespaceUri, (uint)target));
    }

    [LibraryImport(LibvirtLibrary.Libvirt, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint virDomainGetMetadata(DomainHandle domain, int type, string uri, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int virDomainSetMetadata(
        DomainHandle domain, int type, string? metadata, string key, string uri, uint flags);
}
