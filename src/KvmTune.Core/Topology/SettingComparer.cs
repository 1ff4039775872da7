// Says in which settings two documents of one VM differ: what a change does, what somebody else did, what a restart would change.
namespace KvmTune.Topology;

/// <summary>Compares the settings of two documents.</summary>
public static class SettingComparer
{
    /// <summary>The settings in which two documents of the same kind differ: both configurations, or both of the running VM.</summary>
    /// <param name="before">The settings before.</param>
    /// <param name="after">The settings after.</param>
    /// <param name="hostCpus">
    /// For documents of the running VM all host CPUs: a pin to what an unpinned thread may use anyway is what libvirt shows after a live
    /// pin was taken back, so it counts as no pin. Null for configurations.
    /// </param>
    public static IReadOnlyList<ConfigurationDifference> Compare(DomainSettings before, DomainSettings after, CpuSet? hostCpus = null) =>
        Compare(before, after, new Lens(hostCpus, IsAcross: false, IsModelChosen: false));

    /// <summary>The settings that a restart would change.</summary>
    /// <param name="running">What is in force.</param>
    /// <param name="configured">What will be in force after a restart.</param>
    /// <param name="hostCpus">All host CPUs.</param>
    public static IReadOnlyList<ConfigurationDifference> Pending(DomainSettings running, DomainSettings configured, CpuSet hostCpus) =>
        Compare(running, configured, new Lens(hostCpus, IsAcross: true, IsModelChosen: ModeOf(configured) is "host-model" or "maximum" && ModeOf(running) is "custom"));

    private static List<ConfigurationDifference> Compare(DomainSettings before, DomainSettings after, Lens lens)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        var differences = new List<ConfigurationDifference>();
        var groups = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (reading, left, right) in Pairs(before, after))
        {
            var setting = reading.Setting;
            if (lens.Passes(setting) || setting.IsSame(lens.Value(setting, left, before), lens.Value(setting, right, after)))
            {
                continue;
            }

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

    // Nearly always both have the same settings in the same order: then they are paired in step, and nothing is looked up.
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

    // How documents are looked at.
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
