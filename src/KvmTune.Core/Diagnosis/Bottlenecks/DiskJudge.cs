// The disk area: requests under way, their mean latency, flushes, and configured limits.
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;
using static KvmTune.Diagnosis.Bottlenecks.BottleneckThresholds;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>Judges the disk area.</summary>
/// <remarks>
/// QEMU adds up the time of each request, with its wait at a throttle. The sum divided by the interval is the mean number of requests under
/// way (Little's law); the sum divided by the number of requests is the mean latency.
/// </remarks>
internal static class DiskJudge
{
    private const string Source = "libvirt: block.N.*";

    private const string DiskPrefix = "Disk.";
    private const string BusyEnding = ".BusyMilliseconds";

    private sealed record Traffic(
        string Target, double? ReadRequests, double? WriteRequests, double? ReadBytes, double? WriteBytes, double? TransferNanoseconds,
        double? FlushRequests, double? FlushNanoseconds)
    {
        public double? Requests => ReadRequests + WriteRequests;

        public double? Nanoseconds => TransferNanoseconds is null ? null : TransferNanoseconds + (FlushNanoseconds ?? 0);

        // A disk that only flushes has the latency of its flushes.
        public double? LatencyMilliseconds => Requests > 0 ? TransferNanoseconds / Requests / 1e6 : FlushLatencyMilliseconds;

        public double? FlushLatencyMilliseconds => FlushRequests > 0 ? FlushNanoseconds / FlushRequests / 1e6 : null;
    }

    public static JudgedArea Judge(VMObservation vm, BottleneckThresholds thresholds)
    {
        var area = new AreaJudge(TuningArea.Disk, thresholds);
        var disks = vm.Configuration.Disks.Where(disk => disk.Device is "disk" or "lun").DistinctBy(disk => disk.Target, StringComparer.Ordinal).ToList();
        var isPausedByError = area.Fault(
            "VM", "paused since a disk failed",
            vm.Of("State") is { } state && vm.Of("StateReason") is { } reason ? (DomainState)(int)state == DomainState.Paused && (DomainPausedReason)(int)reason == DomainPausedReason.IOError : null,
            "libvirt: state.reason");
        if (isPausedByError)
        {
            area.Found(
                BottleneckCause.DiskError, "VM", CauseRank.ExplainsOthers, 100,
                $"the host paused the VM since a disk failed or is full: free some space or repair it, then resume it (virsh resume)");
        }

        var traffic = disks.ToDictionary(disk => disk.Target, disk => Read(vm, disk.Target), StringComparer.Ordinal);
        double? utilisation = null;
        foreach (var disk in disks)
        {
            var own = traffic[disk.Target];
            var shared = disk.ThrottleGroup is { } group
                ? disks.Where(other => other.ThrottleGroup == group).Select(other => traffic[other.Target]).ToList()
                : [own];
            var used = LookAt(area, vm, disk, own, shared);
            utilisation = used is null ? utilisation : Math.Max(utilisation ?? 0, used.Value);
        }

        LookInGuest(area, vm);
        return area.Conclude(utilisation, disks.Count == 0 && !isPausedByError ? "the VM has no disk" : null);
    }

    private static double? LookAt(AreaJudge area, VMObservation vm, DiskConfiguration disk, Traffic own, List<Traffic> shared)
    {
        var subject = $"disk {disk.Target}";
        var underWay = vm.Share(own.Nanoseconds) / 100;
        var busy = underWay is null ? (double?)null : Math.Min(100, 100 * underWay.Value);
        // The guest's wait contains the way to QEMU and back, which the host's times do not contain.
        var waiting = Math.Max(busy ?? 0, own.Nanoseconds > 0 ? GuestBusyPercent(vm) ?? 0 : 0);
        var latency = own.LatencyMilliseconds;
        var queues = area.Reaches(underWay, DiskQueueLength);
        var slow = area.Reaches(latency, DiskLatencyMilliseconds);
        var hasWork = area.Compare(EvidenceKind.Utilisation, subject, "busy", busy, DiskBusyPercent, Source);
        var limit = LookAtLimits(area, vm, disk, shared, hasWork);
        area.Compare(EvidenceKind.Saturation, subject, "requests under way", underWay, DiskQueueLength, Source, slow);
        if (latency is not null || underWay is null)
        {
            area.Compare(EvidenceKind.Saturation, subject, "mean latency", latency, DiskLatencyMilliseconds, Source, queues);
        }

        var flushing = vm.Share(own.FlushNanoseconds);
        var isSyncBound = area.Compare(
            EvidenceKind.Saturation, subject, "time in flushes", flushing, DiskFlushPercent, Source, own.FlushNanoseconds > own.TransferNanoseconds);
        var thread = LookAtIOThreads(area, vm, disk, queues);
        if (limit is { } reached)
        {
            area.Found(
                BottleneckCause.DiskLimit, subject, CauseRank.ConfiguredLimit, waiting,
                $"{subject} stands at {WhoseLimit(disk, own, shared)} {DiskLimitNames.Of(reached.Limit.Key)}={reached.Limit.Value} ({reached.Rate:0} a second, {underWay:0.#} requests waiting on average)");
        }
        else if (thread is { } saturated)
        {
            area.Found(BottleneckCause.IOThreadSaturated, subject, CauseRank.TimeLost, waiting, saturated);
        }
        else if (isSyncBound)
        {
            area.Found(
                BottleneckCause.DiskFlushes, subject, CauseRank.TimeLost, waiting,
                $"the guest is sync-bound on {subject}: flushes took {flushing:0} % of the time ({vm.Rate(own.FlushRequests):0} a second, {own.FlushLatencyMilliseconds:0.##} ms each); more depth or bandwidth does not help, fewer or quicker flushes do");
        }
        else if (queues && slow)
        {
            area.Found(
                BottleneckCause.DiskQueue, subject, CauseRank.TimeLost, waiting,
                $"requests queue at {subject}: {underWay:0.#} under way on average, {latency:0.#} ms each");
        }

        area.Tell(subject, "requests", vm.Rate(own.Requests), "1/s", Source);
        area.Tell(subject, "flushes", vm.Rate(own.FlushRequests), "1/s", Source);
        area.Tell(subject, "mean flush latency", own.FlushLatencyMilliseconds, "ms", Source);
        return limit is null ? busy : 100;
    }

    // The first I/O thread of the disk or its controller that has no time left. QEMU's polling is included: it looks like work.
    private static FormattableString? LookAtIOThreads(AreaJudge area, VMObservation vm, DiskConfiguration disk, bool queues)
    {
        var controller = vm.Configuration.ScsiControllerOf(disk);
        FormattableString? worst = null;
        foreach (var thread in disk.IOThreads.Concat(new[] { disk.IOThread, controller?.IOThread }.OfType<int>()).Distinct().Order())
        {
            var run = vm.Share(vm.Of($"IOThread.{thread}.RunNanoseconds"));
            var delay = vm.Share(vm.Of($"IOThread.{thread}.RunQueueDelayNanoseconds"));
            if (run is not null && area.Compare(
                EvidenceKind.Saturation, $"I/O thread {thread}", "run time and run-queue delay", run + (delay ?? 0), IOThreadBusyPercent, "/proc/PID/task/TID/schedstat", queues))
            {
                worst ??= $"I/O thread {thread}, which does the work of disk {disk.Target}, has no time left: it ran {run:0} % of the time and waited {delay ?? 0:0} % for a host CPU";
            }
        }

        return worst;
    }

    // A throttle group has one limit for several disks of the VM (QEMU, docs/throttle.txt).
    private static string WhoseLimit(DiskConfiguration disk, Traffic own, List<Traffic> shared)
    {
        var others = shared.Where(other => other.Target != own.Target).ToList();
        if (others.Count == 0)
        {
            return "its limit";
        }

        var all = shared.Sum(traffic => traffic.Requests ?? 0);
        var theirs = all > 0 ? FormattableString.Invariant($", which made {100 * others.Sum(other => other.Requests ?? 0) / all:0} % of the requests,") : null;
        return $"the limit of throttle group '{disk.ThrottleGroup}', which it shares with disk {string.Join(", ", others.Select(other => other.Target))}{theirs}";
    }

    private static (KeyValuePair<string, ulong> Limit, double Rate)? LookAtLimits(
        AreaJudge area, VMObservation vm, DiskConfiguration disk, List<Traffic> shared, bool hasWork)
    {
        (KeyValuePair<string, ulong>, double)? reached = null;
        foreach (var limit in disk.Throttle.Where(limit => limit.Value > 0).OrderBy(limit => limit.Key, StringComparer.Ordinal))
        {
            var size = disk.Throttle.GetValueOrDefault("size_iops_sec");
            Func<Traffic, double?>? count = limit.Key switch
            {
                "total_bytes_sec" => traffic => traffic.ReadBytes + traffic.WriteBytes,
                "read_bytes_sec" => traffic => traffic.ReadBytes,
                "write_bytes_sec" => traffic => traffic.WriteBytes,
                "total_iops_sec" => traffic => Operations(traffic.Requests, traffic.ReadBytes + traffic.WriteBytes, size),
                "read_iops_sec" => traffic => Operations(traffic.ReadRequests, traffic.ReadBytes, size),
                "write_iops_sec" => traffic => Operations(traffic.WriteRequests, traffic.WriteBytes, size),
                _ => null,
            };
            if (count is null)
            {
                continue;
            }

            var rate = vm.Rate(shared.Select(count).Aggregate((double?)0, (sum, value) => sum + value));
            var share = 100 * rate / limit.Value;
            if (area.Compare(EvidenceKind.Saturation, $"disk {disk.Target}", $"use of the limit {DiskLimitNames.Of(limit.Key)}={limit.Value}", share, DiskLimitPercent, Source, hasWork))
            {
                reached ??= (limit, rate!.Value);
            }
        }

        return reached;
    }

    // A request larger than size_iops_sec counts as several (QEMU, docs/throttle.txt).
    private static double? Operations(double? requests, double? bytes, ulong size) =>
        size > 0 && requests is { } count && bytes is { } all ? Math.Max(count, all / size) : requests;

    private static void LookInGuest(AreaJudge area, VMObservation vm)
    {
        area.Tell("guest", "time waiting for I/O", vm.InGuest("CpuTotalTicks") is { } ticks and > 0 ? 100 * vm.InGuest("CpuIOWaitTicks") / ticks : null, "%", "guest: /proc/stat");
        area.Tell("guest", "some task waited for I/O", CpuJudge.Pressure(vm, "Io"), "%", "guest: /proc/pressure/io");
        foreach (var counter in GuestDisks(vm).Order(StringComparer.Ordinal))
        {
            var name = counter[DiskPrefix.Length..^BusyEnding.Length];
            area.Tell($"guest's {name}", "busy", vm.GuestRate(counter) / 10, "%", "guest: /proc/diskstats");
            area.Tell($"guest's {name}", "requests under way", vm.GuestRate($"Disk.{name}.QueueMilliseconds") / 1000, "requests", "guest: /proc/diskstats");
        }
    }

    // The guest may have other names for its disks than the host: the busiest one counts.
    private static double? GuestBusyPercent(VMObservation vm) => GuestDisks(vm).Max(counter => vm.GuestRate(counter) / 10);

    private static IEnumerable<string> GuestDisks(VMObservation vm) =>
        vm.Guest?.Keys.Where(key => key.EndsWith(BusyEnding, StringComparison.Ordinal)) ?? [];

    private static Traffic Read(VMObservation vm, string target)
    {
        var (read, write) = (vm.Of($"Disk.{target}.ReadNanoseconds"), vm.Of($"Disk.{target}.WriteNanoseconds"));
        return new Traffic(
            target,
            vm.Of($"Disk.{target}.ReadRequests"), vm.Of($"Disk.{target}.WriteRequests"),
            vm.Of($"Disk.{target}.ReadBytes"), vm.Of($"Disk.{target}.WriteBytes"),
            read + write,
            vm.Of($"Disk.{target}.FlushRequests"), vm.Of($"Disk.{target}.FlushNanoseconds"));
    }
}
