// What a report tells, as values: the history of a VM, and a chapter for each change that was measured. The page is made of this alone.
using KvmTune.Journal;
using KvmTune.Measurement;
using KvmTune.Placement;
using KvmTune.Statistics;
using KvmTune.Tuning;

namespace KvmTune.Reports;

/// <summary>The report of one VM's history, or of one experiment.</summary>
public sealed record TuningReport
{
    /// <summary>The VM's name (libvirt: domain name).</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection that the VM was reached by.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>When the report was made; all times in it are shown at this offset from UTC.</summary>
    public required DateTimeOffset MadeAt { get; init; }

    /// <summary>The changes in the journal, the oldest first; empty in the report of one experiment.</summary>
    public IReadOnlyList<JournalEntry> Changes { get; init; } = [];

    /// <summary>The measurements in the journal, the oldest first; empty in the report of one experiment.</summary>
    public IReadOnlyList<JournalEntry> Measurements { get; init; } = [];

    /// <summary>What was changed and measured on both sides, the oldest first.</summary>
    public required IReadOnlyList<ReportChapter> Chapters { get; init; }
}

/// <summary>One change with the measurements before and after it.</summary>
public sealed record ReportChapter
{
    /// <summary>What was changed, in words.</summary>
    public required string Title { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>What became of the change, as sentences.</summary>
    public required string Outcome { get; init; }

    /// <summary>The settings that changed.</summary>
    public required IReadOnlyList<SettingDifference> Differences { get; init; }

    /// <summary>What speaks for the change and against it: what the rules found, and what they go by.</summary>
    public IReadOnlyList<ReportReason> Reasons { get; init; } = [];

    /// <summary>The difference in the domain XML; empty where it is not known.</summary>
    public string XmlDifference { get; init; } = string.Empty;

    /// <summary>The virsh commands that would do the same; empty where they are not known.</summary>
    public string VirshCommand { get; init; } = string.Empty;

    /// <summary>The comparison of the two measurements, and the measurements with it.</summary>
    public required VMComparison Comparison { get; init; }

    /// <summary>The verdict as it was given; not that of <see cref="Comparison"/> where that was made anew of recorded runs.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>The same in words.</summary>
    public required string Sentence { get; init; }

    /// <summary>What a reader must know, each a sentence.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The host with the VM's pins before the change; null where no thread was pinned or freed.</summary>
    public HostMap? MapBefore { get; init; }

    /// <summary>The host with the VM's pins after the change; null where no thread was pinned or freed.</summary>
    public HostMap? MapAfter { get; init; }

    /// <summary>The runs without the change.</summary>
    public VMPerformance Baseline => Comparison.Baseline;

    /// <summary>The runs with the change.</summary>
    public VMPerformance Candidate => Comparison.Candidate;
}

/// <summary>One thing that speaks for a change or against it.</summary>
/// <param name="RuleId">The rule's fixed name.</param>
/// <param name="IsKept">Whether the change keeps the rule; a broken one is a warning.</param>
/// <param name="Evidence">What was found here.</param>
/// <param name="Reason">Why that matters.</param>
/// <param name="Source">Where that is written.</param>
public sealed record ReportReason(string RuleId, bool IsKept, string Evidence, string Reason, string Source);
