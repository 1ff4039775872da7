// Which findings are worth a try against a bottleneck, and in which order: what is likely to do most, and costs least, comes first.
using KvmTune.Diagnosis;
using KvmTune.Tuning;

namespace KvmTune.Optimization;

/// <summary>Orders candidates.</summary>
public static class CandidateOrder
{
    /// <summary>
    /// The findings of the slow area that matter for the workload, in the order of expected effect: those of the very part that shows the
    /// bottleneck first, then by severity, then those that need no restart.
    /// </summary>
    /// <param name="findings">What was found in the VM.</param>
    /// <param name="area">The area that holds it back.</param>
    /// <param name="subject">The part of the VM that shows it, for example <c>disk vdb</c>; null where that is not known.</param>
    /// <param name="workload">What judges the changes.</param>
    public static IReadOnlyList<VMTuningFinding> Of(IEnumerable<VMTuningFinding> findings, TuningArea area, string? subject, string workload) =>
    [
        .. findings
            .Where(finding => finding.Area == area && MattersFor(finding, workload))
            .OrderBy(finding => string.Equals(finding.Subject, subject, StringComparison.OrdinalIgnoreCase) ? 0 : 1)
            .ThenBy(finding => finding.Severity)
            .ThenBy(finding => finding.Plan is { RequiresRestart: true } ? 1 : 0),
    ];

    // Nobody knows for the user's own program or load what matters to it.
    private static bool MattersFor(VMTuningFinding finding, string workload) =>
        !WorkloadKinds.Any.Contains(workload, StringComparer.OrdinalIgnoreCase) || finding.Workloads.Contains(workload, StringComparer.OrdinalIgnoreCase);
}
