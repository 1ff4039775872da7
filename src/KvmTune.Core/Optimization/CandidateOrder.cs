// Orders the findings to try against a bottleneck: those with the largest expected effect and the least cost come first.
using KvmTune.Diagnosis;
using KvmTune.Tuning;

namespace KvmTune.Optimization;

/// <summary>Orders candidates.</summary>
public static class CandidateOrder
{
    /// <summary>
    /// The findings of the slow area that matter for the workload, in this order: first those of the part that shows the bottleneck; the
    /// graver ones before the others; and of equally grave ones those without a restart first.
    /// </summary>
    /// <param name="findings">The findings of the VM.</param>
    /// <param name="area">The area that holds it back.</param>
    /// <param name="subject">The part of the VM that shows it, for example <c>disk vdb</c>; null where that is not known.</param>
    /// <param name="workload">The workload that judges the changes.</param>
    public static IReadOnlyList<VMTuningFinding> Of(IEnumerable<VMTuningFinding> findings, TuningArea area, string? subject, string workload) =>
    [
        .. findings
            .Where(finding => finding.Area == area && MattersFor(finding, workload))
            .OrderBy(finding => string.Equals(finding.Subject, subject, StringComparison.OrdinalIgnoreCase) ? 0 : 1)
            .ThenBy(finding => finding.Severity)
            .ThenBy(finding => finding.Plan is { RequiresRestart: true } ? 1 : 0),
    ];

    // It is not known which findings matter for the user's own program or load, so all count.
    private static bool MattersFor(VMTuningFinding finding, string workload) =>
        !WorkloadKinds.Any.Contains(workload, StringComparer.OrdinalIgnoreCase) || finding.Workloads.Contains(workload, StringComparer.OrdinalIgnoreCase);
}
