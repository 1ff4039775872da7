// Finds the settings in which two documents of one VM differ: by a change, by an edit of somebody else, or until a restart.
namespace KvmTune.Topology;

/// <summary>Compares the settings of two documents.</summary>
public static class SettingComparer
{
    /// <summary>The settings in which two documents of the same kind differ: two configurations, or two documents of the running VM.</summary>
    /// <param name="before">The settings before.</param>
    /// <param name="after">The settings after.</param>
    /// <param name="hostCpus">
    /// All host CPUs for documents of the running VM: a pin to all CPUs of an unpinned thread counts as no pin, because libvirt reports
    /// one after a live pin was removed. Null for configurations.
    /// </param>
    public static IReadOnlyList<ConfigurationDifference> Compare(DomainSettings before, DomainSettings after, CpuSet? hostCpus = null) =>
        Compare(before, after, new Lens(hostCpus, IsAcross: false, IsModelChosen: false));

    /// <summary>The settings that a restart would change.</summary>
    /// <param name="running">The settings in force.</param>
    /// <param name="configured">The settings after a restart.</param>
    /// <param name="hostCpus">All host CPUs.</param>
    public static IReadOnlyList<ConfigurationDifference> Pending(DomainSettings running, DomainSettings configured, CpuSet hostCpus) =>
        Compare(running, configured, Across(running, configured, hostCpus));

    /// <summary>The same settings one by one, with their addresses.</summary>
    internal static IReadOnlyList<PendingSetting> PendingSettings(DomainSettings running, DomainSettings configured, CpuSet hostCpus) =>
        [.. Changed(running, configured, Across(running, configured, hostCpus))
            .Select(changed => new PendingSetting(changed.Setting.Setting, changed.Setting.Path, changed.Before, changed.After))];

    /// <summary>
    /// Whether an edit of the configuration replaces a CPU that the running VM has. <see cref="Pending"/> cannot see that where libvirt derives the
    /// new CPU at the start: the document of the running VM has only what libvirt derived from the former one. So the CPU counts as replaced if the
    /// running VM has the model that was configured before the edit, and the edit changes that model, or a feature that is in force.
    /// </summary>
    /// <param name="running">The settings in force.</param>
    /// <param name="before">The configured settings before the edit.</param>
    /// <param name="after">The configured settings after it.</param>
    /// <param name="hostCpus">All host CPUs.</param>
    internal static bool ReplacesCpuInForce(DomainSettings running, DomainSettings before, DomainSettings after, CpuSet hostCpus)
    {
        var inForce = new Lazy<Dictionary<(Setting Setting, string? Key, string? SubKey), SettingReading>>(() => ByKey(running));
        return Changed(before, after, new Lens(HostCpus: null, IsAcross: false, IsModelChosen: false)).Any(changed => changed.Setting.Setting.Running switch
        {
            RunningForm.Chosen => IsModelChosen(running, after),

            // The running document has features as they were configured. The other values go with the model.
            RunningForm.Expanded => changed.Setting.Key is not null && inForce.Value.GetValueOrDefault(Key(changed.Setting)).Value == changed.Before,
            _ => false,
        }) && !Changed(running, before, Across(running, before, hostCpus)).Any(changed => changed.Setting.Setting.Running == RunningForm.Chosen);
    }

    private static Lens Across(DomainSettings running, DomainSettings configured, CpuSet hostCpus) =>
        new(hostCpus, IsAcross: true, IsModelChosen(running, configured));

    // libvirt chooses the model of these modes at the start, and displays its choice.
    private static bool IsModelChosen(DomainSettings running, DomainSettings configured) => ModeOf(configured) is "host-model" or "maximum" && ModeOf(running) is "custom";

    private static IEnumerable<(SettingReading Setting, string? Before, string? After)> Changed(DomainSettings before, DomainSettings after, Lens lens) =>
        Pairs(before, after).Where(pair => !lens.Passes(pair.Setting.Setting)
            && !pair.Setting.Setting.IsSame(lens.Value(pair.Setting.Setting, pair.Before, before), lens.Value(pair.Setting.Setting, pair.After, after)));

    private static List<ConfigurationDifference> Compare(DomainSettings before, DomainSettings after, Lens lens)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        var differences = new List<ConfigurationDifference>();
        var groups = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (reading, left, right) in Changed(before, after, lens))
        {
            var setting = reading.Setting;
            if (setting.Group is not { } group)
            {
                differences.Add(Difference(setting, reading.Name, setting.Shown(lens.Value(setting, left, before)), setting.Shown(lens.Value(setting, right, after))));
            }
            else if (Setting.NameWith(group.Name, reading.Key, null) is var name && groups.Add(name))
            {
                differences.Add(Difference(setting, name, TextOf(group, reading.Key, before), TextOf(group, reading.Key, after)));
            }
        }

        return differences;
    }

    private static ConfigurationDifference Difference(Setting setting, string name, string? before, string? after) =>
        new(TerminalText.Line(name), Shown(before), Shown(after)) { CanBeLive = setting is { IsTunable: true, Live: LiveChange.Always } };

    private static string? Shown(string? value) => value is null ? null : TerminalText.Line(value);

    // In most cases both have the same settings in the same order: then they are paired by position, without a lookup.
    private static IEnumerable<(SettingReading Setting, string? Before, string? After)> Pairs(DomainSettings before, DomainSettings after)
    {
        var isInStep = before.All.Count == after.All.Count;
        for (var index = 0; isInStep && index < before.All.Count; index++)
        {
            isInStep = before.All[index].IsSameSettingAs(after.All[index]);
        }

        if (isInStep)
        {
            return before.All.Select((setting, index) => (setting, (string?)setting.Value, (string?)after.All[index].Value));
        }

        var (left, right) = (ByKey(before), ByKey(after));
        return before.All.DistinctBy(Key)
            .Select(setting => (setting, (string?)setting.Value, right.TryGetValue(Key(setting), out var other) ? other.Value : null))
            .Concat(right.Values.Where(setting => !left.ContainsKey(Key(setting))).Select(setting => (setting, (string?)null, (string?)setting.Value)));
    }

    private static (Setting Setting, string? Key, string? SubKey) Key(SettingReading setting) => (setting.Setting, setting.Key, setting.SubKey);

    private static Dictionary<(Setting Setting, string? Key, string? SubKey), SettingReading> ByKey(DomainSettings settings)
    {
        var readings = new Dictionary<(Setting Setting, string? Key, string? SubKey), SettingReading>();
        foreach (var reading in settings.All)
        {
            readings.TryAdd(Key(reading), reading);
        }

        return readings;
    }

    private static string? TextOf(SettingGroup group, string? key, DomainSettings settings) => group.Text(
        [.. settings.All.Where(setting => setting.Setting.Group == group && (!group.Name.Contains('*', StringComparison.Ordinal) || setting.Key == key))]);

    private static string? ModeOf(DomainSettings settings) => settings.All.FirstOrDefault(setting => setting.Setting.Pattern == "cpu/@mode").Value;

    // The rules for comparing two documents.
    private readonly record struct Lens(CpuSet? HostCpus, bool IsAcross, bool IsModelChosen)
    {
        public bool Passes(Setting setting) => IsAcross && setting.Running switch
        {
            RunningForm.Expanded => true,
            RunningForm.Chosen => IsModelChosen,
            _ => false,
        };

        public string? Value(Setting setting, string? value, DomainSettings document) =>
            HostCpus is null || setting.Running != RunningForm.Pin || value is null || !CpuSet.TryParse(value, out var cpus)
            || !(HostCpus.IsSubsetOf(cpus) || cpus == document.VcpuCpuSet)
                ? value
                : null;
    }
}

/// <summary>A setting that a restart would change.</summary>
/// <param name="Setting">The kind of setting.</param>
/// <param name="Path">Its address.</param>
/// <param name="Running">The value in force; null for "not set".</param>
/// <param name="Configured">The configured value; null for "not set".</param>
internal readonly record struct PendingSetting(Setting Setting, SettingPath Path, string? Running, string? Configured);
