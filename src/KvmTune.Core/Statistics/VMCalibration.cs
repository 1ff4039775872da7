// What a VM on its host can show: found by measuring the workload against itself.
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>How small a change of one design and size can show, and how long that takes.</summary>
/// <param name="Design">In which order the runs of the two sides are made.</param>
/// <param name="Count">The number of pairs, or of runs a side.</param>
/// <param name="DetectablePercent">The smallest shift that is found 4 times in 5, in per cent; never below the practical threshold.</param>
/// <param name="TimeSeconds">How many seconds it takes.</param>
public sealed record CalibratedReach(ComparisonDesign Design, int Count, double? DetectablePercent, double TimeSeconds)
{
    /// <summary>For example <c>Pairs 8: 6.1 % in 59 s</c>.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"{Design} {Count}: {(DetectablePercent is { } percent ? FormattableString.Invariant($"{percent:0.#} %") : "nothing")} in {TimeSeconds:0} s");
}

/// <summary>A workload measured against itself on one VM.</summary>
public sealed record VMCalibration
{
    /// <summary>The VM's name (libvirt: domain name).</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection that the VM was reached by.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The runs, all of the unchanged VM.</summary>
    public required VMPerformance Performance { get; init; }

    /// <summary>What was run.</summary>
    public WorkloadRequest Workload => Performance.Workload;

    /// <summary>How many runs count.</summary>
    public int Runs => Performance.CountedRuns.Count;

    /// <summary>The spread from run to run of the primary metric, as a standard deviation in per cent.</summary>
    public required double NoisePercent { get; init; }

    /// <summary>The spread of the difference of two runs that follow each other, as a standard deviation in per cent: what pairs are judged by.</summary>
    public required double PairNoisePercent { get; init; }

    /// <summary>What 8, 12 and 20 pairs, and as many runs a side one side after the other, can show.</summary>
    public required IReadOnlyList<CalibratedReach> Reach { get; init => field = Items.Of(value); }

    /// <summary>The seed of the coin that dealt the two runs of each pair of <see cref="PairCheck"/> to the sides.</summary>
    public int Seed { get; init; }

    /// <summary>Runs that follow each other as pairs, dealt by coin: nothing was changed, so "improved" or "regressed" would be a false alarm.</summary>
    public required VMComparison PairCheck { get; init; }

    /// <summary>The first half against the second, as a plain sequence: a difference here is drift of the host.</summary>
    public required VMComparison SequenceCheck { get; init; }

    /// <summary>True where a check claimed a difference although nothing was changed.</summary>
    public bool IsFalseAlarm => IsClaim(PairCheck.Verdict) || IsClaim(SequenceCheck.Verdict);

    /// <summary>The result in words.</summary>
    public required string Sentence { get; init; }

    /// <summary>Whether a verdict claims a difference.</summary>
    internal static bool IsClaim(Verdict verdict) => verdict is Verdict.Improved or Verdict.Regressed or Verdict.Mixed;

    /// <summary>For example <c>db01: 6.1 % in 8 pairs (59 s)</c>.</summary>
    public override string ToString() => $"{VMName}: {Sentence}";
}
