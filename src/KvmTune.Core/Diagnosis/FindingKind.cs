// A kind of finding as a value: its name, why it matters, the source of that, and the function that looks for it.
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Diagnosis;

/// <summary>One kind of finding.</summary>
/// <param name="Id">A fixed PascalCase name.</param>
/// <param name="Area">The area it belongs to.</param>
/// <param name="Severity">How grave it is.</param>
/// <param name="Workloads">The workloads for which it matters, by name.</param>
/// <param name="Reason">Why it matters, in one sentence.</param>
/// <param name="Source">The source of the reason: a manual, libvirt's source code, or a trial.</param>
/// <param name="Look">Looks at a VM: an observation for each part of it that shows the finding, none where all is well.</param>
public sealed record FindingKind(
    string Id, TuningArea Area, FindingSeverity Severity, IReadOnlyList<string> Workloads, string Reason, string Source,
    Func<FindingContext, IEnumerable<FindingObservation>> Look);

/// <summary>What a kind of finding saw in one VM.</summary>
/// <param name="Subject">The part of the VM, for example <c>disk vdb</c>.</param>
/// <param name="Evidence">The values that it rests on.</param>
/// <param name="Suggestion">What to try; it begins with "Try".</param>
/// <param name="Remedy">The change that would address it, or why there is none.</param>
public sealed record FindingObservation(string Subject, IReadOnlyList<FindingEvidence> Evidence, string Suggestion, FindingRemedy Remedy);

/// <summary>The change that would address an observation, or why there is none.</summary>
public sealed record FindingRemedy
{
    private FindingRemedy()
    {
    }

    /// <summary>Makes the change, from the persistent configuration as it is when the plan is made; null where there is none.</summary>
    public Func<DomainDocument, VMChange>? MakeChange { get; private init; }

    /// <summary>Why there is no change; null where there is one.</summary>
    public string? NoChangeReason { get; private init; }

    /// <summary>A change that does not depend on the rest of the configuration.</summary>
    public static FindingRemedy By(VMChange change) => new() { MakeChange = _ => change };

    /// <summary>A change that depends on the present configuration.</summary>
    public static FindingRemedy By(Func<DomainDocument, VMChange> make) => new() { MakeChange = make };

    /// <summary>No change.</summary>
    public static FindingRemedy None(string because) => new() { NoChangeReason = because };
}
