// Lifecycle events from libvirt's test driver.
using System.Collections.Concurrent;
using KvmTune.Libvirt;
using Xunit;

namespace KvmTune.Tests.Libvirt;

public sealed class EventTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public void A_restart_is_seen_as_events_in_order()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");
        using var events = new BlockingCollection<DomainLifecycleEvent>();
        using var subscription = connection.OnDomainLifecycle(domain, events.Add);

        domain.Shutdown();
        domain.Start();

        Assert.Equal(
            new DomainLifecycleEvent("a", domain.Id, DomainLifecycleEventType.Stopped, (int)DomainStoppedDetail.Shutdown),
            Take(events));
        Assert.Equal(
            new DomainLifecycleEvent("a", domain.Id, DomainLifecycleEventType.Started, 0),
            Take(events));
    }

    [Fact]
    public void A_subscription_to_one_domain_hears_nothing_of_another()
    {
        using var node = new NodeFile("a", "b");
        using var connection = node.Open();
        using var a = connection.LookupByName("a");
        using var b = connection.LookupByName("b");
        using var ofB = new BlockingCollection<DomainLifecycleEvent>();
        using var ofAll = new BlockingCollection<DomainLifecycleEvent>();
        using var one = connection.OnDomainLifecycle(b, ofB.Add);
        using var all = connection.OnDomainLifecycle(null, ofAll.Add);

        a.Destroy();
        b.Destroy();

        Assert.Equal("b", Take(ofB).DomainName);
        Assert.Equal("a", Take(ofAll).DomainName);
        Assert.Equal("b", Take(ofAll).DomainName);
        Assert.Empty(ofB);
    }

    [Fact]
    public void A_handler_that_fails_harms_no_other_and_an_ended_one_is_not_called()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");
        using var events = new BlockingCollection<DomainLifecycleEvent>();
        var ended = 0;
        using var failing = connection.OnDomainLifecycle(null, _ => throw new InvalidOperationException("On purpose."));
        connection.OnDomainLifecycle(null, _ => ended++).Dispose();
        using var working = connection.OnDomainLifecycle(null, events.Add);

        domain.Destroy();

        Assert.Equal(DomainLifecycleEventType.Stopped, Take(events).Type);
        Assert.Equal(0, ended);
    }

    [Fact]
    public void A_handler_may_call_libvirt_and_end_its_own_subscription()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");
        using var states = new BlockingCollection<DomainState>();
        IDisposable? subscription = null;
        subscription = connection.OnDomainLifecycle(domain, _ =>
        {
            states.Add(domain.GetState());
            subscription!.Dispose();
        });
        using var events = new BlockingCollection<DomainLifecycleEvent>();
        using var witness = connection.OnDomainLifecycle(domain, events.Add);

        domain.Destroy();
        Take(events);
        domain.Start();
        Take(events);

        Assert.True(states.TryTake(out var state, Limit));
        Assert.Equal(DomainState.ShutOff, state);
        Assert.Empty(states);
    }

    [Fact]
    public void Nothing_is_heard_after_the_connection_is_disposed()
    {
        using var node = new NodeFile("a");
        var heard = 0;
        LibvirtDomain domain;
        using (var connection = node.Open())
        {
            domain = connection.LookupByName("a");
            connection.OnDomainLifecycle(null, _ => heard++);
        }

        using var witnessNode = new NodeFile("b");
        using var witness = witnessNode.Open();
        using var b = witness.LookupByName("b");
        using var events = new BlockingCollection<DomainLifecycleEvent>();
        using var subscription = witness.OnDomainLifecycle(null, events.Add);
        using (domain)
        {
            domain.Destroy();
        }

        b.Destroy();
        Take(events);

        Assert.Equal(0, heard);
    }

    private static DomainLifecycleEvent Take(BlockingCollection<DomainLifecycleEvent> events)
        => events.TryTake(out var next, Limit) ? next : throw new TimeoutException("No event arrived.");
}
