// Events: what happens to domains, and the end of the connection itself.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtConnection
{
    private const int LifecycleEvents = 0; // VIR_DOMAIN_EVENT_ID_LIFECYCLE

    private readonly HandlerList<DomainLifecycleEvent> _lifecycleHandlers = new();
    private readonly HandlerList<ConnectionCloseReason> _closeHandlers = new();

    // Held while registering with libvirt; never taken in a callback, which libvirt makes with locks of its own held.
    private readonly object _registrationGate = new();
    private int? _lifecycleRegistration;
    private bool _closeRegistered;

    /// <summary>
    /// Subscribes to the lifecycle events of one domain or of all. Events arrive in order, on one background thread for
    /// the whole process: a handler must be quick and must not wait for another event, nor dispose of the connection. What
    /// it throws is traced and dropped. Other calls into libvirt are allowed in it, and so is ending the subscription.
    /// </summary>
    /// <param name="domain">The domain; null for all.</param>
    /// <param name="handler">Called for each event that happens from now on.</param>
    /// <returns>The subscription: dispose it to end it. It also ends with the connection.</returns>
    public IDisposable OnDomainLifecycle(LibvirtDomain? domain, Action<DomainLifecycleEvent> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        lock (_registrationGate)
        {
            _lifecycleRegistration ??= Register(self => virConnectDomainEventRegisterAny(
                Handle, 0, LifecycleEvents, &OnLifecycleEvent, self, &Free), nameof(virConnectDomainEventRegisterAny));
        }

        if (domain is null)
        {
            return _lifecycleHandlers.Add(handler);
        }

        var id = domain.Id;
        return _lifecycleHandlers.Add(lifecycleEvent =>
        {
            if (lifecycleEvent.DomainId == id)
            {
                handler(lifecycleEvent);
            }
        });
    }

    /// <summary>
    /// Subscribes to the loss of the connection, so that one who waits for an event learns that none will come. Called at
    /// most once, on a thread of the pool. Drivers inside this process never call it.
    /// </summary>
    /// <param name="handler">Called with the reason.</param>
    /// <returns>The subscription: dispose it to end it. It also ends with the connection.</returns>
    public IDisposable OnClosed(Action<ConnectionCloseReason> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        var subscription = _closeHandlers.Add(handler);
        lock (_registrationGate)
        {
            if (!_closeRegistered)
            {
                Register(
                    self => virConnectRegisterCloseCallback(Handle, &OnClosed, self, &Free),
                    nameof(virConnectRegisterCloseCallback));
                _closeRegistered = true;
            }
        }

        return subscription;
    }

    // libvirt's registrations hold the native connection open, so they must end for it to close. A lost daemon cannot be
    // told; the client side is cleared all the same.
    private void EndSubscriptions()
    {
        _lifecycleHandlers.Clear();
        _closeHandlers.Clear();
        lock (_registrationGate)
        {
            if (_lifecycleRegistration is { } registration && virConnectDomainEventDeregisterAny(Handle, registration) < 0)
            {
                LibvirtError.Reset();
            }

            if (_closeRegistered && virConnectUnregisterCloseCallback(Handle, &OnClosed) < 0)
            {
                LibvirtError.Reset();
            }

            _lifecycleRegistration = null;
            _closeRegistered = false;
        }
    }

    // libvirt holds a handle to this object, and frees it from the event loop some time after the registration ended.
    private int Register(Func<nint, int> register, string function)
    {
        var self = GCHandle.Alloc(this);
        try
        {
            return LibvirtError.Check(register(GCHandle.ToIntPtr(self)), Handle, function);
        }
        catch
        {
            // What was not registered is not freed by libvirt.
            self.Free();
            throw;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnLifecycleEvent(nint connection, nint domain, int type, int detail, nint self)
    {
        try
        {
            ((LibvirtConnection)GCHandle.FromIntPtr(self).Target!)._lifecycleHandlers.Raise(new DomainLifecycleEvent(
                DomainHandle.NameOf(domain), DomainHandle.UuidOf(domain), (DomainLifecycleEventType)type, detail));
        }
        catch (Exception exception)
        {
            // There is no managed caller: an exception that got out here would end the process.
            Trace.TraceError($"A libvirt event could not be passed on: {exception}");
        }

        return 0;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnClosed(nint connection, int reason, nint self)
    {
        // On another thread, so that a handler may dispose of the connection, which takes libvirt's locks again.
        var closed = (LibvirtConnection)GCHandle.FromIntPtr(self).Target!;
        ThreadPool.QueueUserWorkItem(
            static call => call.closed._closeHandlers.Raise(call.reason),
            (closed, reason: (ConnectionCloseReason)reason),
            preferLocal: false);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Free(nint self) => GCHandle.FromIntPtr(self).Free();

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

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectRegisterCloseCallback(
        ConnectionHandle connection,
        delegate* unmanaged[Cdecl]<nint, int, nint, void> callback,
        nint opaque,
        delegate* unmanaged[Cdecl]<nint, void> free);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectUnregisterCloseCallback(
        ConnectionHandle connection, delegate* unmanaged[Cdecl]<nint, int, nint, void> callback);
}
