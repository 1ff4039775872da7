// Watches the VMs of one host interval by interval: with one call to libvirt for all of them each time, and none to the guests.
using KvmTune.Hosts;
using KvmTune.Libvirt;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>Watches VMs. Nothing is changed by it.</summary>
/// <param name="host">The host.</param>
/// <remarks>All work is done on the caller's thread: waking other threads would cost a good part of each interval's small budget.</remarks>
public sealed class PerformanceWatcher(HostConnection host)
{
    /// <summary>Watches the running VMs of the host; a VM that is started later is included from its first whole interval on.</summary>
    /// <param name="isWanted">Says by name and UUID whether a VM is watched.</param>
    /// <param name="interval">How long an interval is, at most 24 days. A late interval is longer; rates use its true length.</param>
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
            // A missed interval is not repeated.
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
                        TerminalText.Line(own.DomainName), own.DomainId, host.Uri, end, elapsed, BottleneckFinder.Between(earlier[own.DomainId], after.VMs[own.DomainId]))),
            ];
            before = after;
        }
    }
}
