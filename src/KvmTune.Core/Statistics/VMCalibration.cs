// How small a change a workload can show on a VM, found by measuring the unchanged VM and comparing it with itself.
using KvmTune.Measurement;

namespace KvmTune.Statistics;

/// <summary>How small a change an experiment of one design and size can show, and how long it takes.</summary>
/// <param name="Design">The order of the runs of the two sides.</param>
/// <param name="Count">The number of pairs, or of runs a side.</param>
/// <param name="DetectablePercent">The smallest shift that is found 4 times in 5, in per cent; never below the practical threshold.</param>
/// <param name="TimeSeconds">How long it takes, in seconds.</param>
public sealed record CalibratedReach(ComparisonDesign Design, int Count, double? DetectablePercent, double TimeSeconds)
{
    /// <summary>For example <c>Pairs 8: 6.1 % in 59 s</c>.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"{Design} {Count}: {(DetectablePercent is { } percent ? FormattableString.Invariant($"{percent:0.#} %") : "nothing")} in {TimeSeconds:0} s");
}

/// <summary>A workload on one unchanged VM, compared with itself.</summary>
public sealed record VMCalibration
{
    /// <summary>The VM's name (libvirt: domain name).</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The URI of the libvirt connection to the VM.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The runs, all on the unchanged VM.</summary>
    public required VMPerformance Performance { get; init; }

    /// <summary>The measured workload.</summary>
    public WorkloadRequest Workload => Performance.Workload;

    /// <summary>The number of counted runs.</summary>
    public int Runs => Performance.CountedRuns.Count;

    /// <summary>The spread from run to run of the primary metric, as a standard deviation in per cent.</summary>
    public required double NoisePercent { get; init; }

    /// <summary>The spread of the difference of two consecutive runs, as a standard deviation in per cent. It limits a comparison in pairs.</summary>
    public required double PairNoisePercent { get; init; }

    /// <summary>What 8, 12 and 20 pairs can show, and the same numbers of runs a side, one side after the other.</summary>
    public required IReadOnlyList<CalibratedReach> Reach { get; init => field = Items.Of(value); }

    /// <summary>The seed of the coin that assigned the two runs of each pair of <see cref="PairCheck"/> to the sides.</summary>
    public int Seed { get; init; }

    /// <summary>Consecutive runs as pairs, assigned by the coin. Nothing was changed, so "improved" or "regressed" is a false alarm.</summary>
    public required VMComparison PairCheck { get; init; }

    /// <summary>The first half of the runs against the second, as a plain sequence. A difference here is drift of the host.</summary>
    public required VMComparison SequenceCheck { get; init; }

    /// <summary>True if a check claimed a difference although nothing was changed.</summary>
    public bool IsFalseAlarm => IsClaim(PairCheck.Verdict) || IsClaim(SequenceCheck.Verdict);

    /// <summary>The result in words.</summary>
    public required string Sentence { get; init; }

    /// <summary>Whether a verdict claims a difference.</summary>
    internal static bool IsClaim(Verdict verdict) => verdict is Verdict.Improved or Verdict.Regressed or Verdict.Mixed;

    /// <summary>For example <c>db01: 6.1 % in 8 pairs (59 s)</c>.</summary>
    public override string ToString() => $"{VMName}: {Sentence}";
}
