// A domain: its identity, its XML, its metadata. The other files of this class have its functions.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KvmTune.Libvirt;

/// <summary>A <c>virDomainPtr</c>, which keeps its connection open.</summary>
internal sealed unsafe partial class DomainHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    public const int UuidLength = 16; // VIR_UUID_BUFLEN

    public DomainHandle()
        : base(ownsHandle: true)
    {
    }

    public DomainHandle(nint domain)
        : base(ownsHandle: true) => SetHandle(domain);

    /// <summary>The name, which the native handle contains: no call to the daemon.</summary>
    public static string NameOf(nint domain) => Marshal.PtrToStringUTF8(LibvirtError.Check(virDomainGetName(domain)))!;

    /// <summary>The UUID, which the handle also contains.</summary>
    public static Guid UuidOf(nint domain)
    {
        var bytes = stackalloc byte[UuidLength];
        LibvirtError.Check(virDomainGetUUID(domain, bytes));
        return new Guid(new ReadOnlySpan<byte>(bytes, UuidLength), bigEndian: true);
    }

    protected override bool ReleaseHandle() => virDomainFree(handle) >= 0;

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainFree(nint domain);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial nint virDomainGetName(nint domain);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virDomainGetUUID(nint domain, byte* uuid);
}

/// <summary>The content of a domain's XML (virDomainXMLFlags).</summary>
[Flags]
public enum DomainXmlFlags
{
    /// <summary>The running configuration if it runs, else the persistent one; without passwords.</summary>
    None = 0,

    /// <summary>With passwords; needs a writable connection. XML for a new definition must have them.</summary>
    Secure = 1,

    /// <summary>The persistent configuration, also of a running domain.</summary>
    Inactive = 2,

    /// <summary>With the CPU definition updated to the host's CPU.</summary>
    UpdateCpu = 4,

    /// <summary>In the form for a migration.</summary>
    Migratable = 8,
}

/// <summary>
/// A libvirt domain. Members throw <see cref="LibvirtException"/> if libvirt reports an error, and <see cref="ObjectDisposedException"/> after
/// <see cref="Dispose"/>; name and UUID stay readable.
/// </summary>
public sealed unsafe partial class LibvirtDomain : IDisposable
{
    internal LibvirtDomain(LibvirtConnection connection, DomainHandle handle)
    {
        Connection = connection;
        Handle = handle;

        // The native handle contains both: reading them needs no call to the daemon.
        Name = DomainHandle.NameOf(handle.DangerousGetHandle());
        Id = DomainHandle.UuidOf(handle.DangerousGetHandle());
    }

    /// <summary>The connection on which the domain was found.</summary>
    public LibvirtConnection Connection { get; }

    /// <summary>The name at the time when this object was created.</summary>
    public string Name { get; }

    /// <summary>The UUID.</summary>
    public Guid Id { get; }

    internal DomainHandle Handle { get; }

    /// <summary>The domain's XML as a string.</summary>
    /// <param name="flags">The kind of XML.</param>
    public string GetXml(DomainXmlFlags flags = DomainXmlFlags.None)
        => NativeUtf8String.Take(LibvirtError.Check(virDomainGetXMLDesc(Handle, (uint)flags), Connection.Handle));

    /// <summary>The domain's XML as the bytes that libvirt wrote, to parse without an intermediate string.</summary>
    /// <param name="flags">The kind of XML.</param>
    /// <returns>The bytes; dispose of them after reading.</returns>
    public NativeUtf8String GetXmlUtf8(DomainXmlFlags flags = DomainXmlFlags.None)
        => new(LibvirtError.Check(virDomainGetXMLDesc(Handle, (uint)flags), Connection.Handle));

    /// <summary>Releases the native handle; the domain itself does not change.</summary>
    public void Dispose() => Handle.Dispose();

    /// <summary>The name.</summary>
    public override string ToString() => Name;

    private int Check(int result, [CallerArgumentExpression(nameof(result))] string call = "")
        => LibvirtError.Check(result, Connection.Handle, call);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial nint virDomainGetXMLDesc(DomainHandle domain, uint flags);
}
