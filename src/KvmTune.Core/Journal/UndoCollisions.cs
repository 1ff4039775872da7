// Whether what a change had set was changed again since: then taking it back would take that away too.
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Journal;

/// <summary>Finds settings that are neither as the change left them nor as they were before it.</summary>
internal static class UndoCollisions
{
    /// <summary>Refuses to take a change back whose settings were changed again since.</summary>
    /// <exception cref="KvmTuneException">They were (<c>UndoCollides</c>); the message says what is there.</exception>
    public static void Refuse(JournalEntry entry, ChangeIntent intent, VMSnapshot now, CpuSet hostCpus)
    {
        var inverse = intent.Inverse;
        var collisions = new List<string>();
        if (intent.Plan.ChangesConfiguration && now.Persistent is not null && inverse.Scope is not ChangeScope.Live)
        {
            collisions.AddRange(InConfiguration(now.Persistent, intent.Plan.Change, inverse));
        }

        if (intent.Plan.ChangesRunning && now.Running is not null && inverse.Scope is not ChangeScope.Config)
        {
            collisions.AddRange(InRunning(now.Running, intent.Plan.Change.ForRunning, inverse.ForRunning, hostCpus));
        }

        if (collisions.Count > 0)
        {
            throw new KvmTuneException(
                TuningUndo.Collides, KvmTuneErrorCategory.ResourceBusy,
                System.FormattableString.Invariant($"Entry {entry.Id} ('{entry.Title}' on '{entry.VMName}') cannot be taken back: {string.Join("; ", collisions.Distinct(StringComparer.Ordinal))}. Undo what came later first, or say -Force to set it back all the same."));
        }
    }

    // Setting by setting, since of an interrupted change one may be made and another not.
    private static IEnumerable<string> InConfiguration(string xml, VMChange change, VMChange inverse)
    {
        var now = DomainDocument.Parse(xml);
        var left = Edited(now, change);
        var before = Edited(now, inverse);
        foreach (var path in change.Settings.Concat(inverse.Settings).Select(setting => setting.Path).Distinct())
        {
            if (now.Get(path) is var value && value != left.Get(path) && value != before.Get(path))
            {
                yield return $"{path} is {Shown(value)} now, while the change left {Shown(left.Get(path))} and before it was {Shown(before.Get(path))}";
            }
        }
    }

    // By the typed model: libvirt shows the running VM's settings in its own ways, all host CPUs for an unpinned thread among them.
    private static IEnumerable<string> InRunning(string xml, VMChange change, VMChange inverse, CpuSet hostCpus)
    {
        var document = DomainDocument.Parse(xml);
        var now = document.ToConfiguration();
        var left = ConfigurationComparer.Compare(now, Edited(document, change).ToConfiguration(), hostCpus);
        var before = ConfigurationComparer.Compare(now, Edited(document, inverse).ToConfiguration(), hostCpus).ToDictionary(difference => difference.Setting, StringComparer.Ordinal);
        foreach (var difference in left)
        {
            if (before.TryGetValue(difference.Setting, out var former))
            {
                yield return $"{difference.Setting} of the running VM is {Shown(difference.Running)} now, while the change left {Shown(difference.Configured)} and before it was {Shown(former.Configured)}";
            }
        }
    }

    private static DomainDocument Edited(DomainDocument document, VMChange change)
    {
        var copy = document.Copy();
        change.Edit(copy);
        return copy;
    }

    private static string Shown(string? value) => value switch { null => "not set", "" => "there", _ => $"'{value}'" };
}
