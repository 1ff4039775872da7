// A connection to one libvirt host: opening it, its properties, closing it. The other files of this class have its functions.
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KvmTune.Libvirt;

/// <summary>A <c>virConnectPtr</c>. Each domain handle holds its own native reference.</summary>
internal sealed partial class ConnectionHandle : SafeHandleZeroOrMinusOneIsInvalid
{
    public ConnectionHandle()
        : base(ownsHandle: true)
    {
    }

    protected override bool ReleaseHandle() => virConnectClose(handle) >= 0;

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectClose(nint connection);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    internal static partial int virConnectIsAlive(ConnectionHandle connection);
}

/// <summary>
/// A connection to one libvirt host. All members may be called from several threads at once, as libvirt allows. Members throw
/// <see cref="LibvirtException"/> if libvirt reports an error, and <see cref="ObjectDisposedException"/> after <see cref="Dispose"/>.
/// </summary>
public sealed partial class LibvirtConnection : IDisposable
{
    private const uint ReadOnlyFlag = 1; // VIR_CONNECT_RO

    // The same limit as virsh uses for remote connections: a daemon that does not answer for 30 seconds counts as lost.
    private const int KeepAliveSeconds = 5;
    private const uint KeepAliveCount = 6;

    private string? _hypervisorType;
    private string? _hostName;

    private LibvirtConnection(ConnectionHandle handle, ConnectionAccess access)
    {
        Handle = handle;
        Access = access;
        Uri = NativeUtf8String.Take(LibvirtError.Check(virConnectGetURI(handle), handle));
    }

    /// <summary>The URI as libvirt resolved it, for instance <c>qemu:///system</c>.</summary>
    public string Uri { get; }

    /// <summary>The permissions of the connection.</summary>
    public ConnectionAccess Access { get; }

    /// <summary>The driver's name: <c>QEMU</c>, <c>TEST</c>, ….</summary>
    public string HypervisorType => _hypervisorType ??=
        Marshal.PtrToStringUTF8(LibvirtError.Check(virConnectGetType(Handle), Handle))!;

    /// <summary>The version of libvirt on the host, that is, the daemon's.</summary>
    public Version LibvirtVersion
    {
        get
        {
            LibvirtError.Check(virConnectGetLibVersion(Handle, out var version), Handle);
            return LibvirtLibrary.ToVersion(version);
        }
    }

    /// <summary>The hypervisor's version, for instance QEMU's; null if libvirt does not report it.</summary>
    public Version? HypervisorVersion
    {
        get
        {
            if (virConnectGetVersion(Handle, out var version) < 0)
            {
                var error = LibvirtError.Last(nameof(virConnectGetVersion), Handle);
                return error.ErrorCode == LibvirtErrorCode.NoSupport ? null : throw error;
            }

            return version == 0 ? null : LibvirtLibrary.ToVersion(version);
        }
    }

    /// <summary>The host's name, as the host itself reports it; read once.</summary>
    public string HostName => _hostName ??= NativeUtf8String.Take(LibvirtError.Check(virConnectGetHostname(Handle), Handle));

    /// <summary>
    /// Whether the connection is open and, as far as the client knows, the daemon is alive. This makes no call to the daemon: the next call notices
    /// a daemon that has just died.
    /// </summary>
    public bool IsAlive
    {
        get
        {
            if (Handle.IsClosed)
            {
                return false;
            }

            var alive = ConnectionHandle.virConnectIsAlive(Handle) == 1;
            LibvirtError.Reset();
            return alive;
        }
    }

    internal ConnectionHandle Handle { get; }

    /// <summary>
    /// Opens a connection with libvirt's default authentication, which asks on the terminal if the transport needs it.
    /// </summary>
    /// <param name="uri">The host; null for libvirt's own default (LIBVIRT_DEFAULT_URI, its configuration, or a guess).</param>
    /// <param name="access">What the connection may do.</param>
    /// <exception cref="LibvirtUnavailableException">libvirt's client library is not installed.</exception>
    /// <exception cref="LibvirtException">The host does not answer, refuses, or has no such driver.</exception>
    public static LibvirtConnection Open(string? uri, ConnectionAccess access)
    {
        if (uri is not null)
        {
            NativeUtf8String.RequireNoNull(uri, nameof(uri));
        }

        LibvirtLibrary.EnsureReady();
        EventLoop.EnsureRunning();
        var flags = access == ConnectionAccess.ReadOnly ? ReadOnlyFlag : 0;
        var handle = LibvirtError.CheckHandle(virConnectOpenAuth(uri, LibvirtLibrary.DefaultAuthentication, flags));
        try
        {
            // Drivers inside this process have no keep-alive; that is no error.
            if (virConnectSetKeepAlive(handle, KeepAliveSeconds, KeepAliveCount) < 0)
            {
                LibvirtError.Reset();
            }

            return new LibvirtConnection(handle, access);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Ends the subscriptions and closes the connection. Domains obtained from it stay usable until disposed.</summary>
    public void Dispose()
    {
        if (!Handle.IsClosed)
        {
            EndSubscriptions();
        }

        Handle.Dispose();
    }

    /// <summary>The URI.</summary>
    public override string ToString() => Uri;

    [LibraryImport(LibvirtLibrary.Libvirt, StringMarshalling = StringMarshalling.Utf8)]
    private static partial ConnectionHandle virConnectOpenAuth(string? name, nint authentication, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectSetKeepAlive(ConnectionHandle connection, int interval, uint count);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial nint virConnectGetURI(ConnectionHandle connection);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial nint virConnectGetType(ConnectionHandle connection);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectGetLibVersion(ConnectionHandle connection, out nuint version);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectGetVersion(ConnectionHandle connection, out nuint version);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial nint virConnectGetHostname(ConnectionHandle connection);
}
