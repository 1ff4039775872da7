// The content of a report, as values: the history of a VM, and a chapter for each measured change. The page is made from these values
// alone.
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

    /// <summary>The libvirt connection by which the VM was reached.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>When the report was made; all times in it are shown at this offset from UTC.</summary>
    public required DateTimeOffset MadeAt { get; init; }

    /// <summary>The changes in the journal, the oldest first; empty in the report of one experiment.</summary>
    public IReadOnlyList<JournalEntry> Changes { get; init; } = [];

    /// <summary>The measurements in the journal, the oldest first; empty in the report of one experiment.</summary>
    public IReadOnlyList<JournalEntry> Measurements { get; init; } = [];

    /// <summary>The changes that were measured on both sides, the oldest first.</summary>
    public required IReadOnlyList<ReportChapter> Chapters { get; init; }
}

/// <summary>One change with the measurements before and after it.</summary>
public sealed record ReportChapter
{
    /// <summary>The change, in words.</summary>
    public required string Title { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The outcome of the change, as sentences.</summary>
    public required string Outcome { get; init; }

    /// <summary>The settings that changed.</summary>
    public required IReadOnlyList<SettingDifference> Differences { get; init; }

    /// <summary>The reasons for and against the change: the findings of the rules, with their sources.</summary>
    public IReadOnlyList<ReportReason> Reasons { get; init; } = [];

    /// <summary>The difference in the domain XML; empty if it is not known.</summary>
    public string XmlDifference { get; init; } = string.Empty;

    /// <summary>The virsh commands with the same effect; empty if they are not known.</summary>
    public string VirshCommand { get; init; } = string.Empty;

    /// <summary>The comparison of the two measurements; it contains both.</summary>
    public required VMComparison Comparison { get; init; }

    /// <summary>
    /// The original verdict. It can differ from that of <see cref="Comparison"/> if the comparison was computed again from the recorded runs.
    /// </summary>
    public required Verdict Verdict { get; init; }

    /// <summary>The verdict in words.</summary>
    public required string Sentence { get; init; }

    /// <summary>Notes that a reader must know, each a sentence.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The host with the VM's pins before the change; null if no pin was set or removed.</summary>
    public HostMap? MapBefore { get; init; }

    /// <summary>The host with the VM's pins after the change; null if no pin was set or removed.</summary>
    public HostMap? MapAfter { get; init; }

    /// <summary>The runs without the change.</summary>
    public VMPerformance Baseline => Comparison.Baseline;

    /// <summary>The runs with the change.</summary>
    public VMPerformance Candidate => Comparison.Candidate;
}

/// <summary>One reason for or against a change.</summary>
/// <param name="RuleId">The rule's fixed name.</param>
/// <param name="IsKept">Whether the change follows the rule; a broken rule is a warning.</param>
/// <param name="Evidence">The finding on this host.</param>
/// <param name="Reason">The reason why it matters.</param>
/// <param name="Source">The document with the rule.</param>
public sealed record ReportReason(string RuleId, bool IsKept, string Evidence, string Reason, string Source);
