// Watches the VMs of one host interval by interval: one call to libvirt for all of them each time, and nothing is asked in the guests.
using System.Runtime.CompilerServices;
using KvmTune.Hosts;
using KvmTune.Libvirt;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>Watches VMs. Nothing is changed by it.</summary>
/// <param name="host">The host.</param>
/// <param name="time">The clock.</param>
public sealed class PerformanceWatcher(HostConnection host, TimeProvider time)
{
    /// <summary>Watches the running VMs of the host; one that is started later is in it from its first whole interval on.</summary>
    /// <param name="isWanted">Says by name and UUID whether a VM is watched.</param>
    /// <param name="interval">How long an interval is. One that was late is as long as it was: rates are by the true time.</param>
    /// <param name="count">How many intervals; null until it is cancelled.</param>
    /// <param name="cancellationToken">Ends the watching.</param>
    /// <returns>The VMs of each interval, by name.</returns>
    /// <exception cref="LibvirtException">libvirt refuses or the daemon is lost.</exception>
    public async IAsyncEnumerable<IReadOnlyList<VMPerformanceSample>> WatchAsync(
        Func<string, Guid, bool> isWanted, TimeSpan interval, int? count, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(isWanted);
        var observer = new HostObserver(host, time, KernelCounters.OfHost);
        var (before, _) = observer.ReadAllRunning();
        using var timer = new PeriodicTimer(interval, time);
        for (var done = 0; (count is null || done < count) && await timer.WaitForNextTickAsync(cancellationToken); done++)
        {
            var (after, names) = observer.ReadAllRunning();
            var elapsed = time.GetElapsedTime(before.Timestamp, after.Timestamp);
            var now = time.GetUtcNow();
            var earlier = before.VMs;
            yield return
            [
                .. names.Where(own => isWanted(own.DomainName, own.DomainId) && earlier.ContainsKey(own.DomainId))
                    .OrderBy(own => own.DomainName, StringComparer.OrdinalIgnoreCase)
                    .Select(own => VMPerformanceSample.Of(
                        own.DomainName, own.DomainId, host.Uri, now, elapsed, BottleneckFinder.Between(earlier[own.DomainId], after.VMs[own.DomainId]))),
            ];
            before = after;
        }
    }
}
