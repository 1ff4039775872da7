// Findings about threads and where they may run: vCPUs without a pin beside pinned ones, I/O threads, caches, kinds of core, real time, limits.
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using static KvmTune.NumberText;

namespace KvmTune.Diagnosis.Findings;

/// <summary>Kinds of findings about threads.</summary>
public static class ThreadFindings
{
    /// <summary>Some vCPUs pinned, and others free to run on the same host CPUs.</summary>
    public static FindingKind VcpusPartlyPinned { get; } = new(
        nameof(VcpusPartlyPinned), TuningArea.Cpu, FindingSeverity.Medium, WorkloadKinds.Cpu,
        "A vCPU without a pin may run on the host CPU of a pinned one, which cannot move away.",
        "libvirt formatdomain, vcpupin; pins of some vCPUs in users' configurations",
        static context => First(context, static (context, view) =>
        {
            var vm = view.Configuration;
            var pins = PinRemedies.RealPins(context, vm);
            var full = Full(PinRemedies.Plugged(pins, vm));

            // A vCPU with a wide pin, or with that of <vcpu cpuset>, may run there too.
            var free = Enumerable.Range(0, vm.MaxVcpus).Where(vm.IsPlugged)
                .Where(vcpu => !pins.TryGetValue(vcpu, out var pin) || (pin.Overlaps(full) && !pin.IsSubsetOf(full))).ToList();
            if (free.Count == 0 || full.IsEmpty)
            {
                return null;
            }

            var spread = PinRemedies.Spread(context, pins, vm, free);
            var wide = free.Where(vcpu => pins.ContainsKey(vcpu) && vm.VcpuPins.ContainsKey(vcpu)).ToList();
            return new FindingObservation(
                "vCPU pins",
                [
                    PinRemedies.Evidence(pins, view.Source),
                    .. new (string What, IEnumerable<int> Vcpus)[] { ("vCPUs without a pin", free.Except(wide)), ("vCPUs with a wide pin", wide) }
                        .Where(entry => entry.Vcpus.Any()).Select(entry => new FindingEvidence(entry.What, string.Join(", ", entry.Vcpus), view.Source)),
                ],
                "Try the other vCPUs on host CPUs of their own too.",
                spread.Values.Any(cpus => cpus is null) ? FindingRemedy.None("the host has no free CPU for each of them") : FindingRemedy.By(VcpuPinChange.Of(spread)));
        }));

    /// <summary>I/O threads pinned to the host CPUs of vCPUs.</summary>
    public static FindingKind IOThreadOnVcpuHostCpu { get; } = new(
        nameof(IOThreadOnVcpuHostCpu), TuningArea.Disk, FindingSeverity.Medium, WorkloadKinds.RandomDisk,
        "An I/O thread and a vCPU on one host CPU take turns: the guest waits for its disk while it computes.",
        "libvirt formatdomain, iothreadpin; IBM, KVM I/O threads",
        static context => First(context, static (context, view) =>
        {
            var vm = view.Configuration;
            var pins = PinRemedies.RealPins(context, vm);
            var plugged = PinRemedies.Plugged(pins, vm);
            var full = Full(plugged);
            var shared = vm.EffectiveIOThreadPins.Where(pin => pin.Value.IsSubsetOf(full) && (vm.IOThreadPins.ContainsKey(pin.Key) || !IsCrowded(plugged)))
                .OrderBy(pin => pin.Key).ToList();
            return shared.Count == 0
                ? null
                : new FindingObservation(
                    "I/O thread pins",
                    [
                        PinRemedies.Evidence(pins, view.Source),
                        .. shared.Select(pin => PinRemedies.Evidence($"I/O thread {Text(pin.Key)} pin", vm.IOThreadPins.GetValueOrDefault(pin.Key), view)),
                    ],
                    "Try the I/O threads on host CPUs that no vCPU is pinned to.",
                    PinRemedies.ServiceCpus(context, pins) is { } cpus
                        ? FindingRemedy.By(new IOThreadPinChange
                        {
                            HostCpus = context.Host.OnlineCpus,
                            Pins = shared.ToDictionary(pin => pin.Key, _ => (CpuSet?)cpus),
                        })
                        : FindingRemedy.None("no host CPU is left beside the vCPUs"));
        }));

    /// <summary>I/O threads that nothing uses.</summary>
    public static FindingKind IOThreadWithoutDisk { get; } = new(
        nameof(IOThreadWithoutDisk), TuningArea.Disk, FindingSeverity.Low, WorkloadKinds.RandomDisk,
        "An I/O thread does the work of the disks and controllers that name it: without one it does nothing.",
        "libvirt formatdomain, iothreads",
        static context =>
        {
            var (source, vm) = context.Planned;
            var used = vm.Disks.SelectMany(disk => disk.IOThreads.Append(disk.IOThread ?? 0)).Concat(vm.Controllers.Select(controller => controller.IOThread ?? 0)).ToHashSet();
            var idle = vm.IOThreadIds.Where(id => !used.Contains(id)).ToList();
            return idle.Count == 0 || !context.IsQemu
                ? []
                :
                [
                    new FindingObservation(
                        "I/O threads",
                        [new FindingEvidence("I/O threads", string.Join(", ", vm.IOThreadIds), source), new FindingEvidence("named by no disk", string.Join(", ", idle), source)],
                        "Try a disk on it (Set-DiskIOThread), where its disks are slow.",
                        FindingRemedy.None("Find-VMBottleneck shows which disk is slow; an idle thread costs almost nothing")),
                ];
        });

    /// <summary>vCPUs on several last-level caches, although one has enough cores; pins to ranges count too.</summary>
    public static FindingKind PinsCrossCaches { get; } = new(
        nameof(PinsCrossCaches), TuningArea.Cpu, FindingSeverity.Low, WorkloadKinds.Cpu,
        "vCPUs under different last-level caches pay for data that they share, each time it is written.",
        "libvirt formatcaps, cache banks; AMD, tuning guides for EPYC",
        static context => First(context, static (context, view) => Several(
            context, view, context.Host.LastLevelCaches.Select(cache => cache.Cpus), "last-level caches",
            "Try all vCPUs under one last-level cache.", "no placement on this host keeps them under one cache")));

    /// <summary>vCPUs on several kinds of core, although one kind has enough cores; pins to ranges count too.</summary>
    public static FindingKind PinsMixCoreKinds { get; } = new(
        nameof(PinsMixCoreKinds), TuningArea.Cpu, FindingSeverity.Medium, WorkloadKinds.Cpu,
        "The guest assumes that all its vCPUs are equally fast: work that it spreads over them waits for the slower cores.",
        "kernel: cpu_capacity and cpufreq; users' configurations on hybrid processors",
        static context => First(context, static (context, view) => Several(
            context, view, context.Host.CoreKinds.Select(kind => kind.Cpus), "kinds of core",
            "Try all vCPUs on one kind of core.", "no kind of core has room for all")));

    /// <summary>Real-time vCPUs that leave the emulator no host CPU.</summary>
    public static FindingKind RealTimeStarvesEmulator { get; } = new(
        nameof(RealTimeStarvesEmulator), TuningArea.Cpu, FindingSeverity.High, WorkloadKinds.Any,
        "A real-time vCPU runs until it sleeps: an emulator thread that may run only on its host CPU gets no CPU time, and the guest's devices stop.",
        "sched(7); libvirt kvm-realtime",
        static context => First(context, static (context, view) =>
        {
            var vm = view.Configuration;
            var pins = PinRemedies.RealPins(context, vm);
            return vm.EffectiveEmulatorPin is not { } emulator || !StarvesEmulator(vm, pins)
                ? null
                : new FindingObservation(
                    "emulator pin",
                    [
                        new FindingEvidence("schedulers", string.Join("; ", vm.Limits.Schedulers), view.Source),
                        PinRemedies.Evidence(pins, view.Source),
                        new FindingEvidence("emulator pin", emulator.ToString(), view.Source),
                    ],
                    "Try the emulator on host CPUs without real-time vCPUs.",
                    PinRemedies.EmulatorOffVcpus(context, pins));
        }));

    /// <summary>A CPU quota below what its threads could use.</summary>
    public static FindingKind CpuQuotaBinds { get; } = new(
        nameof(CpuQuotaBinds), TuningArea.Cpu, FindingSeverity.Low, WorkloadKinds.Cpu,
        "A thread that has used up its quota stands still until the next period, which the guest sees as steal.",
        "libvirt formatdomain, CPU tuning; kernel document sched-bwc",
        static context => First(context, static (context, view) =>
        {
            var limits = view.Configuration.Limits;
            var bind = new (string What, CpuQuota Quota, double Enough)[]
            {
                ("quota of each vCPU", limits.Vcpu, 1), ("quota of the whole VM", limits.Global, view.Configuration.CurrentVcpus),
                ("quota of the emulator", limits.Emulator, 1), ("quota of each I/O thread", limits.IOThread, 1),
            }.Where(entry => entry.Quota.Cpus < entry.Enough).ToList();
            return bind.Count == 0
                ? null
                : new FindingObservation(
                    "CPU quota", [.. bind.Select(entry => new FindingEvidence(entry.What, entry.Quota.ToString(), view.Source))],
                    "Try without the quota, if the host has idle CPUs and the limit is not intended.",
                    FindingRemedy.None("somebody set the limit, perhaps on purpose; virsh schedinfo --set vcpu_quota=-1 (or global_quota) removes it"));
        }));

    /// <summary>CPU shares below those of other VMs.</summary>
    public static FindingKind CpuSharesBelowOthers { get; } = new(
        nameof(CpuSharesBelowOthers), TuningArea.Cpu, FindingSeverity.Low, WorkloadKinds.Cpu,
        "Where the host is busy, CPU time is given by weight: a VM with less than others waits longer than they do.",
        "libvirt formatdomain, shares; kernel document cgroup-v2",
        static context => First(context, static (context, view) =>
        {
            // A VM that sets no shares has the weight of a new control group.
            var unset = context.Abilities.DefaultCpuShares;
            string Weight(VMConfiguration vm) => vm.Limits.Shares is { } its ? Text(its) : $"(not set, so {Text(unset!.Value)})";
            var above = (view.Configuration.Limits.Shares ?? unset) is not { } shares ? [] : context.Neighbours.WithMoreShares(shares, unset, context.Host.OnlineCpus, most: 3);
            return above.Count == 0
                ? null
                : new FindingObservation(
                    "CPU shares",
                    [
                        new FindingEvidence("shares", Weight(view.Configuration), view.Source),
                        .. above.Select(neighbour => new FindingEvidence($"shares of '{neighbour.Name}'", Weight(neighbour), CpuFindings.HostSource)),
                    ],
                    "Try the weight of the other VMs, if this VM should have the same share.",
                    FindingRemedy.None("somebody set the weight, perhaps on purpose; virsh schedinfo --set cpu_shares=N changes it"));
        }));

    /// <summary>All kinds of this file.</summary>
    public static IReadOnlyList<FindingKind> All { get; } =
        [RealTimeStarvesEmulator, VcpusPartlyPinned, IOThreadOnVcpuHostCpu, PinsMixCoreKinds, PinsCrossCaches, IOThreadWithoutDisk, CpuQuotaBinds, CpuSharesBelowOthers];

    /// <summary>Whether every host CPU that the emulator may run on belongs to a real-time vCPU.</summary>
    internal static bool StarvesEmulator(VMConfiguration vm, IReadOnlyDictionary<int, CpuSet> pins) =>
        PinRemedies.All(pins.Where(pin => vm.Limits.RealTimeVcpus.Contains(pin.Key)).Select(pin => pin.Value)) is { IsEmpty: false } realTime
        && vm.EffectiveEmulatorPin?.IsSubsetOf(realTime) == true;

    /// <summary>Whether <c>&lt;vcpu cpuset&gt;</c> keeps an emulator without a pin of its own to host CPUs of vCPUs that cannot move away.</summary>
    internal static bool CrowdsEmulator(VMConfiguration vm, IReadOnlyDictionary<int, CpuSet> pins) =>
        PinRemedies.Plugged(pins, vm) is var plugged && vm.EmulatorPin is null && vm.EffectiveEmulatorPin?.IsSubsetOf(Full(plugged)) == true && !IsCrowded(plugged);

    // The first observation: in the running configuration, else in the persistent one.
    private static IEnumerable<FindingObservation> First(FindingContext context, Func<FindingContext, ConfigurationView, FindingObservation?> look) =>
        context.Views.Select(view => look(context, view)).OfType<FindingObservation>().Take(1);

    // Where vCPUs are more than their host CPUs, that is the fault, and threads without a pin of their own are not a second one.
    private static bool IsCrowded(IReadOnlyDictionary<int, CpuSet> pins) => CpuRules.Crowded(pins).Count > 0;

    // Groups of host CPUs with at least as many pinned vCPUs as CPUs: a vCPU there cannot evade another thread.
    private static CpuSet Full(IReadOnlyDictionary<int, CpuSet> pins) =>
        PinRemedies.All(pins.Values.Distinct().Where(cpus => pins.Values.Count(other => other.IsSubsetOf(cpus)) >= cpus.Count));

    // Finds vCPUs whose pins (single CPUs or ranges) lie in several groups of CPUs, although one group has enough cores without other VMs' pins.
    private static FindingObservation? Several(
        FindingContext context, ConfigurationView view, IEnumerable<CpuSet> groups, string what, string suggestion, string noPlan)
    {
        var pins = PinRemedies.Plugged(PinRemedies.RealPins(context, view.Configuration), view.Configuration);
        var all = groups.ToList();
        var used = all.Where(group => pins.Values.Any(group.Overlaps)).ToList();
        if (pins.Count < 2 || used.Count < 2)
        {
            return null;
        }

        var coreOf = context.Host.Cpus.ToDictionary(cpu => cpu.Id, cpu => cpu.Siblings.Numbers[0]);
        int Cores(CpuSet cpus) => cpus.Numbers.Select(cpu => coreOf.GetValueOrDefault(cpu, cpu)).Distinct().Count();
        var usable = context.Host.OnlineCpus.Except(PinRemedies.TakenByNeighbours(context));
        usable = pins.Values.Any(pin => context.Host.IsolatedCpus?.Overlaps(pin) == true) ? usable.Intersect(context.Host.IsolatedCpus!) : usable.Except(context.Host.IsolatedCpus ?? CpuSet.Empty);

        // Ranges may hold more cores than there are vCPUs to use them.
        var cores = Math.Min(Cores(PinRemedies.All(pins.Values)), pins.Count);
        bool HasRoom(CpuSet group) => group.Intersect(usable) is var left && left.Count >= pins.Count && Cores(left) >= cores;
        if (all.Find(HasRoom) is not { } roomy)
        {
            return null;
        }

        return new FindingObservation(
            "vCPU pins",
            [
                PinRemedies.Evidence(pins, view.Source),
                new FindingEvidence(what, string.Join(" and ", used.Select(group => $"CPUs {group}")), CpuFindings.HostSource),
                new FindingEvidence("would do", $"CPUs {roomy}", CpuFindings.HostSource),
            ],
            suggestion,
            pins.Values.All(pin => pin.Count == 1) ? Placed() : Narrowed());

        FindingRemedy Placed() => PinRemedies.Placed(context, pins) is { } placed && all.Exists(group => placed.Values.All(pin => pin!.IsSubsetOf(group)))
            ? PinRemedies.Pinned(context, placed, noPlan) : FindingRemedy.None(noPlan);

        // Ranges stay ranges: all vCPUs share the CPUs of the group with most of their pins, and only those that are pinned now, if they suffice.
        FindingRemedy Narrowed()
        {
            var group = all.Where(HasRoom).OrderByDescending(group => pins.Values.Sum(pin => pin.Intersect(group).Count)).First();
            var (room, own) = (group.Intersect(usable), group.Intersect(usable).Intersect(PinRemedies.All(pins.Values)));
            var cpus = own.Count >= pins.Count && Cores(own) >= cores ? own : room;
            return PinRemedies.Pinned(context, pins.Keys.ToDictionary(vcpu => vcpu, _ => (CpuSet?)cpus), noPlan);
        }
    }
}
