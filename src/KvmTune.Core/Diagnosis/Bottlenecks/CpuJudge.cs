// The CPU area: what the vCPUs use, how long they wait for a host CPU, and what the guest sees of that.
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Rules;
using static KvmTune.Diagnosis.Bottlenecks.BottleneckThresholds;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>Judges the CPU area.</summary>
/// <remarks>
/// The delay is the time that a thread was ready to run and did not (schedstat's second field; libvirt hands on the same as
/// <c>vcpu.N.delay</c>). <c>vcpu.N.wait</c> overlaps with it, so it is shown and never added. Halt polling is time that the host spins for
/// an idle vCPU, so it is taken off (kernel document virt/kvm/halt-polling).
/// </remarks>
internal static class CpuJudge
{
    private sealed record Vcpu(int Number, double? BusyPercent, double? DelayPercent)
    {
        public double? DemandPercent => BusyPercent is null && DelayPercent is null ? null : (BusyPercent ?? 0) + (DelayPercent ?? 0);
    }

    public static JudgedArea Judge(VMObservation vm, BottleneckThresholds thresholds)
    {
        var area = new AreaJudge(TuningArea.Cpu, thresholds);
        var vcpus = vm.Vcpus.Select(number => Read(vm, number)).ToList();
        var source = vm.Of("VcpuRunQueueDelayNanoseconds") is null ? "libvirt: vcpu.N.time, vcpu.N.delay" : "/proc/PID/task/TID/schedstat";
        var isThrottled = LookAtQuota(area, vm);
        LookAtDelay(area, vm, vcpus, source, isThrottled);
        var busy = Mean(vcpus.Select(vcpu => vcpu.BusyPercent));
        var demand = Mean(vcpus.Select(vcpu => vcpu.DemandPercent));
        if (area.Compare(EvidenceKind.Saturation, "all vCPUs", "run time and run-queue delay", demand, VcpuBusyPercent, source))
        {
            area.Found(
                BottleneckCause.VcpusUsedUp, "all vCPUs", CauseRank.TimeLost, demand, $"the guest wants {demand:0} % of its {vcpus.Count} vCPUs");
        }

        var steal = vm.InGuest("CpuTotalTicks") is { } ticks and > 0 ? 100 * vm.InGuest("CpuStealTicks") / ticks : null;
        if (area.Compare(EvidenceKind.Saturation, "guest", "steal", steal, GuestStealPercent, "guest: /proc/stat"))
        {
            area.Found(
                BottleneckCause.VcpuDelay, "all vCPUs", CauseRank.TimeLost, steal, $"the guest missed {steal:0} % of its CPU time to others on the host (steal)");
        }

        area.Tell("all vCPUs", "run time without halt polling", busy, "%", source);
        area.Tell("all vCPUs", "halt polling", vcpus.Count > 0 ? vm.Share(HaltPolling(vm)) / vcpus.Count : null, "%", "libvirt: cpu.haltpoll.*");
        area.Tell("all vCPUs", "wait (overlaps with the delay)", vm.Share(vm.Of("VcpuWaitNanoseconds")), "%", "libvirt: vcpu.N.wait");
        area.Tell("all vCPUs", "migrations between host CPUs", vm.Rate(vm.Of("VcpuMigrations")), "1/s", "/proc/PID/task/TID/sched");
        area.Tell("QEMU's other threads", "run time", vm.Share(vm.Of("EmulatorTimeNanoseconds")), "% of a CPU", "/proc/PID/task/TID/schedstat");
        area.Tell("QEMU's other threads", "run-queue delay", vm.Share(vm.Of("EmulatorRunQueueDelayNanoseconds")), "% of a CPU", "/proc/PID/task/TID/schedstat");
        area.Tell("host", "CPUs in use", vm.Of("HostCpuBusyPercent"), "%", "/proc/stat");
        area.Tell("host", "some task waited for a CPU", vm.Share(1000 * vm.Of("PressureCpuSomeMicroseconds")), "%", "/proc/pressure/cpu");
        area.Tell("guest", "some task waited for a vCPU", Pressure(vm, "Cpu"), "%", "guest: /proc/pressure/cpu");
        return area.Conclude(busy);
    }

    /// <summary>The share of the guest's time in which some task waited for a resource; null where its kernel does not tell.</summary>
    public static double? Pressure(VMObservation vm, string resource) => vm.GuestRate($"Pressure{resource}SomeMicroseconds") / 1e6 * 100;

    // A limit that is reached is the cause of all waiting that comes of it, whoever else wants the host's CPUs.
    private static bool LookAtQuota(AreaJudge area, VMObservation vm)
    {
        const string Source = "cgroup: cpu.stat";
        var limits = vm.Configuration.Limits;
        var found = false;
        var whole = vm.Vcpus.Count == 0 ? null : vm.Share(vm.Of("VM.ThrottledNanoseconds") / vm.Vcpus.Count);
        if (whole is not null && area.Compare(EvidenceKind.Saturation, "VM", "time without the CPU by its quota", whole, CpuThrottledPercent, Source))
        {
            found = true;
            area.Found(
                BottleneckCause.CpuQuota, "VM", CauseRank.ConfiguredLimit, whole,
                $"the VM used up its CPU quota ({limits.Global}) in {vm.Of("VM.ThrottledPeriods"):0} periods (nr_throttled), and its vCPUs stood still {whole:0} % of the time ({vm.Of("VM.ThrottledNanoseconds") / 1000:0} µs throttled)");
        }

        var worst = vm.Vcpus.Select(number => (Number: number, Share: vm.Share(vm.Of($"Vcpu.{number}.ThrottledNanoseconds")))).Where(vcpu => vcpu.Share is not null)
            .OrderByDescending(vcpu => vcpu.Share).Select(vcpu => ((int Number, double? Share)?)vcpu).FirstOrDefault();
        if (worst is var (vcpu, share) && area.Compare(EvidenceKind.Saturation, $"vCPU {vcpu}", "time without the CPU by its quota", share, CpuThrottledPercent, Source))
        {
            found = true;
            area.Found(
                BottleneckCause.CpuQuota, $"vCPU {vcpu}", CauseRank.ConfiguredLimit, share,
                $"vCPU {vcpu} used up its CPU quota ({limits.Vcpu}) in {vm.Of($"Vcpu.{vcpu}.ThrottledPeriods"):0} periods (nr_throttled) and stood still {share:0} % of the time ({vm.Of($"Vcpu.{vcpu}.ThrottledNanoseconds") / 1000:0} µs throttled)");
        }

        return found;
    }

    private static void LookAtDelay(AreaJudge area, VMObservation vm, List<Vcpu> vcpus, string source, bool isThrottled)
    {
        // An idle vCPU wakes to do a moment's work, and may wait longer than it works: nobody misses that time.
        var judged = vcpus.ConvertAll(vcpu => (
            Vcpu: vcpu,
            IsBusy: area.Reaches(vcpu.DemandPercent, VcpuDemandPercent),
            Waits: area.Reaches(vcpu.DelayPercent, VcpuDelayPercent)));
        var worst = judged.OrderByDescending(entry => entry.IsBusy).ThenByDescending(entry => entry.Vcpu.DelayPercent ?? -1).FirstOrDefault();
        if (worst.Vcpu is null)
        {
            area.Compare(EvidenceKind.Saturation, "all vCPUs", "run-queue delay", null, VcpuDelayPercent, source);
            return;
        }

        foreach (var (vcpu, isBusy, _) in judged.Where(entry => entry == worst || (entry.IsBusy && entry.Waits)))
        {
            area.Compare(EvidenceKind.Utilisation, $"vCPU {vcpu.Number}", "run time and run-queue delay", vcpu.DemandPercent, VcpuDemandPercent, source);
            area.Compare(EvidenceKind.Saturation, $"vCPU {vcpu.Number}", "run-queue delay", vcpu.DelayPercent, VcpuDelayPercent, source, isBusy);
        }

        if (worst.IsBusy && worst.Waits && !isThrottled)
        {
            var vcpu = worst.Vcpu;
            if (SharersOf(vm, vcpus, vcpu) is { } shared)
            {
                area.Found(
                    BottleneckCause.VcpusShareHostCpu, $"vCPU {vcpu.Number}", CauseRank.TimeLost, vcpu.DelayPercent,
                    $"vCPU {vcpu.Number} waited {vcpu.DelayPercent:0} % of the time for host CPU {shared.Cpus}, which it shares with vCPU {string.Join(", ", shared.Others)} of the same VM, and ran {vcpu.BusyPercent:0} %");
                return;
            }

            area.Found(
                BottleneckCause.VcpuDelay, $"vCPU {vcpu.Number}", CauseRank.TimeLost, vcpu.DelayPercent,
                $"vCPU {vcpu.Number} waited {vcpu.DelayPercent:0} % of the time for a host CPU that others used, and ran {vcpu.BusyPercent:0} %");
        }
    }

    // The VM's own vCPUs on the same host CPUs, where these ran at least half as long as the vCPU waited: others cannot have had that time.
    private static (CpuSet Cpus, IReadOnlyList<int> Others)? SharersOf(VMObservation vm, List<Vcpu> vcpus, Vcpu waiting)
    {
        foreach (var (cpus, crowd) in CpuRules.Crowded(vm.Configuration.EffectiveVcpuPins.Where(pin => pin.Key < vm.Configuration.CurrentVcpus)))
        {
            var others = crowd.Where(number => number != waiting.Number).ToList();
            if (crowd.Contains(waiting.Number) && vcpus.Where(vcpu => others.Contains(vcpu.Number)).Sum(vcpu => vcpu.BusyPercent ?? 0) >= waiting.DelayPercent / 2)
            {
                return (cpus, others);
            }
        }

        return null;
    }

    private static Vcpu Read(VMObservation vm, int number)
    {
        // The kernel keeps a thread's time to the nanosecond, libvirt's vcpu.N.time only to 10 ms.
        var run = vm.Of($"Vcpu.{number}.RunNanoseconds", $"Vcpu.{number}.TimeNanoseconds");
        var polling = vm.Of($"Vcpu.{number}.HaltPollNanoseconds") ?? (vm.Of("HaltPollNanoseconds") / vm.Vcpus.Count) ?? 0;
        return new Vcpu(
            number,
            vm.Share(run is { } time ? Math.Max(0, time - polling) : null),
            // A wait is counted when it ends, so that one interval may get more of it than it is long.
            vm.Share(vm.Of($"Vcpu.{number}.RunQueueDelayNanoseconds", $"Vcpu.{number}.DelayNanoseconds")) is { } delay ? Math.Min(100, delay) : null);
    }

    private static double? HaltPolling(VMObservation vm) =>
        vm.Of("HaltPollNanoseconds") ?? vm.Vcpus.Select(number => vm.Of($"Vcpu.{number}.HaltPollNanoseconds")).Aggregate((double?)null, (sum, value) => value is null ? sum : (sum ?? 0) + value);

    private static double? Mean(IEnumerable<double?> values)
    {
        var known = values.OfType<double>().ToList();
        return known.Count == 0 ? null : known.Average();
    }
}
