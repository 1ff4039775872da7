// Events: what happens to domains, and the end of the connection itself.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtConnection
{
    private readonly List<EventSubscription> _subscriptions = [];
    private readonly List<Action<ConnectionCloseReason>> _closeHandlers = [];

    // libvirt calls OnClosed with a lock held that registering takes too: so this gate is never taken in OnClosed.
    private readonly object _closeGate = new();
    private bool _closeRegistered;

    /// <summary>
    /// Subscribes to the lifecycle events of one domain or of all. Events arrive in order, on one background thread for
    /// the whole process: a handler must be quick and must not wait for another event. What it throws is traced and dropped.
    /// Calls into libvirt are allowed in it, and so is ending the subscription.
    /// </summary>
    /// <param name="domain">The domain; null for all.</param>
    /// <param name="handler">Called for each event that happens from now on.</param>
    /// <returns>The subscription: dispose it to end it. It also ends with the connection.</returns>
    public IDisposable OnDomainLifecycle(LibvirtDomain? domain, Action<DomainLifecycleEvent> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        var subscription = EventSubscription.Register(this, domain, handler);
        lock (_subscriptions)
        {
            _subscriptions.Add(subscription);
        }

        return subscription;
    }

    /// <summary>
    /// Subscribes to the loss of the connection, so that one who waits for an event learns that none will come. Called on a
    /// thread of the pool, at most once. Drivers inside this process never call it.
    /// </summary>
    /// <param name="handler">Called with the reason.</param>
    /// <returns>The subscription: dispose it to end it. It also ends with the connection.</returns>
    public IDisposable OnClosed(Action<ConnectionCloseReason> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);

        // A delegate of its own, so that ending one subscription does not end another of the same handler.
        var subscription = new CloseSubscription(this, reason => handler(reason));
        lock (_closeHandlers)
        {
            _closeHandlers.Add(subscription.Handler);
        }

        lock (_closeGate)
        {
            if (!_closeRegistered)
            {
                RegisterClose();
                _closeRegistered = true;
            }
        }

        return subscription;
    }

    internal void Forget(EventSubscription subscription)
    {
        lock (_subscriptions)
        {
            _subscriptions.Remove(subscription);
        }
    }

    // libvirt's registrations hold the native connection open, so they must end for it to close.
    private void DisposeSubscriptions()
    {
        EventSubscription[] subscriptions;
        lock (_subscriptions)
        {
            subscriptions = [.. _subscriptions];
        }

        foreach (var subscription in subscriptions)
        {
            subscription.Dispose();
        }

        lock (_closeHandlers)
        {
            _closeHandlers.Clear();
        }

        lock (_closeGate)
        {
            if (_closeRegistered && !Handle.IsClosed)
            {
                _closeRegistered = false;
                if (virConnectUnregisterCloseCallback(Handle, &OnClosed) < 0)
                {
                    LibvirtError.Reset();
                }
            }
        }
    }

    private void RegisterClose()
    {
        var self = GCHandle.Alloc(this);
        try
        {
            LibvirtError.Check(
                virConnectRegisterCloseCallback(Handle, &OnClosed, GCHandle.ToIntPtr(self), &EventCallbacks.Free), Handle);
        }
        catch
        {
            self.Free();
            throw;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnClosed(nint connection, int reason, nint self)
    {
        try
        {
            if (GCHandle.FromIntPtr(self).Target is not LibvirtConnection closed)
            {
                return;
            }

            Action<ConnectionCloseReason>[] handlers;
            lock (closed._closeHandlers)
            {
                handlers = [.. closed._closeHandlers];
            }

            // On another thread, so that a handler may dispose of the connection, which takes libvirt's lock again.
            foreach (var handler in handlers)
            {
                ThreadPool.QueueUserWorkItem(Call, (handler, (ConnectionCloseReason)reason), preferLocal: false);
            }
        }
        catch (Exception exception)
        {
            Trace.TraceError($"The loss of a libvirt connection could not be passed on: {exception}");
        }
    }

    private static void Call((Action<ConnectionCloseReason> Handler, ConnectionCloseReason Reason) call)
    {
        try
        {
            call.Handler(call.Reason);
        }
        catch (Exception exception)
        {
            Trace.TraceError($"A handler of a lost libvirt connection failed: {exception}");
        }
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectRegisterCloseCallback(
        ConnectionHandle connection,
        delegate* unmanaged[Cdecl]<nint, int, nint, void> callback,
        nint opaque,
        delegate* unmanaged[Cdecl]<nint, void> free);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virConnectUnregisterCloseCallback(
        ConnectionHandle connection, delegate* unmanaged[Cdecl]<nint, int, nint, void> callback);

    private sealed class CloseSubscription(LibvirtConnection connection, Action<ConnectionCloseReason> handler) : IDisposable
    {
        public Action<ConnectionCloseReason> Handler { get; } = handler;

        public void Dispose()
        {
            lock (connection._closeHandlers)
            {
                connection._closeHandlers.Remove(Handler);
            }
        }
    }
}
