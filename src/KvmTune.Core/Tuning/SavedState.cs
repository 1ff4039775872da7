// The settings of a resumed guest: those of its change, and those that wait in the configuration and that it cannot see.
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>Edits the definition that is saved with a guest's state.</summary>
internal static class SavedState
{
    /// <summary>
    /// The settings that wait for a restart and that a suspend can bring into force, because the guest cannot see them. Settings that a running VM
    /// can take at any time are left out: their running values are intended. So are those of a device that only one of the documents has: a suspend
    /// neither adds nor removes a device.
    /// </summary>
    public static IReadOnlyList<SettingValue> Waiting(DomainDocument running, DomainDocument configured, CpuSet hostCpus) =>
        [.. SettingComparer.PendingSettings(running.Settings, configured.Settings, hostCpus)
            .Where(pending => pending.Setting.Live != LiveChange.Always && !pending.Setting.IsSeenByGuest(pending.Running, pending.Configured))
            .Where(pending => running.HasDeviceOf(pending.Path) && configured.HasDeviceOf(pending.Path))
            .Select(pending => new SettingValue(pending.Path, pending.Configured))];

    /// <summary>The names of the waiting settings whose change the guest can see, so that only a reboot can bring them into force.</summary>
    public static IReadOnlyList<string> Seen(DomainDocument running, DomainDocument configured, CpuSet hostCpus) =>
        [.. SettingComparer.PendingSettings(running.Settings, configured.Settings, hostCpus)
            .Where(pending => pending.Setting.IsSeenByGuest(pending.Running, pending.Configured))
            .Select(pending => NameOf(pending.Setting, pending.Path)).Distinct(StringComparer.Ordinal)];

    /// <summary>The names of a change's settings whose change the guest of a running VM can see; it sees those of a new device.</summary>
    public static IReadOnlyList<string> SeenOf(VMChange change, VMSnapshot now)
    {
        var running = now.Running!;
        var after = running.Copy();
        change.Edit(after);
        return [.. change.Settings
            .Where(setting => now.AwaitsDeviceOf(setting.Path) || SettingCatalog.Get(setting.Path).IsSeenByGuest(running.Get(setting.Path), after.Get(setting.Path)))
            .Select(setting => NameOf(SettingCatalog.Get(setting.Path), setting.Path)).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>Sets settings in a saved definition, in the required order.</summary>
    public static void Set(DomainDocument saved, IReadOnlyList<SettingValue> settings)
    {
        foreach (var setting in EditOrder.Of(settings, trace: null))
        {
            saved.Set(setting.Path, setting.Value);
        }
    }

    // Settings that belong together for the user have one name.
    private static string NameOf(Setting setting, SettingPath path) =>
        TerminalText.Line(setting.Group is { } group && !group.Name.Contains('*', StringComparison.Ordinal) ? group.Name : setting.NameOf(path));
}
