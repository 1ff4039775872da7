// All rules, in the order in which a plan shows them.
namespace KvmTune.Tuning.Rules;

/// <summary>The rules of all areas.</summary>
public static class RuleCatalog
{
    /// <summary>Every rule of the engine.</summary>
    public static IReadOnlyList<TuningRule> All { get; } =
    [
        .. ScopeRules.All, .. CpuRules.All, .. CpuModelRules.All, .. NumaRules.All, .. DiskRules.All, .. DiskIOThreadRules.All, .. DiskThrottleRules.All, .. MemoryRules.All,
        .. NetworkRules.All,
    ];

    /// <summary>The results of all rules that apply to a change.</summary>
    /// <param name="context">The facts.</param>
    /// <param name="only">Only rules of this severity; null for all.</param>
    public static IReadOnlyList<RuleFinding> Judge(RuleContext context, RuleSeverity? only = null)
    {
        // A combined change is checked as a whole and in its parts, but the general rules check only the whole. Equal findings count once.
        var parts = context.Change.Parts.Where(part => !ReferenceEquals(part, context.Change)).Select(context.For).ToList();
        return
        [
            .. (from rule in All
                where only is null || rule.Severity == only
                from facts in rule.Area == TuningArea.General ? [context] : parts.Prepend(context)
                let check = rule.Check(facts)
                where check is not null
                select new RuleFinding(rule.Id, rule.Area, rule.Severity, check.IsKept, check.Evidence, rule.Reason, rule.Source)).Distinct(),
        ];
    }
}
