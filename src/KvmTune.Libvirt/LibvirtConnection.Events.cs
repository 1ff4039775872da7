// Events: what happens to domains, and the end of the connection itself.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtConnection
{
    private const int LifecycleEvents = 0; // VIR_DOMAIN_EVENT_ID_LIFECYCLE

    // libvirt's callbacks carry a number, not a pointer: one that comes late finds nothing, and nothing dangles. Not every
    // driver calls the function that it is given to free a pointer.
    private static readonly ConcurrentDictionary<nint, LibvirtConnection> Subscribed = new();
    private static long _lastKey;

    private readonly nint _key = (nint)Interlocked.Increment(ref _lastKey);
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
            if (_lifecycleRegistration is null)
            {
                _lifecycleRegistration = LibvirtError.Check(
                    virConnectDomainEventRegisterAny(Handle, 0, LifecycleEvents, &OnLifecycleEvent, _key, 0), Handle);
                Subscribed[_key] = this;
            }
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
                LibvirtError.Check(virConnectRegisterCloseCallback(Handle, &OnClosed, _key, 0), Handle);
                Subscribed[_key] = this;
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
            Subscribed.TryRemove(_key, out _);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnLifecycleEvent(nint connection, nint domain, int type, int detail, nint key)
    {
        try
        {
            if (Subscribed.TryGetValue(key, out var subscribed))
            {
                subscribed._lifecycleHandlers.Raise(new DomainLifecycleEvent(
                    DomainHandle.NameOf(domain), DomainHandle.UuidOf(domain), (DomainLifecycleEventType)type, detail));
            }
        }
        catch (Exception exception)
        {
            // There is no managed caller: an exception that got out here would end the process.
            Trace.TraceError($"A libvirt event could not be passed on: {exception}");
        }

        return 0;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnClosed(nint connection, int reason, nint key)
    {
        // On another thread, so that a handler may dispose of the connection, which takes libvirt's locks again.
        if (Subscribed.TryGetValue(key, out var closed))
        {
            ThreadPool.QueueUserWorkItem(
                static call => call.closed._closeHandlers.Raise(call.reason),
                (closed, reason: (ConnectionCloseReason)reason),
                preferLocal: false);
        }
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectDomainEventRegisterAny(
        ConnectionHandle connection,
        nint domain,
        int eventId,
        delegate* unmanaged[Cdecl]<nint, nint, int, int, nint, int> callback,
        nint opaque,
        nint free);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectDomainEventDeregisterAny(ConnectionHandle connection, int callback);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectRegisterCloseCallback(
        ConnectionHandle connection,
        delegate* unmanaged[Cdecl]<nint, int, nint, void> callback,
        nint opaque,
        nint free);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectUnregisterCloseCallback(
        ConnectionHandle connection, delegate* unmanaged[Cdecl]<nint, int, nint, void> callback);
}
