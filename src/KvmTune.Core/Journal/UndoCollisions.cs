// Finds settings that were changed again after the change: its undo would undo those later changes too.
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Journal;

/// <summary>Finds settings that are neither as the change left them nor as they were before it.</summary>
internal static class UndoCollisions
{
    /// <summary>Refuses the undo of a change whose settings were changed again.</summary>
    /// <exception cref="KvmTuneException">They were (<c>UndoCollides</c>); the message has the present values.</exception>
    public static void Refuse(JournalEntry entry, ChangeIntent intent, VMSnapshot now, CpuSet hostCpus)
    {
        var inverse = intent.Inverse;
        var collisions = new List<string>();
        if (intent.Plan.ChangesConfiguration && now.Persistent is not null && inverse.Scope is not ChangeScope.Live)
        {
            collisions.AddRange(In(now.Persistent, intent.Plan.Change, inverse, null));
        }

        if (intent.Plan.ChangesRunning && now.Running is not null && inverse.Scope is not ChangeScope.Config)
        {
            collisions.AddRange(In(now.Running, intent.Plan.Change.ForRunning, inverse.ForRunning, hostCpus));
        }

        if (collisions.Count > 0)
        {
            throw new KvmTuneException(
                TuningUndo.Collides, KvmTuneErrorCategory.ResourceBusy,
                System.FormattableString.Invariant($"Entry {entry.Id} ('{entry.Title}' on '{entry.VMName}') cannot be taken back: {string.Join("; ", collisions.Distinct(StringComparer.Ordinal))}. Undo what came later first, or add -Force to set it back anyway."));
        }
    }

    // Compares setting by setting, since an interrupted change may have made only some of them. The comparison uses the catalog, which knows
    // how libvirt shows the settings of a running VM.
    internal static IEnumerable<string> In(DomainDocument now, VMChange change, VMChange inverse, CpuSet? hostCpus)
    {
        var left = SettingComparer.Compare(now.Settings, Edited(now, change).Settings, hostCpus);
        var before = SettingComparer.Compare(now.Settings, Edited(now, inverse).Settings, hostCpus).ToDictionary(difference => difference.Setting, StringComparer.Ordinal);
        foreach (var difference in left)
        {
            if (before.TryGetValue(difference.Setting, out var former))
            {
                yield return $"{difference.Setting}{(hostCpus is null ? null : " of the running VM")} is {Shown(difference.Running)} now, while the change left {Shown(difference.Configured)} and before it was {Shown(former.Configured)}";
            }
        }
    }

    private static DomainDocument Edited(DomainDocument document, VMChange change)
    {
        var copy = document.Copy();
        change.Edit(copy);
        return copy;
    }

    private static string Shown(string? value) => value is null ? "not set" : $"'{value}'";
}
