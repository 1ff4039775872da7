// CPU quotas: threads that stood still because a quota was used up: of a vCPU, another thread, the whole VM, or a group above it.
using KvmTune.Measurement.Sampling;
using KvmTune.Topology;
using static KvmTune.Diagnosis.Bottlenecks.BottleneckThresholds;
using static KvmTune.NumberText;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>
/// Looks for quotas that are reached. Such a quota is the cause of its waiting, even if others want the host's CPUs too.
/// </summary>
internal static class QuotaJudge
{
    private const string Source = "cgroup: cpu.stat";
    private const string TimesSource = "libvirt: vcpu.N.time, cpu.time, cputune";
    private const string Counter = "time without the CPU by a quota";
    private const string Throttled = "ThrottledNanoseconds";

    /// <summary>A group of threads that has its own quota.</summary>
    /// <param name="Prefix">The prefix of its counters' names.</param>
    /// <param name="Subject">The part of the VM.</param>
    /// <param name="Sentence">The start of the sentence: who used up which quota.</param>
    private sealed record Group(string Prefix, string Subject, string Sentence);

    /// <summary>The times of threads, in per cent of the interval.</summary>
    private sealed record Times(string Subject, string Name, double? RunPercent, double? DelayPercent);

    /// <summary>Names the quotas that are reached.</summary>
    /// <param name="area">The area.</param>
    /// <param name="vm">The VM.</param>
    /// <param name="wantsCpu">Whether its vCPUs have work: a group above the VM may be throttled because of other members.</param>
    /// <returns>Whether there is one.</returns>
    public static bool Look(AreaJudge area, VMObservation vm, bool wantsCpu) =>
        vm.Counters.Keys.Any(name => name.EndsWith(Throttled, StringComparison.Ordinal)) ? LookAtCounters(area, vm, wantsCpu) : LookAtTimes(area, vm);

    private static bool LookAtCounters(AreaJudge area, VMObservation vm, bool wantsCpu)
    {
        var limits = vm.Configuration.Limits;
        var found = First(area, vm, [new(CpuQuotaSampler.OfVM, "VM", $"the VM used up its CPU quota ({limits.Global})")]);
        found |= First(area, vm, Enumerable.Range(1, wantsCpu ? CpuQuotaSampler.MostLevels : 0).Select(level => new Group(
            $"{CpuQuotaSampler.AboveVM}{Text(level)}.", "VM", $"a control group that the VM is in, {Text(level)} above its own, used up its CPU quota")));
        found |= First(area, vm, vm.Vcpus.Select(number => new Group($"Vcpu.{Text(number)}.", $"vCPU {Text(number)}", $"vCPU {Text(number)} used up its CPU quota ({limits.Vcpu})")));
        found |= First(area, vm, [new("Emulator.", "emulator", $"QEMU's emulator threads used up their CPU quota ({limits.Emulator})")]);
        return First(area, vm, vm.Configuration.IOThreadIds.Select(number => new Group(
            $"IOThread.{Text(number)}.", $"I/O thread {Text(number)}", $"I/O thread {Text(number)} used up its CPU quota ({limits.IOThread})"))) || found;
    }

    // Another machine's cpu.stat is not readable. A quota is taken as reached if the threads ran as long as it lets them, and waited.
    private static bool LookAtTimes(AreaJudge area, VMObservation vm)
    {
        var limits = vm.Configuration.Limits;
        var vcpus = vm.Vcpus.Select(number => new Times(
            $"vCPU {Text(number)}", $"vCPU {Text(number)}",
            vm.Share(vm.Of($"Vcpu.{Text(number)}.RunNanoseconds", $"Vcpu.{Text(number)}.TimeNanoseconds")),
            vm.Share(vm.Of($"Vcpu.{Text(number)}.RunQueueDelayNanoseconds", $"Vcpu.{Text(number)}.DelayNanoseconds")))).ToList();
        var whole = new Times("VM", "the VM", vm.Share(vm.Of("GuestCpuNanoseconds")) ?? vcpus.Sum(vcpu => vcpu.RunPercent), vcpus.Max(vcpu => vcpu.DelayPercent));
        var found = UsedUp(area, [whole], limits.Global, vcpus.Count);
        return UsedUp(area, vcpus, limits.Vcpu, 1) || found;
    }

    private static bool UsedUp(AreaJudge area, List<Times> groups, CpuQuota quota, int threads)
    {
        bool Waits(Times group) => group.DelayPercent is null || area.Reaches(group.DelayPercent, VcpuDelayPercent);
        if (quota.Cpus is not { } cpus || cpus >= threads || groups.OrderByDescending(Waits).ThenByDescending(group => group.RunPercent).FirstOrDefault() is not { RunPercent: { } run } worst)
        {
            return false;
        }

        if (!area.Compare(EvidenceKind.Saturation, worst.Subject, "run time as a share of its CPU quota", run / cpus, CpuQuotaUsedPercent, TimesSource, Waits(worst)))
        {
            return false;
        }

        var waited = worst.DelayPercent is { } delay ? FormattableString.Invariant($" and waited {Math.Min(100, delay):0} % of the time") : null;
        area.Found(
            BottleneckCause.CpuQuota, worst.Subject, CauseRank.ConfiguredLimit, worst.DelayPercent,
            $"{worst.Name} used up its CPU quota ({quota}): by libvirt's settings and times it ran {run:0} % of a CPU{waited} (the host's cpu.stat is not readable here)");
        return true;
    }

    // Reports the one of several alike groups that lost most.
    private static bool First(AreaJudge area, VMObservation vm, IEnumerable<Group> groups)
    {
        var worst = groups.Select(group => (Group: group, Percent: LostPercent(vm, group))).Where(entry => entry.Percent is not null)
            .OrderByDescending(entry => entry.Percent).FirstOrDefault();
        if (worst.Percent is not { } lost || !area.Compare(EvidenceKind.Saturation, worst.Group.Subject, Counter, lost, CpuThrottledPercent, Source))
        {
            return false;
        }

        var (prefix, subject, sentence) = worst.Group;
        var periods = vm.Of(prefix + "QuotaPeriods") is { } all ? FormattableString.Invariant($" of {all:0}") : null;
        area.Found(
            BottleneckCause.CpuQuota, subject, CauseRank.ConfiguredLimit, lost,
            $"{sentence} in {vm.Of(prefix + "ThrottledPeriods"):0}{periods} periods (nr_throttled) and stood still for {vm.Of(prefix + Throttled) / 1000:0} µs, {lost:0} % of the time");
        return true;
    }

    // A group of several threads counts the time for each of its host CPUs, so it can exceed the interval; then the share of throttled
    // periods is the limit.
    private static double? LostPercent(VMObservation vm, Group group)
    {
        var time = vm.Share(vm.Of(group.Prefix + Throttled));
        var periods = vm.Of(group.Prefix + "QuotaPeriods") is > 0 and var all ? 100 * vm.Of(group.Prefix + "ThrottledPeriods") / all : null;
        return time is null ? null : Math.Min(time.Value, periods ?? 100);
    }
}
