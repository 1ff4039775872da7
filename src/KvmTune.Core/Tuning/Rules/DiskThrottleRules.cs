// Rules about limits of disk I/O: which limits fit together, and which others a new limit removes.
using KvmTune.Topology;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tuning.Rules;

/// <summary>Rules of the disk area about limits.</summary>
public static class DiskThrottleRules
{
    /// <summary>The highest limit that QEMU accepts.</summary>
    public const ulong MostOfLimit = 1_000_000_000_000_000;

    private static readonly string[] Kinds = ["bytes_sec", "iops_sec"];
    private static readonly string[] Directions = ["total", "read", "write"];

    /// <summary>A total limit excludes limits of its parts (reads and writes).</summary>
    public static TuningRule ThrottleTotalExcludesParts { get; } = new(
        nameof(ThrottleTotalExcludesParts), TuningArea.Disk, RuleSeverity.Error,
        "A limit on the total cannot stand beside one on reads or writes of the same kind.",
        "libvirt 9.0 qemuDomainSetBlockIoTune; QEMU throttle_check",
        static context => For(context, static (_, disk) => RuleCheck.BrokenBy(
            [
                .. from kind in Kinds
                   from suffix in new[] { string.Empty, "_max" }
                   let total = $"total_{kind}{suffix}"
                   where Has(disk, total)
                   from part in new[] { $"read_{kind}{suffix}", $"write_{kind}{suffix}" }
                   where Has(disk, part)
                   select $"{Parameter(total)} and {Parameter(part)} of disk '{disk.Target}' would both be set",
            ],
            "no total stands beside its parts",
            "Limit either the total, or reads and writes.")));

    /// <summary>A burst needs a limit below it.</summary>
    public static TuningRule ThrottleBurstNeedsLimit { get; } = new(
        nameof(ThrottleBurstNeedsLimit), TuningArea.Disk, RuleSeverity.Error,
        "A burst raises a limit for a while: it needs that limit, must not be below it, and a burst length needs a burst.",
        "libvirt 9.0 qemuDomainSetBlockIoTune (CHECK_MAX); QEMU throttle_check",
        static context => For(context, static (_, disk) => RuleCheck.BrokenBy(
            [
                .. from kind in Kinds
                   from direction in Directions
                   let name = $"{direction}_{kind}"
                   let missing = Missing(disk, name)
                   where missing is not null
                   select missing,
            ],
            "each burst has its limit",
            "A burst stays where only limits are set: set it again with them, remove it (a burst of 0), or begin with -Clear.")));

    /// <summary>QEMU has a maximum for limits.</summary>
    public static TuningRule ThrottleInRange { get; } = new(
        nameof(ThrottleInRange), TuningArea.Disk, RuleSeverity.Error,
        "QEMU takes limits up to 10 to the power of 15.",
        "libvirt 9.0 QEMU_BLOCK_IOTUNE_MAX; QEMU THROTTLE_VALUE_MAX",
        static context => For(context, static (change, _) => RuleCheck.BrokenBy(
            [.. change.Limits.Where(limit => limit.Value > MostOfLimit).Select(limit => $"{Parameter(limit.Key)} {limit.Value}")],
            "within QEMU's range",
            $"The most is {MostOfLimit}; for no limit, leave it out.")));

    /// <summary>Setting one limit removes the others of its category.</summary>
    public static TuningRule ThrottleResetsCategory { get; } = new(
        nameof(ThrottleResetsCategory), TuningArea.Disk, RuleSeverity.Warning,
        "libvirt sets all limits of one category together: it removes those that are not named.",
        "libvirt 9.0 qemuDomainSetBlockIoTuneDefaults",
        static context => For(context, (change, disk) =>
        {
            if (change.Limits.Values.All(value => value is null))
            {
                return null;
            }

            var before = DiskSettings.Find(context.VM.Configured ?? context.VM.Current, change.Disk);
            return RuleCheck.BrokenBy(
                [.. change.Limits.Where(limit => limit.Value is null && before is not null && Has(before, limit.Key)).Select(limit => $"{DiskLimitNames.Of(limit.Key)}={before!.Throttle[limit.Key]} of disk '{disk.Target}' is removed")],
                "no limit that was set is removed",
                "Name it too to keep it.");
        }));

    /// <summary>Disks of one group share one budget.</summary>
    public static TuningRule ThrottleGroupIsShared { get; } = new(
        nameof(ThrottleGroupIsShared), TuningArea.Disk, RuleSeverity.Warning,
        "Disks in one throttle group share one budget: its limits change for all of them in the running VM.",
        "libvirt formatdomain, iotune group_name",
        static context => For(context, (_, disk) => disk.ThrottleGroup is not { } group
            ? null
            : RuleCheck.BrokenBy(
                [.. context.After.Disks.Where(other => other != disk && other.ThrottleGroup == group).Select(other => $"disk '{other.Target}' is in the throttle group '{group}' too")],
                $"no other disk is in the throttle group '{group}'",
                "Its limits change with this disk's.")));

    /// <summary>All rules of this file.</summary>
    public static IReadOnlyList<TuningRule> All { get; } =
        [ThrottleTotalExcludesParts, ThrottleBurstNeedsLimit, ThrottleInRange, ThrottleResetsCategory, ThrottleGroupIsShared];

    private static string? Missing(DiskConfiguration disk, string name)
    {
        var (burst, length) = ($"{name}_max", $"{name}_max_length");
        return Has(disk, burst) && !Has(disk, name) ? $"{Parameter(burst)} without {Parameter(name)}"
            : Has(disk, burst) && disk.Throttle[burst] < disk.Throttle[name] ? $"{Parameter(burst)} {disk.Throttle[burst]} is below {Parameter(name)} {disk.Throttle[name]}"
            : Has(disk, length) && !Has(disk, burst) ? $"-BurstLength without {Parameter(burst)}"
            : null;
    }

    private static string Parameter(string limit) => $"-{DiskLimitNames.Of(limit)}";

    private static bool Has(DiskConfiguration disk, string limit) => disk.Throttle.GetValueOrDefault(limit) > 0;

    private static RuleCheck? For(RuleContext context, Func<DiskThrottleChange, DiskConfiguration, RuleCheck?> check) =>
        context.Change is DiskThrottleChange change && DiskSettings.Find(context.After, change.Disk) is { } disk ? check(change, disk) : null;
}
