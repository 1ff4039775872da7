// A rule for changes, as a value: its name, reason and source, and the check itself.
namespace KvmTune.Tuning.Rules;

/// <summary>The consequence of a broken rule.</summary>
[JsonText(typeof(EnumName))]
public enum RuleSeverity
{
    /// <summary>The change is not made.</summary>
    Error,

    /// <summary>Data or a service is at risk: the change is made only after the user confirms it.</summary>
    Confirm,

    /// <summary>The change is made, and the warning is shown with its evidence.</summary>
    Warning,
}

/// <summary>One rule.</summary>
/// <param name="Id">A fixed PascalCase name; an error of this rule carries it as its id.</param>
/// <param name="Area">The area it belongs to.</param>
/// <param name="Severity">The consequence of breaking it.</param>
/// <param name="Reason">Why the rule exists, in one sentence.</param>
/// <param name="Source">Where the fact comes from: a manual, libvirt's source, or a test of ours.</param>
/// <param name="Check">Checks a change: null if the rule does not apply, otherwise whether the change keeps it, with the evidence.</param>
public sealed record TuningRule(
    string Id, TuningArea Area, RuleSeverity Severity, string Reason, string Source, Func<RuleContext, RuleCheck?> Check);

/// <summary>The result of a rule for one change.</summary>
/// <param name="IsKept">Whether the change keeps the rule.</param>
/// <param name="Evidence">What was found, with the values; for a broken rule also what to do.</param>
public sealed record RuleCheck(bool IsKept, string Evidence)
{
    /// <summary>What was found, without what to do.</summary>
    public string Observed { get; init; } = Evidence;

    /// <summary>The rule is kept.</summary>
    public static RuleCheck Kept(string evidence) => new(true, evidence);

    /// <summary>The rule is broken.</summary>
    public static RuleCheck Broken(string evidence) => new(false, evidence);

    /// <summary>Broken if there is any evidence, otherwise kept.</summary>
    public static RuleCheck BrokenBy(IReadOnlyCollection<string> evidence, string keptEvidence, string advice = "") =>
        evidence.Count == 0
            ? Kept(keptEvidence)
            : Broken($"{string.Join("; ", evidence)}. {advice}".TrimEnd()) with { Observed = string.Join("; ", evidence) };
}

/// <summary>A rule with its result for one change.</summary>
/// <param name="RuleId">The rule's name.</param>
/// <param name="Area">The rule's area.</param>
/// <param name="Severity">The consequence of breaking it.</param>
/// <param name="IsKept">Whether the change keeps it.</param>
/// <param name="Evidence">What was found.</param>
/// <param name="Reason">Why the rule exists.</param>
/// <param name="Source">Where the fact comes from.</param>
public sealed record RuleFinding(
    string RuleId, TuningArea Area, RuleSeverity Severity, bool IsKept, string Evidence, string Reason, string Source)
{
    /// <summary>For example <c>Warning PinOvercommitsHostCpu: host CPU 0 also carries vCPU 1 of 'lab2'.</c></summary>
    public override string ToString() => IsKept ? $"{RuleId} kept: {Evidence}" : $"{Severity} {RuleId}: {Evidence}";
}
