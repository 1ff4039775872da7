// The handlers of one kind of event, called from libvirt's event thread.
using System.Diagnostics;

namespace KvmTune.Libvirt;

/// <summary>
/// libvirt accepts one registration per kind and connection (a second one is "already tracked"), so this list holds the handlers. Adding, removing
/// and calling them is safe on several threads at once; no handler is called under the lock.
/// </summary>
internal sealed class HandlerList<T>
{
    private readonly List<Subscription> _subscriptions = [];

    /// <summary>Adds a handler until the result is disposed.</summary>
    public IDisposable Add(Action<T> handler)
    {
        var subscription = new Subscription(this, handler);
        lock (_subscriptions)
        {
            _subscriptions.Add(subscription);
        }

        return subscription;
    }

    /// <summary>Ends all subscriptions.</summary>
    public void Clear()
    {
        lock (_subscriptions)
        {
            _subscriptions.ForEach(subscription => subscription.HasEnded = true);
            _subscriptions.Clear();
        }
    }

    /// <summary>Calls every handler. Exceptions of handlers are traced, because there is no caller to receive them.</summary>
    public void Raise(T value)
    {
        Subscription[] subscriptions;
        lock (_subscriptions)
        {
            subscriptions = [.. _subscriptions];
        }

        foreach (var subscription in subscriptions)
        {
            try
            {
                if (!subscription.HasEnded)
                {
                    subscription.Handler(value);
                }
            }
            catch (Exception exception)
            {
                Trace.TraceError($"A handler of libvirt events failed: {exception}");
            }
        }
    }

    private sealed class Subscription(HandlerList<T> list, Action<T> handler) : IDisposable
    {
        private volatile bool _hasEnded;

        public Action<T> Handler { get; } = handler;

        public bool HasEnded
        {
            get => _hasEnded;
            set => _hasEnded = value;
        }

        public void Dispose()
        {
            HasEnded = true;
            lock (list._subscriptions)
            {
                list._subscriptions.Remove(this);
            }
        }
    }
}
