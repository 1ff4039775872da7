// Events: state changes of domains, and the end of the connection itself.
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtConnection
{
    private const int LifecycleEvents = 0; // VIR_DOMAIN_EVENT_ID_LIFECYCLE
    private const int AgentEvents = 18; // VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE
    private const int AgentConnected = 1; // VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED

    // libvirt's callbacks carry a number, not a pointer: a late callback finds no entry, and no pointer dangles. A pointer would not be safe, because
    // not every driver calls the function that frees it.
    private static readonly ConcurrentDictionary<nint, LibvirtConnection> Subscribed = new();
    private static long _lastKey;

    private readonly nint _key = (nint)Interlocked.Increment(ref _lastKey);
    private readonly HandlerList<DomainLifecycleEvent> _lifecycleHandlers = new();
    private readonly HandlerList<AgentLifecycleEvent> _agentHandlers = new();
    private readonly HandlerList<ConnectionCloseReason> _closeHandlers = new();

    // Held while registering with libvirt; never taken in a callback, because libvirt holds its own locks during a callback.
    private readonly object _registrationGate = new();
    private int? _lifecycleRegistration;
    private int? _agentRegistration;
    private bool _closeRegistered;

    /// <summary>
    /// Subscribes to the lifecycle events of one domain or of all. Events arrive in order, on one background thread for the whole process: a handler
    /// must be quick, must not wait for another event, and must not dispose of the connection. Its exceptions are traced and dropped. It may make
    /// other calls into libvirt and may end the subscription.
    /// </summary>
    /// <param name="domain">The domain; null for all.</param>
    /// <param name="handler">Called for each later event.</param>
    /// <returns>The subscription: dispose it to end it. It also ends with the connection.</returns>
    public IDisposable OnDomainLifecycle(LibvirtDomain? domain, Action<DomainLifecycleEvent> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        Register(ref _lifecycleRegistration, LifecycleEvents, &OnLifecycleEvent);

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
    /// Subscribes to the connection state of the guest agent in one domain. The rules for handlers are the same as for
    /// <see cref="OnDomainLifecycle"/>.
    /// </summary>
    /// <param name="domain">The domain.</param>
    /// <param name="handler">Called for each later event.</param>
    /// <returns>The subscription: dispose it to end it. It also ends with the connection.</returns>
    /// <exception cref="LibvirtException">The driver has no such event.</exception>
    public IDisposable OnAgentLifecycle(LibvirtDomain domain, Action<AgentLifecycleEvent> handler)
    {
        ArgumentNullException.ThrowIfNull(domain);
        ArgumentNullException.ThrowIfNull(handler);
        Register(ref _agentRegistration, AgentEvents, &OnAgentEvent);
        var id = domain.Id;
        return _agentHandlers.Add(agentEvent =>
        {
            if (agentEvent.DomainId == id)
            {
                handler(agentEvent);
            }
        });
    }

    /// <summary>
    /// Subscribes to the loss of the connection, so that a caller that waits for an event learns that none will come. Called at most once, on a
    /// thread of the pool. Drivers inside this process never call it.
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

    private void Register(ref int? registration, int eventId, delegate* unmanaged[Cdecl]<nint, nint, int, int, nint, int> callback)
    {
        lock (_registrationGate)
        {
            if (registration is null)
            {
                registration = LibvirtError.Check(virConnectDomainEventRegisterAny(Handle, 0, eventId, callback, _key, 0), Handle);
                Subscribed[_key] = this;
            }
        }
    }

    // libvirt's registrations keep the native connection open, so it closes only after they end. A lost daemon cannot be informed; the client side
    // is cleared in any case.
    private void EndSubscriptions()
    {
        _lifecycleHandlers.Clear();
        _agentHandlers.Clear();
        _closeHandlers.Clear();
        lock (_registrationGate)
        {
            foreach (var registration in new[] { _lifecycleRegistration, _agentRegistration })
            {
                if (registration is { } number && virConnectDomainEventDeregisterAny(Handle, number) < 0)
                {
                    LibvirtError.Reset();
                }
            }

            if (_closeRegistered && virConnectUnregisterCloseCallback(Handle, &OnClosed) < 0)
            {
                LibvirtError.Reset();
            }

            _lifecycleRegistration = null;
            _agentRegistration = null;
            _closeRegistered = false;
            Subscribed.TryRemove(_key, out _);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnLifecycleEvent(nint connection, nint domain, int type, int detail, nint key) => PassOn(
        key, subscribed => subscribed._lifecycleHandlers.Raise(new DomainLifecycleEvent(
            DomainHandle.NameOf(domain), DomainHandle.UuidOf(domain), (DomainLifecycleEventType)type, detail)));

    // libvirt declares this callback without a result and does not read one.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnAgentEvent(nint connection, nint domain, int state, int reason, nint key) => PassOn(
        key, subscribed => subscribed._agentHandlers.Raise(new AgentLifecycleEvent(
            DomainHandle.NameOf(domain), DomainHandle.UuidOf(domain), state == AgentConnected)));

    private static int PassOn(nint key, Action<LibvirtConnection> raise)
    {
        try
        {
            if (Subscribed.TryGetValue(key, out var subscribed))
            {
                raise(subscribed);
            }
        }
        catch (Exception exception)
        {
            // There is no managed caller: an exception that leaves this method would end the process.
            Trace.TraceError($"A libvirt event could not be passed on: {exception}");
        }

        return 0;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnClosed(nint connection, int reason, nint key)
    {
        // On another thread, so that a handler may dispose of the connection, which needs libvirt's locks.
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
