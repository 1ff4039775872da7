// The CPU area: the time that vCPUs use, their wait for a host CPU, and the steal that the guest sees.
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Rules;
using static KvmTune.Diagnosis.Bottlenecks.BottleneckThresholds;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>Judges the CPU area.</summary>
/// <remarks>
/// The delay is the time that a thread was ready to run and did not run (schedstat's second field, libvirt's <c>vcpu.N.delay</c>).
/// <c>vcpu.N.wait</c> overlaps with it, so it is shown and never added. Halt polling is the time that the host spins for an idle vCPU,
/// so it is subtracted (kernel document virt/kvm/halt-polling).
/// </remarks>
internal static class CpuJudge
{
    private const string ThreadSource = "/proc/PID/task/TID/schedstat";

    private sealed record Vcpu(int Number, double? BusyPercent, double? DelayPercent)
    {
        public double? DemandPercent => BusyPercent is null && DelayPercent is null ? null : (BusyPercent ?? 0) + (DelayPercent ?? 0);
    }

    // A thread that waited for a host CPU.
    private sealed record Waiting(BottleneckCause Cause, string Subject, double Percent, FormattableString Sentence)
    {
        public bool IsByOwnVcpus { get; init; }
    }

    public static JudgedArea Judge(VMObservation vm, BottleneckThresholds thresholds)
    {
        var area = new AreaJudge(TuningArea.Cpu, thresholds);
        var vcpus = vm.Vcpus.Select(number => Read(vm, number)).ToList();
        var source = vm.Of("VcpuRunQueueDelayNanoseconds") is null ? "libvirt: vcpu.N.time, vcpu.N.delay" : ThreadSource;
        var isThrottled = QuotaJudge.Look(area, vm, wantsCpu: vcpus.Exists(vcpu => area.Reaches(vcpu.DemandPercent, CpuThrottledPercent)));
        var delayed = LookAtDelay(area, vm, vcpus, source);
        var starved = LookAtMainLoop(area, vm, vcpus);
        if (!isThrottled)
        {
            Blame(area, delayed, starved);
        }

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
        area.Tell("QEMU's other threads", "run time", vm.Share(vm.Of("EmulatorTimeNanoseconds")), "% of a CPU", ThreadSource);
        area.Tell("QEMU's other threads", "run-queue delay", vm.Share(vm.Of("EmulatorRunQueueDelayNanoseconds")), "% of a CPU", ThreadSource);
        area.Tell("host", "CPUs in use", vm.Of("HostCpuBusyPercent"), "%", "/proc/stat");
        area.Tell("host", "some task waited for a CPU", vm.Share(1000 * vm.Of("PressureCpuSomeMicroseconds")), "%", "/proc/pressure/cpu");
        area.Tell("guest", "some task waited for a vCPU", Pressure(vm, "Cpu"), "%", "guest: /proc/pressure/cpu");
        return area.Conclude(busy);
    }

    /// <summary>The share of the guest's time in which some task waited for a resource; null where its kernel does not count it.</summary>
    public static double? Pressure(VMObservation vm, string resource) => vm.GuestRate($"Pressure{resource}SomeMicroseconds") / 1e6 * 100;

    // The vCPU that waited longest, of those with work: an idle vCPU wakes for a short moment, and may wait longer than it runs.
    private static Waiting? LookAtDelay(AreaJudge area, VMObservation vm, List<Vcpu> vcpus, string source)
    {
        var judged = vcpus.ConvertAll(vcpu => (
            Vcpu: vcpu,
            IsBusy: area.Reaches(vcpu.DemandPercent, VcpuDemandPercent),
            Waits: area.Reaches(vcpu.DelayPercent, VcpuDelayPercent)));
        var worst = judged.OrderByDescending(entry => entry.IsBusy).ThenByDescending(entry => entry.Vcpu.DelayPercent ?? -1).FirstOrDefault();
        if (worst.Vcpu is null)
        {
            area.Compare(EvidenceKind.Saturation, "all vCPUs", "run-queue delay", null, VcpuDelayPercent, source);
            return null;
        }

        foreach (var (vcpu, isBusy, _) in judged.Where(entry => entry == worst || (entry.IsBusy && entry.Waits)))
        {
            area.Compare(EvidenceKind.Utilisation, $"vCPU {vcpu.Number}", "run time and run-queue delay", vcpu.DemandPercent, VcpuDemandPercent, source);
            area.Compare(EvidenceKind.Saturation, $"vCPU {vcpu.Number}", "run-queue delay", vcpu.DelayPercent, VcpuDelayPercent, source, isBusy);
        }

        if (!worst.IsBusy || !worst.Waits)
        {
            return null;
        }

        var (waits, ran) = (worst.Vcpu.DelayPercent!.Value, worst.Vcpu.BusyPercent);
        return SharersOf(vm, vcpus, worst.Vcpu) is { } shared
            ? new Waiting(BottleneckCause.VcpusShareHostCpu, $"vCPU {worst.Vcpu.Number}", waits,
                $"vCPU {worst.Vcpu.Number} waited {waits:0} % of the time for host CPU {shared.Cpus}, which it shares with vCPU {string.Join(", ", shared.Others)} of the same VM, and ran {ran:0} %")
            : new Waiting(BottleneckCause.VcpuDelay, $"vCPU {worst.Vcpu.Number}", waits,
                $"vCPU {worst.Vcpu.Number} waited {waits:0} % of the time for a host CPU that others used, and ran {ran:0} %");
    }

    // QEMU's main loop does the work of all devices without an I/O thread: while it waits, they wait too.
    private static Waiting? LookAtMainLoop(AreaJudge area, VMObservation vm, List<Vcpu> vcpus)
    {
        var (run, delay) = (vm.Share(vm.Of("MainLoop.RunNanoseconds")), AtMost100(vm.Share(vm.Of("MainLoop.RunQueueDelayNanoseconds"))));
        if (delay is null)
        {
            return null;
        }

        var hasWork = area.Compare(EvidenceKind.Utilisation, "QEMU's main loop", "run time", run, EmulatorDemandPercent, ThreadSource);
        if (!area.Compare(EvidenceKind.Saturation, "QEMU's main loop", "run-queue delay", delay, EmulatorDelayPercent, ThreadSource, hasWork))
        {
            return null;
        }

        // The VM's vCPUs are the cause if those that may run nowhere else ran for at least a quarter of the main loop's wait.
        var cpus = vm.Configuration.EffectiveEmulatorPin is { } pin && IsRealPin(vm, pin) ? pin : null;
        var pins = vm.Configuration.EffectiveVcpuPins;
        var own = cpus is null ? [] : vcpus.Where(vcpu => pins.TryGetValue(vcpu.Number, out var its) && its.IsSubsetOf(cpus)).ToList();
        return own.Sum(vcpu => vcpu.BusyPercent ?? 0) >= delay / 4
            ? new Waiting(BottleneckCause.EmulatorDelay, "emulator", delay.Value,
                $"QEMU's emulator thread waited {delay:0} % of the time for host CPU {cpus}, which it shares with vCPU {string.Join(", ", own.Select(vcpu => vcpu.Number))} of the same VM, and ran {run:0} %: devices without an I/O thread wait for it")
            { IsByOwnVcpus = true }
            : new Waiting(BottleneckCause.EmulatorDelay, "emulator", delay.Value,
                $"QEMU's emulator thread waited {delay:0} % of the time for a host CPU that others used, and ran {run:0} %: devices without an I/O thread wait for it");
    }

    // An emulator thread and the vCPUs that it waits for take turns, so that their waiting is the same bottleneck seen from the other side.
    private static void Blame(AreaJudge area, Waiting? vcpu, Waiting? emulator)
    {
        var emulatorIsFirst = emulator is { IsByOwnVcpus: true } && !(vcpu is { Cause: BottleneckCause.VcpusShareHostCpu } && vcpu.Percent > emulator.Percent);
        foreach (var waiting in (emulatorIsFirst ? new[] { emulator, vcpu } : [vcpu, emulator]).OfType<Waiting>())
        {
            area.Found(waiting.Cause, waiting.Subject, CauseRank.TimeLost, waiting.Percent, waiting.Sentence);
        }
    }

    // The VM's other vCPUs on the same host CPUs, if they ran for at least a quarter of the vCPU's wait. On a busy host other threads took the
    // rest, but these vCPUs are the ones that can be moved.
    private static (CpuSet Cpus, IReadOnlyList<int> Others)? SharersOf(VMObservation vm, List<Vcpu> vcpus, Vcpu waiting)
    {
        foreach (var (cpus, crowd) in CpuRules.Crowded(vm.Configuration.EffectiveVcpuPins.Where(pin => vm.Configuration.IsPlugged(pin.Key) && IsRealPin(vm, pin.Value))))
        {
            var others = crowd.Where(number => number != waiting.Number).ToList();
            if (crowd.Contains(waiting.Number) && vcpus.Where(vcpu => others.Contains(vcpu.Number)).Sum(vcpu => vcpu.BusyPercent ?? 0) >= waiting.DelayPercent / 4)
            {
                return (cpus, others);
            }
        }

        return null;
    }

    // A pin to all online host CPUs does not count: the thread may go anywhere.
    private static bool IsRealPin(VMObservation vm, CpuSet pin) => vm.OnlineHostCpus is not { } online || !online.IsSubsetOf(pin);

    private static Vcpu Read(VMObservation vm, int number)
    {
        // The kernel counts a thread's time in nanoseconds, libvirt's vcpu.N.time in steps of 10 ms.
        var run = vm.Of($"Vcpu.{number}.RunNanoseconds", $"Vcpu.{number}.TimeNanoseconds");
        var polling = vm.Of($"Vcpu.{number}.HaltPollNanoseconds") ?? (vm.Of("HaltPollNanoseconds") / vm.Vcpus.Count) ?? 0;
        return new Vcpu(
            number,
            vm.Share(run is { } time ? Math.Max(0, time - polling) : null),
            AtMost100(vm.Share(vm.Of($"Vcpu.{number}.RunQueueDelayNanoseconds", $"Vcpu.{number}.DelayNanoseconds"))));
    }

    // A wait is counted when it ends, so the count of an interval may be longer than the interval.
    private static double? AtMost100(double? percent) => percent is { } known ? Math.Min(100, known) : null;

    private static double? HaltPolling(VMObservation vm) =>
        vm.Of("HaltPollNanoseconds") ?? vm.Vcpus.Select(number => vm.Of($"Vcpu.{number}.HaltPollNanoseconds")).Aggregate((double?)null, (sum, value) => value is null ? sum : (sum ?? 0) + value);

    private static double? Mean(IEnumerable<double?> values)
    {
        var known = values.OfType<double>().ToList();
        return known.Count == 0 ? null : known.Average();
    }
}
