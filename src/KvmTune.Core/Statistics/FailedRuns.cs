// Compares the failed runs. A side that fails more often did not improve, however fast its good runs were.
using System.Globalization;
using KvmTune.Measurement;
using MathNet.Numerics.Distributions;

namespace KvmTune.Statistics;

/// <summary>How many runs failed on either side.</summary>
/// <param name="Baseline">The failed runs without the change, with warm-up runs.</param>
/// <param name="BaselineRuns">All runs without the change.</param>
/// <param name="Candidate">The failed runs with the change, with warm-up runs.</param>
/// <param name="CandidateRuns">All runs with the change.</param>
/// <param name="PValue">
/// How likely it is by chance that at least this many of the failures are the candidate's (Fisher's exact test, one-sided: "The logic of
/// inductive inference", J. R. Stat. Soc. 98 (1935) 39–82).
/// </param>
public sealed record FailedRuns(int Baseline, int BaselineRuns, int Candidate, int CandidateRuns, double PValue)
{
    /// <summary>Whether the candidate failed more often, as a share of its runs. Then it did not improve.</summary>
    public bool IsMoreOften => (long)Candidate * BaselineRuns > (long)Baseline * CandidateRuns;

    /// <summary>Whether it failed more often than chance explains at 5 %. Then it got worse.</summary>
    public bool IsWorse => IsMoreOften && PValue <= LookPlan.FixedAlpha;

    /// <summary>Counts the runs of two measurements.</summary>
    public static FailedRuns Of(VMPerformance baseline, VMPerformance candidate)
    {
        ArgumentNullException.ThrowIfNull(baseline);
        ArgumentNullException.ThrowIfNull(candidate);
        var (before, after) = (Failures(baseline), Failures(candidate));
        var all = baseline.Runs.Count + candidate.Runs.Count;
        var pValue = after == 0 ? 1 : Math.Min(1, 1 - Hypergeometric.CDF(all, before + after, candidate.Runs.Count, after - 1));
        return new(before, baseline.Runs.Count, after, candidate.Runs.Count, pValue);

        static int Failures(VMPerformance side) => side.Runs.Count(run => run.Failure is not null);
    }

    /// <summary>For example <c>3 of 12 runs failed with the change, and none of 9 without it</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Candidate} of {CandidateRuns} runs failed with the change, and {(Baseline == 0 ? "none" : Baseline)} of {BaselineRuns} without it");
}
