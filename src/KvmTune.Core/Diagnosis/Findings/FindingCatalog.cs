// All kinds of findings, in the order of the search.
namespace KvmTune.Diagnosis.Findings;

/// <summary>The kinds of findings of all areas.</summary>
public static class FindingCatalog
{
    /// <summary>Every kind of finding of the engine.</summary>
    public static IReadOnlyList<FindingKind> All { get; } =
        [.. GeneralFindings.All, .. CpuFindings.All, .. ThreadFindings.All, .. CpuModelFindings.All, .. DiskFindings.All, .. MemoryFindings.All, .. NetworkFindings.All];
}
