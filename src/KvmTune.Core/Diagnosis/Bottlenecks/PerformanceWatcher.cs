// Watches the VMs of one host interval by interval: one call to libvirt for all of them each time, and nothing is asked in the guests.
using KvmTune.Hosts;
using KvmTune.Libvirt;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>Watches VMs. Nothing is changed by it.</summary>
/// <param name="host">The host.</param>
/// <remarks>All is done on the caller's thread: waking others would cost a good part of what is left to spend each interval.</remarks>
public sealed class PerformanceWatcher(HostConnection host)
{
    /// <summary>Watches the running VMs of the host; one that is started later is in it from its first whole interval on.</summary>
    /// <param name="isWanted">Says by name and UUID whether a VM is watched.</param>
    /// <param name="interval">How long an interval is, at most 24 days. One that was late is as long as it was: rates are by the true time.</param>
    /// <param name="count">How many intervals; null until it is cancelled.</param>
    /// <param name="cancellationToken">Ends the watching.</param>
    /// <returns>The VMs of each interval, by name.</returns>
    /// <exception cref="LibvirtException">libvirt refuses or the daemon is lost.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public IEnumerable<IReadOnlyList<VMPerformanceSample>> Watch(
        Func<string, Guid, bool> isWanted, TimeSpan interval, int? count, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(isWanted);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(interval, TimeSpan.FromDays(24));
        var time = TimeProvider.System;
        var observer = new HostObserver(host, time, KernelCounters.OfHost);
        var (before, _) = observer.ReadAllRunning();
        var due = before.Timestamp;
        for (var done = 0; count is null || done < count; done++)
        {
            // An interval that was missed is not made up for.
            var now = time.GetTimestamp();
            due = Math.Max(due + (long)(interval.TotalSeconds * time.TimestampFrequency), now);
            cancellationToken.WaitHandle.WaitOne(time.GetElapsedTime(now, due));
            cancellationToken.ThrowIfCancellationRequested();
            var (after, names) = observer.ReadAllRunning();
            var elapsed = time.GetElapsedTime(before.Timestamp, after.Timestamp);
            var end = time.GetUtcNow();
            var earlier = before.VMs;
            yield return
            [
                .. names.Where(own => isWanted(own.DomainName, own.DomainId) && earlier.ContainsKey(own.DomainId))
                    .OrderBy(own => own.DomainName, StringComparer.OrdinalIgnoreCase)
                    .Select(own => VMPerformanceSample.Of(
                        own.DomainName, own.DomainId, host.Uri, end, elapsed, BottleneckFinder.Between(earlier[own.DomainId], after.VMs[own.DomainId]))),
            ];
            before = after;
        }
    }
}
