// What a resumed guest gets: the settings that its change sets, and those that wait in the configuration and that it cannot see.
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>Edits the definition that is saved with a guest's state.</summary>
internal static class SavedState
{
    /// <summary>
    /// The settings that wait for a restart and that a suspend can put in force: what the guest cannot see. What a running VM can take at any
    /// time is left out, since it is then meant to be as it is.
    /// </summary>
    public static IReadOnlyList<SettingValue> Waiting(DomainDocument running, DomainDocument configured, CpuSet hostCpus) =>
        [.. SettingComparer.PendingSettings(running.Settings, configured.Settings, hostCpus)
            .Where(pending => pending.Setting.Live != LiveChange.Always && !pending.Setting.IsSeenByGuest(pending.Running, pending.Configured))
            .Select(pending => new SettingValue(pending.Path, pending.Configured))];

    /// <summary>The names of the settings that wait for a restart and that the guest can see change, so that only a reboot can put them in force.</summary>
    public static IReadOnlyList<string> Seen(DomainDocument running, DomainDocument configured, CpuSet hostCpus) =>
        [.. SettingComparer.PendingSettings(running.Settings, configured.Settings, hostCpus)
            .Where(pending => pending.Setting.IsSeenByGuest(pending.Running, pending.Configured))
            .Select(pending => NameOf(pending.Setting, pending.Path)).Distinct(StringComparer.Ordinal)];

    /// <summary>The names of the settings of a change that the guest can see change.</summary>
    public static IReadOnlyList<string> SeenOf(VMChange change, DomainDocument running)
    {
        var after = running.Copy();
        change.Edit(after);
        return [.. change.Settings
            .Where(setting => SettingCatalog.Get(setting.Path).IsSeenByGuest(running.Get(setting.Path), after.Get(setting.Path)))
            .Select(setting => NameOf(SettingCatalog.Get(setting.Path), setting.Path)).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>Sets settings in a saved definition, in the order that they need.</summary>
    public static void Set(DomainDocument saved, IReadOnlyList<SettingValue> settings)
    {
        foreach (var setting in EditOrder.Of(settings, trace: null))
        {
            saved.Set(setting.Path, setting.Value);
        }
    }

    // What people read as one is named once.
    private static string NameOf(Setting setting, SettingPath path) =>
        TerminalText.Line(setting.Group is { } group && !group.Name.Contains('*', StringComparison.Ordinal) ? group.Name : setting.NameOf(path));
}
