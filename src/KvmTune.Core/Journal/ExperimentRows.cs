// The history with one row for each experiment: its switches between the two sides are separate entries, and mean nothing alone.

namespace KvmTune.Journal;

/// <summary>Joins the entries of each experiment.</summary>
public static class ExperimentRows
{
    /// <summary>The entries, with one row for each experiment on a VM: its entry that stands, else its last one that is not an undo.</summary>
    /// <param name="entries">The entries, in order.</param>
    public static IReadOnlyList<JournalEntry> Of(IEnumerable<JournalEntry> entries) =>
    [
        .. entries.GroupBy(entry => entry.ExperimentId is { } experiment ? (experiment, entry.VMId, 0L) : (Guid.Empty, entry.VMId, entry.Id))
            .Select(group => Row([.. group]))
            .OrderBy(row => row.StartedAt),
    ];

    /// <summary>Whether an entry is a change, not an undo, and is not taken back yet.</summary>
    internal static bool Stands(JournalEntry entry) => entry is
    {
        Undoes: null, UndoneAt: null,
        Outcome: JournalOutcome.Applied or JournalOutcome.RestartPending or JournalOutcome.Failed or JournalOutcome.Interrupted or JournalOutcome.Running,
    };

    private static JournalEntry Row(List<JournalEntry> entries)
    {
        if (entries.Count == 1)
        {
            return entries[0];
        }

        var row = entries.FindLast(Stands) ?? entries.FindLast(entry => entry.Undoes is null) ?? entries[^1];
        var judged = entries.FindLast(entry => entry.Verdict is not null) ?? row;
        return row with
        {
            Title = string.Join("; ", entries.Where(entry => entry.Undoes is null).Select(entry => entry.Title).DefaultIfEmpty(row.Title).Distinct(StringComparer.Ordinal)),
            EntryIds = entries.Select(entry => entry.Id).ToItems(),
            Baseline = judged.Baseline,
            Candidate = judged.Candidate,
            Verdict = judged.Verdict,
            VerdictSentence = judged.VerdictSentence,
            Design = judged.Design,
            ComparisonDocument = judged.ComparisonDocument,
        };
    }
}
