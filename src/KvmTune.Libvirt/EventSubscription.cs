// One registration for lifecycle events, from registering to the moment at which libvirt lets go of it.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

/// <summary>
/// A registration with libvirt. libvirt holds a <see cref="GCHandle"/> to it and frees that from the event loop, some time
/// after the registration is ended.
/// </summary>
internal sealed unsafe partial class EventSubscription : IDisposable
{
    private const int LifecycleEvents = 0; // VIR_DOMAIN_EVENT_ID_LIFECYCLE

    private readonly LibvirtConnection _connection;
    private readonly Action<DomainLifecycleEvent> _handler;
    private int _callback = -1;
    private int _disposed;

    private EventSubscription(LibvirtConnection connection, Action<DomainLifecycleEvent> handler)
    {
        _connection = connection;
        _handler = handler;
    }

    /// <summary>Registers a handler for the lifecycle events of one domain, or of all.</summary>
    public static EventSubscription Register(
        LibvirtConnection connection, LibvirtDomain? domain, Action<DomainLifecycleEvent> handler)
    {
        var subscription = new EventSubscription(connection, handler);
        var self = GCHandle.Alloc(subscription);
        var held = false;
        try
        {
            domain?.Handle.DangerousAddRef(ref held);
            subscription._callback = LibvirtError.Check(
                virConnectDomainEventRegisterAny(
                    connection.Handle,
                    domain?.Handle.DangerousGetHandle() ?? 0,
                    LifecycleEvents,
                    &OnEvent,
                    GCHandle.ToIntPtr(self),
                    &EventCallbacks.Free),
                connection.Handle);
        }
        catch
        {
            // What was not registered is not freed by libvirt.
            self.Free();
            throw;
        }
        finally
        {
            if (held)
            {
                domain!.Handle.DangerousRelease();
            }
        }

        return subscription;
    }

    /// <summary>Ends the registration. The handler is not called again, except where it runs at this very moment.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _connection.Forget(this);

        // On a lost connection the daemon cannot be told; the client side is cleared all the same.
        if (!_connection.Handle.IsClosed && virConnectDomainEventDeregisterAny(_connection.Handle, _callback) < 0)
        {
            LibvirtError.Reset();
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnEvent(nint connection, nint domain, int type, int detail, nint self)
    {
        try
        {
            if (GCHandle.FromIntPtr(self).Target is EventSubscription { _disposed: 0 } subscription)
            {
                subscription._handler(new DomainLifecycleEvent(
                    DomainHandle.NameOf(domain), DomainHandle.UuidOf(domain), (DomainLifecycleEventType)type, detail));
            }
        }
        catch (Exception exception)
        {
            // There is no managed caller: an exception that got out here would end the process.
            Trace.TraceError($"A handler of libvirt events failed: {exception}");
        }

        return 0;
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectDomainEventRegisterAny(
        ConnectionHandle connection,
        nint domain,
        int eventId,
        delegate* unmanaged[Cdecl]<nint, nint, int, int, nint, int> callback,
        nint opaque,
        delegate* unmanaged[Cdecl]<nint, void> free);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectDomainEventDeregisterAny(ConnectionHandle connection, int callback);
}

/// <summary>What callbacks have in common.</summary>
internal static class EventCallbacks
{
    /// <summary>libvirt is done with a callback: its <see cref="GCHandle"/> goes.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    public static void Free(nint self) => GCHandle.FromIntPtr(self).Free();
}
