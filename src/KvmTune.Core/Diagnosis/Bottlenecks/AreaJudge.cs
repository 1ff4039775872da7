// Collects the values of one area, and the causes of those that count.
using System.Globalization;
using KvmTune.Tuning;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>The rank of a cause among those of other areas, the highest first.</summary>
internal enum CauseRank
{
    /// <summary>It causes the symptoms of other areas: a failed disk, a guest that swaps.</summary>
    ExplainsOthers,

    /// <summary>A configured limit is reached: it holds the VM back, even if something else is slow too.</summary>
    ConfiguredLimit,

    /// <summary>Time was lost; more time counts more.</summary>
    TimeLost,

    /// <summary>Something was lost, but no counter tells how much time.</summary>
    NoTimeKnown,
}

/// <summary>An area with its rank among the others.</summary>
internal sealed record JudgedArea(AreaBottleneck Area, CauseRank Rank, double Weight);

/// <summary>One area while it is judged.</summary>
internal sealed class AreaJudge(TuningArea area, BottleneckThresholds thresholds)
{
    private readonly List<BottleneckEvidence> _evidence = [];
    private readonly List<Blame> _blames = [];

    /// <summary>Whether no counter of saturation has a known value.</summary>
    private bool IsUnknown => _evidence.Exists(evidence => evidence.Kind == EvidenceKind.Saturation)
        && _evidence.TrueForAll(evidence => evidence.Kind != EvidenceKind.Saturation || evidence.Value is null);

    /// <summary>Compares a value with its threshold. An unknown value is kept as unknown and never counts.</summary>
    /// <param name="kind">What it tells.</param>
    /// <param name="subject">The part of the VM.</param>
    /// <param name="counter">What was counted.</param>
    /// <param name="value">The value.</param>
    /// <param name="threshold">The line of the table; its unit is the value's.</param>
    /// <param name="source">Where the value was read.</param>
    /// <param name="counts">Whether the other thresholds that it needs are reached too.</param>
    /// <returns>Whether it counts.</returns>
    public bool Compare(EvidenceKind kind, string subject, string counter, double? value, BottleneckThreshold threshold, string source, bool counts = true)
    {
        var line = thresholds[threshold];
        var isExceeded = counts && value >= line;
        _evidence.Add(new BottleneckEvidence
        {
            Kind = kind,
            Subject = subject,
            Counter = counter,
            Value = value,
            Unit = threshold.Unit,
            Source = source,
            Threshold = line,
            ThresholdName = threshold.Name,
            ThresholdSource = threshold.Source,
            IsExceeded = isExceeded,
        });
        return isExceeded;
    }

    /// <summary>Keeps a value that explains the others, if it is known.</summary>
    public void Tell(string subject, string counter, double? value, string unit, string source)
    {
        if (value is not null)
        {
            _evidence.Add(new BottleneckEvidence
            {
                Kind = EvidenceKind.Utilisation,
                Subject = subject,
                Counter = counter,
                Value = value,
                Unit = unit,
                Source = source,
            });
        }
    }

    /// <summary>Keeps a fault that needs no threshold.</summary>
    public bool Fault(string subject, string counter, bool? isThere, string source)
    {
        _evidence.Add(new BottleneckEvidence
        {
            Kind = EvidenceKind.Error,
            Subject = subject,
            Counter = counter,
            Value = isThere is { } there ? (there ? 1 : 0) : null,
            Unit = "faults",
            Source = source,
            IsExceeded = isThere is true,
        });
        return isThere is true;
    }

    /// <summary>Whether a value reaches its threshold; false where it is not known.</summary>
    public bool Reaches(double? value, BottleneckThreshold threshold) => value >= thresholds[threshold];

    /// <summary>Names a cause. The first one is the cause of the area; the one with the highest rank gives the area its rank.</summary>
    /// <param name="cause">The cause.</param>
    /// <param name="subject">The part of the VM.</param>
    /// <param name="rank">Its rank among those of other areas.</param>
    /// <param name="waitingPercent">The share of the interval that was lost to it; null where no counter has it.</param>
    /// <param name="sentence">The verdict if this is the first cause.</param>
    public void Found(BottleneckCause cause, string subject, CauseRank rank, double? waitingPercent, FormattableString sentence) =>
        _blames.Add(new Blame(cause, subject, rank, waitingPercent is { } waiting ? Math.Min(100, waiting) : null, sentence.ToString(CultureInfo.InvariantCulture)));

    /// <summary>Sums the area up.</summary>
    /// <param name="utilisationPercent">How much of it is used; null where that is not known.</param>
    /// <param name="nothing">The verdict for a VM without such devices; null for others.</param>
    public JudgedArea Conclude(double? utilisationPercent, string? nothing = null)
    {
        var first = _blames.Count > 0 ? _blames[0] : null;
        var waiting = _blames.Max(blame => blame.WaitingPercent);
        return new JudgedArea(
            new AreaBottleneck
            {
                Area = area,
                UtilisationPercent = utilisationPercent,
                Cause = first?.Cause,
                Subject = first?.Subject,
                WaitingPercent = waiting,
                Verdict = first?.Sentence ?? nothing ?? (IsUnknown ? "unknown: none of its counters is kept" : "not saturated"),
                Evidence = _evidence.ToList(),
                IsKnown = nothing is not null || !IsUnknown,
            },
            _blames.Count > 0 ? _blames.Min(blame => blame.Rank) : CauseRank.NoTimeKnown,
            waiting ?? 0);
    }

    private sealed record Blame(BottleneckCause Cause, string Subject, CauseRank Rank, double? WaitingPercent, string Sentence);
}
