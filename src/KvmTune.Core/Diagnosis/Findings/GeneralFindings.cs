// Findings about the two configurations of a VM: settings that wait for a restart, and settings that were changed on one side only.
using System.Globalization;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using static KvmTune.NumberText;

namespace KvmTune.Diagnosis.Findings;

/// <summary>Kinds of findings that belong to no area.</summary>
public static class GeneralFindings
{
    private const string BothXml = "libvirt: running and persistent XML";

    /// <summary>Settings that only a restart puts in force.</summary>
    public static FindingKind RestartPending { get; } = new(
        nameof(RestartPending), TuningArea.General, FindingSeverity.Medium, WorkloadKinds.Any,
        "The VM runs with other settings than it is configured with: a measurement now says nothing about those, and the next restart changes the VM.",
        "libvirt formatdomain; virsh manual, --config",
        static context => context.VM.PendingRestart is { Count: > 0 } pending
            ?
            [
                new FindingObservation(
                    "configuration",
                    [.. pending.Select(difference => new FindingEvidence(difference.Setting, $"{difference.Running ?? "(not set)"} running, {difference.Configured ?? "(not set)"} configured", BothXml))],
                    "Try a restart (Restart-VMDomain) before anything else is measured.",
                    FindingRemedy.None("a restart is not a change of settings: use Restart-VMDomain")),
            ]
            : []);

    /// <summary>Settings that differ, although a live change could make them equal.</summary>
    public static FindingKind RunningDiffersFromConfigured { get; } = new(
        nameof(RunningDiffersFromConfigured), TuningArea.General, FindingSeverity.Low, WorkloadKinds.Any,
        "A setting was changed in the running VM or in its configuration only: the next start brings the other one back.",
        "virsh manual, --live and --config",
        static context => context.VM is { Running: { } running, Configured: { } configured }
            ? [.. VcpuPins(context, running, configured), .. Emulator(context, running, configured), .. IOThreads(context, running, configured), .. Throttles(context, running, configured)]
            : []);

    /// <summary>A saved state that the next start resumes from.</summary>
    public static FindingKind SavedStateWaits { get; } = new(
        nameof(SavedStateWaits), TuningArea.General, FindingSeverity.Medium, WorkloadKinds.Any,
        ScopeRules.SavedStateHidesChange.Reason, ScopeRules.SavedStateHidesChange.Source,
        static context => context.HasManagedSave
            ?
            [
                new FindingObservation(
                    "saved state", [new FindingEvidence("managed save", "yes", "libvirt: virDomainHasManagedSaveImage")],
                    "Try a start and a clean shutdown before you change anything.",
                    FindingRemedy.None("starting a VM is not a change of settings; virsh managedsave-remove discards the state, and all that the guest had in memory")),
            ]
            : []);

    /// <summary>A VM whose configuration another program writes.</summary>
    public static FindingKind ManagerOverwritesChange { get; } = new(
        ScopeRules.ManagerOverwritesChange.Id, TuningArea.General, FindingSeverity.Medium, WorkloadKinds.Any,
        ScopeRules.ManagerOverwritesChange.Reason, ScopeRules.ManagerOverwritesChange.Source,
        static context => context.Planned is var (source, vm) && vm.Manager is { } manager
            ?
            [
                new FindingObservation(
                    "configuration", [new FindingEvidence("metadata of", manager, source)],
                    $"Try changes here, and keep what helps in {manager}.",
                    FindingRemedy.None($"the VM's configuration is kept in {manager}")),
            ]
            : []);

    /// <summary>All kinds of this file.</summary>
    public static IReadOnlyList<FindingKind> All { get; } = [RestartPending, RunningDiffersFromConfigured, SavedStateWaits, ManagerOverwritesChange];

    private static IEnumerable<FindingObservation> VcpuPins(FindingContext context, VMConfiguration running, VMConfiguration configured)
    {
        var differing = Differing(Real(context, running, running.VcpuPins), Real(context, configured, configured.VcpuPins)).Where(vcpu => vcpu < running.MaxVcpus).ToList();
        return differing.Count == 0
            ? []
            : [Observe("vCPU pins", [.. differing.Select(vcpu => Evidence($"vCPU {Text(vcpu)} pin", Real(context, running, running.VcpuPins.GetValueOrDefault(vcpu)), Real(context, configured, configured.VcpuPins.GetValueOrDefault(vcpu))))], VcpuPinChange.Of(Configured(differing, Real(context, configured, configured.VcpuPins))))];
    }

    private static IEnumerable<FindingObservation> Emulator(FindingContext context, VMConfiguration running, VMConfiguration configured) =>
        (Real(context, running, running.EmulatorPin), Real(context, configured, configured.EmulatorPin)) is var (runs, wanted) && runs == wanted
            ? []
            : [Observe("emulator pin", [Evidence("emulator pin", runs, wanted)], EmulatorPinChange.Of(wanted))];

    private static IEnumerable<FindingObservation> IOThreads(FindingContext context, VMConfiguration running, VMConfiguration configured)
    {
        var (runs, wanted) = (Real(context, running, running.IOThreadPins), Real(context, configured, configured.IOThreadPins));
        var differing = Differing(runs, wanted)
            .Where(thread => running.IOThreadIds.Contains(thread) && configured.IOThreadIds.Contains(thread)).ToList();
        return differing.Count == 0
            ? []
            :
            [
                Observe(
                    "I/O thread pins",
                    [.. differing.Select(thread => Evidence($"I/O thread {Text(thread)} pin", runs.GetValueOrDefault(thread), wanted.GetValueOrDefault(thread)))],
                    new IOThreadPinChange
                    {
                        HostCpus = context.Host.OnlineCpus,
                        Pins = Configured(differing, wanted),
                    }),
            ];
    }

    private static IEnumerable<FindingObservation> Throttles(FindingContext context, VMConfiguration running, VMConfiguration configured) =>
        from disk in configured.Disks.DistinctBy(disk => disk.Target, StringComparer.Ordinal)
        let other = DiskSettings.Find(running, disk.Target)
        where other is not null
        let names = other.Throttle.Keys.Union(disk.Throttle.Keys, StringComparer.Ordinal)
            .Where(name => other.Throttle.GetValueOrDefault(name) != disk.Throttle.GetValueOrDefault(name)).Order(StringComparer.Ordinal).ToList()
        where names.Count > 0 || other.ThrottleGroup != disk.ThrottleGroup
        select Observe(
            $"disk {disk.Target}",
            [
                .. names.Select(name => new FindingEvidence($"disk {disk.Target} {name}", $"{Limit(other, name)} running, {Limit(disk, name)} configured", BothXml)),
                .. other.ThrottleGroup == disk.ThrottleGroup
                    ? Array.Empty<FindingEvidence>()
                    : [new FindingEvidence($"disk {disk.Target} throttle group", $"{other.ThrottleGroup ?? "(none)"} running, {disk.ThrottleGroup ?? "(none)"} configured", BothXml)],
            ],
            new DiskThrottleChange
            {
                Disk = disk.Target,
                Limits = DiskThrottleChange.WholeCategories(other.Throttle.Keys.Union(disk.Throttle.Keys, StringComparer.Ordinal)
                    .ToDictionary(name => name, name => disk.Throttle.TryGetValue(name, out var value) ? value : (ulong?)null, StringComparer.Ordinal)),
                SetsGroup = other.ThrottleGroup != disk.ThrottleGroup,
                Group = disk.ThrottleGroup,
            });

    private static FindingObservation Observe(string subject, IReadOnlyList<FindingEvidence> evidence, VMChange change) => new(
        subject, evidence,
        "Try the configured setting in the running VM; if the running setting is better, configure that one instead.",
        FindingRemedy.By(change with { Scope = ChangeScope.Live }));

    private static List<int> Differing(IReadOnlyDictionary<int, CpuSet> running, IReadOnlyDictionary<int, CpuSet> configured) =>
        [.. running.Keys.Union(configured.Keys).Order().Where(number => running.GetValueOrDefault(number) != configured.GetValueOrDefault(number))];

    private static Dictionary<int, CpuSet?> Configured(List<int> numbers, IReadOnlyDictionary<int, CpuSet> pins) =>
        numbers.ToDictionary(number => number, number => pins.GetValueOrDefault(number));

    // A pin to all CPUs that an unpinned thread may use does not count.
    private static CpuSet? Real(FindingContext context, VMConfiguration vm, CpuSet? pin) => pin is not null && pin != vm.VcpuCpuSet && context.IsRealPin(pin) ? pin : null;

    private static Dictionary<int, CpuSet> Real(FindingContext context, VMConfiguration vm, IReadOnlyDictionary<int, CpuSet> pins) =>
        pins.Where(pin => Real(context, vm, pin.Value) is not null).ToDictionary(pin => pin.Key, pin => pin.Value);

    private static FindingEvidence Evidence(string what, CpuSet? running, CpuSet? configured) =>
        new(what, $"{running?.ToString() ?? "(none)"} running, {configured?.ToString() ?? "(none)"} configured", BothXml);

    private static string Limit(DiskConfiguration disk, string name) =>
        disk.Throttle.TryGetValue(name, out var value) ? value.ToString(CultureInfo.InvariantCulture) : "(not set)";
}
