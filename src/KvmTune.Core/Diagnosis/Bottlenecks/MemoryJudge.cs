// The memory area: how much the guest has left, whether it swaps or waits for memory, and whether the host swaps the VM's memory.
using KvmTune.Tuning;
using static KvmTune.Diagnosis.Bottlenecks.BottleneckThresholds;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>Judges the memory area.</summary>
internal static class MemoryJudge
{
    private const string ByGuest = "guest: /proc/vmstat, /proc/meminfo";
    private const string ByBalloon = "libvirt: balloon.*";

    public static JudgedArea Judge(VMObservation vm, BottleneckThresholds thresholds)
    {
        var area = new AreaJudge(TuningArea.Memory, thresholds);
        var source = vm.Guest is null ? ByBalloon : ByGuest;
        var used = UsedPercent(vm);
        var swap = SwapKiBPerSecond(vm);
        var faults = vm.GuestRate("MajorFaults") ?? BalloonFigures.Rate(vm.Counters, "MajorFaults");
        var pressure = CpuJudge.Pressure(vm, "Memory");

        var swaps = area.Compare(EvidenceKind.Saturation, "guest", "swapping", swap, GuestSwapKiBPerSecond, source);
        var waits = area.Compare(EvidenceKind.Saturation, "guest", "some task waited for memory", pressure, GuestMemoryPressurePercent, "guest: /proc/pressure/memory");
        var isFull = area.Compare(EvidenceKind.Utilisation, "guest", "memory used", used, GuestMemoryUsedPercent, source);
        var reads = area.Compare(EvidenceKind.Saturation, "guest", "major faults", faults, GuestMajorFaultsPerSecond, source, isFull);
        if (swaps || waits || reads)
        {
            // If the guest counts hardly any waiting tasks, its swapping costs only that little.
            var rank = waits || pressure is null ? CauseRank.ExplainsOthers : CauseRank.TimeLost;
            area.Found(
                BottleneckCause.GuestMemory, "guest", rank, pressure,
                $"the guest is short of memory: {What(swaps ? swap : null, waits ? pressure : null, reads ? faults : null)}{Balloon(vm)}");
        }

        var hostFaults = vm.Rate(vm.Of("QemuMajorFaults"));
        if (area.Compare(EvidenceKind.Saturation, "QEMU", "major faults", hostFaults, HostFaultsPerSecond, "/proc/PID/stat"))
        {
            area.Found(
                BottleneckCause.HostMemory, "QEMU", CauseRank.ExplainsOthers, null,
                $"the host reads the VM's memory from its swap, {hostFaults:0} times a second: {WhySwapped(vm)}");
        }

        LookAtHost(area, vm);
        return area.Conclude(used);
    }

    private static void LookAtHost(AreaJudge area, VMObservation vm)
    {
        area.Tell("balloon", "memory left to the guest", 100 * vm.Of("Balloon.CurrentKiB") / vm.Of("Balloon.MaximumKiB"), "%", ByBalloon);
        area.Tell("guest", "allocations that had to wait", vm.GuestRate("AllocationStalls"), "1/s", ByGuest);
        area.Tell("QEMU", "memory in the host's swap", vm.Of("QemuSwapKiB"), "KiB", "/proc/PID/status");
        area.Tell("QEMU", "memory on huge pages", vm.Of("QemuHugePagesKiB"), "KiB", "/proc/PID/status");
        area.Tell("host", "huge pages in use", 100 - (100 * vm.Of("HostHugePagesFreeKiB") / vm.Of("HostHugePagesKiB")), "%", "/sys/kernel/mm/hugepages");
        area.Tell("host", "some task waited for memory", vm.Share(1000 * vm.Of("PressureMemorySomeMicroseconds")), "%", "/proc/pressure/memory");
        if (vm.NodeOfHostCpu.Count > 0 && RemotePercent(vm) is { } remote)
        {
            area.Compare(EvidenceKind.Utilisation, "QEMU", "memory on nodes where no vCPU ran", remote, RemoteMemoryPercent, "/proc/PID/numa_maps");
        }
    }

    // The cause: the VM's hard limit, else too much promised memory of the host.
    private static string WhySwapped(VMObservation vm) => vm.Configuration.Memory is { HardLimitKiB: { } limit, MaximumKiB: var all } && limit < all
        ? FormattableString.Invariant($"QEMU may have {limit / 1024} MiB (hard_limit), which is less than the VM's {all / 1024} MiB")
        : "it promised more memory than it has";

    private static double? UsedPercent(VMObservation vm) =>
        100 - (100 * vm.InGuest("MemoryAvailableKiB") / vm.InGuest("MemoryTotalKiB")) ?? BalloonFigures.UsedPercent(vm.Counters);

    private static double? SwapKiBPerSecond(VMObservation vm) =>
        ((vm.GuestRate("SwapInPages") + vm.GuestRate("SwapOutPages")) * vm.InGuest("PageSizeBytes") / 1024)
        ?? BalloonFigures.SwapKiBPerSecond(vm.Counters);

    private static double? RemotePercent(VMObservation vm)
    {
        var near = vm.Vcpus.Select(vcpu => vm.Of($"Vcpu.{vcpu}.HostCpu"))
            .Where(cpu => cpu is not null && vm.NodeOfHostCpu.ContainsKey((int)cpu.Value))
            .Select(cpu => vm.NodeOfHostCpu[(int)cpu!.Value]).ToHashSet();
        var (all, remote) = (0.0, 0.0);
        foreach (var node in vm.NodeOfHostCpu.Values.Distinct())
        {
            if (vm.Of($"QemuOnNode.{node}.KiB") is { } kibibytes)
            {
                all += kibibytes;
                remote += near.Contains(node) ? 0 : kibibytes;
            }
        }

        return near.Count == 0 || all <= 0 ? null : 100 * remote / all;
    }

    private static string What(double? swap, double? pressure, double? faults) => string.Join(", ", new[]
    {
        swap is null ? null : FormattableString.Invariant($"it swaps {swap:0} KiB/s"),
        pressure is null ? null : FormattableString.Invariant($"some task waited for memory {pressure:0} % of the time"),
        faults is null ? null : FormattableString.Invariant($"{faults:0} faults a second had to read a disk"),
    }.OfType<string>());

    private static string? Balloon(VMObservation vm) =>
        vm.Of("Balloon.CurrentKiB") is { } current && vm.Of("Balloon.MaximumKiB") is { } maximum && current < maximum
            ? FormattableString.Invariant($"; the balloon leaves it {current / 1024:0} of {maximum / 1024:0} MiB")
            : null;
}
