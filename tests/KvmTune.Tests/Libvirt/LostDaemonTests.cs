// A daemon that disappears: the call fails with an error that says so, and a new connection works.
using System.Collections.Concurrent;
using KvmTune.Libvirt;
using Xunit;

namespace KvmTune.Tests.Libvirt;

[Collection(Alone.Name)]
public sealed class LostDaemonTests
{
    // A leak of a kilobyte per connection would reach this.
    private const long LimitKiB = 1024;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [SkippableFact]
    public void A_call_after_the_daemon_died_says_that_the_connection_is_lost()
    {
        Skip.IfNot(PrivateDaemon.IsAvailable, "No libvirtd here.");
        using var daemon = PrivateDaemon.Start();
        using var connection = daemon.Open();
        using var domain = connection.LookupByName("test");
        Assert.Equal(DomainState.Running, domain.GetState());

        daemon.Kill();

        Assert.True(Assert.Throws<LibvirtException>(() => domain.GetState()).IsConnectionLost);
        Assert.True(Assert.Throws<LibvirtException>(() => domain.GetXml()).IsConnectionLost);
        Assert.True(Assert.Throws<LibvirtException>(() => connection.ListDomains()).IsConnectionLost);
        Assert.True(Assert.Throws<LibvirtException>(() => connection.TryLookupByName("test")).IsConnectionLost);
        Assert.False(connection.IsAlive);
        Assert.Equal("test", domain.Name);
    }

    [SkippableFact]
    public async Task A_daemon_that_dies_during_calls_is_found_by_one_of_them()
    {
        Skip.IfNot(PrivateDaemon.IsAvailable, "No libvirtd here.");
        using var daemon = PrivateDaemon.Start();
        using var connection = daemon.Open();
        using var domain = connection.LookupByName("test");
        using var calling = new ManualResetEventSlim();
        var caller = Task.Run(() =>
        {
            while (true)
            {
                domain.GetXml();
                calling.Set();
            }
        });
        Assert.True(calling.Wait(Limit));

        daemon.Kill();

        var failure = await Assert.ThrowsAsync<LibvirtException>(() => caller.WaitAsync(Limit));
        Assert.True(failure.IsConnectionLost);
    }

    [SkippableFact]
    public void The_loss_is_announced_and_a_new_connection_works()
    {
        Skip.IfNot(PrivateDaemon.IsAvailable, "No libvirtd here.");
        using var daemon = PrivateDaemon.Start();
        using var reasons = new BlockingCollection<ConnectionCloseReason>();
        var connection = daemon.Open();
        using var subscription = connection.OnClosed(reason =>
        {
            connection.Dispose(); // allowed here
            reasons.Add(reason);
        });
        using var events = connection.OnDomainLifecycle(null, _ => { });

        daemon.Kill();

        Assert.True(reasons.TryTake(out var reason, Limit));
        Assert.Contains(reason, (ConnectionCloseReason[])[ConnectionCloseReason.EndOfFile, ConnectionCloseReason.Error]);
        Assert.False(Assert.Throws<LibvirtException>(() => daemon.Open()).IsConnectionLost);
        using var next = PrivateDaemon.Start();
        using var again = next.Open();
        Assert.True(again.IsAlive);
    }

    [SkippableFact]
    public void Events_arrive_from_a_daemon()
    {
        Skip.IfNot(PrivateDaemon.IsAvailable, "No libvirtd here.");
        using var daemon = PrivateDaemon.Start();
        using var connection = daemon.Open();
        using var domain = connection.LookupByName("test");
        using var events = new BlockingCollection<DomainLifecycleEvent>();
        using var subscription = connection.OnDomainLifecycle(domain, events.Add);

        domain.Destroy();

        Assert.True(events.TryTake(out var stopped, Limit));
        Assert.Equal(DomainLifecycleEventType.Stopped, stopped.Type);
        Assert.Equal((int)DomainStoppedDetail.Destroyed, stopped.Detail);
    }

    [SkippableFact]
    public void Connections_to_a_daemon_leave_memory_flat()
    {
        Skip.IfNot(PrivateDaemon.IsAvailable, "No libvirtd here.");
        using var daemon = PrivateDaemon.Start();

        var growth = ProcessMemory.GrowthKiB(500, 1_000, LimitKiB, () =>
        {
            using var connection = daemon.Open();
            using var subscription = connection.OnDomainLifecycle(null, _ => { });
            using var domain = connection.LookupByName("test");
            _ = domain.GetXml();
        });

        Assert.True(growth < LimitKiB, $"The process grew by {growth} KiB.");
    }
}
