// A change with its effects if it were applied: the differences, the rules, the virsh equivalent.
using KvmTune.Topology;
using KvmTune.Tuning.Rules;

namespace KvmTune.Tuning;

/// <summary>A setting before and after a change.</summary>
/// <param name="Setting">The setting in words, for example <c>disk vdb cache</c>.</param>
/// <param name="Before">The value before; null if it was not set.</param>
/// <param name="After">The value after; null if it is not set.</param>
/// <param name="Where">The place of the change: the running VM, the persistent configuration, or both.</param>
public sealed record SettingDifference(string Setting, string? Before, string? After, ChangeScope Where)
{
    /// <summary>For example <c>disk vdb cache: (not set) -> none</c>.</summary>
    public override string ToString() => $"{Setting}: {Before ?? "(not set)"} -> {After ?? "(not set)"}";
}

/// <summary>The plan of one change of one VM. It changes nothing until it is applied.</summary>
public record VMTuningPlan
{
    /// <summary>The VM's name.</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The libvirt connection to the VM.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The area of the change.</summary>
    public TuningArea Area => Change.Area;

    /// <summary>The change in words.</summary>
    public string Title => TerminalText.Line(Change.Title);

    /// <summary>The change itself.</summary>
    public required VMChange Change { get; init; }

    /// <summary>Whether the running VM is changed.</summary>
    public required bool ChangesRunning { get; init; }

    /// <summary>Whether the persistent configuration is changed.</summary>
    public required bool ChangesConfiguration { get; init; }

    /// <summary>Whether the change is in force only after a restart of the VM.</summary>
    public required bool RequiresRestart { get; init; }

    /// <summary>The preparation of the host; null for none.</summary>
    public HostPreparation? Preparation { get; init; }

    /// <summary>The settings that change. Empty if the VM already has these settings.</summary>
    public required IReadOnlyList<SettingDifference> Differences { get; init => field = Items.Of(value); }

    /// <summary>The results of the rules, kept and broken.</summary>
    public required IReadOnlyList<RuleFinding> Findings { get; init => field = Items.Of(value); }

    /// <summary>The difference in the domain XML, as lines that begin with <c>-</c> and <c>+</c>.</summary>
    public string XmlDifference { get => field ?? Texts?.Value.XmlDifference ?? string.Empty; init; }

    /// <summary>The equivalent virsh commands, one per line.</summary>
    public string VirshCommand { get => field ?? Texts?.Value.VirshCommand ?? string.Empty; init; }

    /// <summary>False if the VM already is as requested.</summary>
    public required bool HasChanges { get; init; }

    /// <summary>The broken rules that forbid the change.</summary>
    public IReadOnlyList<RuleFinding> Errors => Broken(RuleSeverity.Error);

    /// <summary>The broken rules that need a confirmation by the user: data or a service is at risk.</summary>
    public IReadOnlyList<RuleFinding> Confirmations => Broken(RuleSeverity.Confirm);

    /// <summary>The broken rules that only cause a warning.</summary>
    public IReadOnlyList<RuleFinding> Warnings => Broken(RuleSeverity.Warning);

    /// <summary>
    /// The findings in short: <c>ok</c>, the number of risks and warnings, the rule that forbids the change, or that nothing or only a restart is
    /// left to do.
    /// </summary>
    public string Judgement =>
        Errors.Count > 0 ? $"forbidden: {Errors[0].RuleId}"
        : !HasChanges ? RequiresRestart ? "waits for restart" : "nothing to do"
        : string.Join(", ", new[] { Number(Confirmations.Count, "risk"), Number(Warnings.Count, "warning") }.OfType<string>()) is { Length: > 0 } text ? text : "ok";

    /// <summary>The two texts, created on first use: they cost as much as the rest of the plan, and few plans of a host are displayed.</summary>
    internal Lazy<PlanTexts>? Texts { get; init; }

    /// <summary>The VM's documents that the plan was made on.</summary>
    internal VMSnapshot Snapshot { get; init; } = new(null, null);

    /// <summary>The host's CPUs when the plan was last checked.</summary>
    internal VMHostTopology? HostCpus { get; init; }

    /// <summary>The configuration after the change.</summary>
    internal VMConfiguration? After { get; init; }

    /// <summary>For example <c>db01: pin vCPU 0 to host CPU 2</c>.</summary>
    public sealed override string ToString() => TerminalText.Line($"{VMName}: {Change.Title}");

    private static string? Number(int count, string noun) => count == 0 ? null : FormattableString.Invariant($"{count} {noun}{(count > 1 ? "s" : null)}");

    private Items<RuleFinding> Broken(RuleSeverity severity) =>
        Findings.Where(finding => !finding.IsKept && finding.Severity == severity).ToItems();
}

/// <summary>The texts of a plan for the user, beside its differences.</summary>
/// <param name="XmlDifference">See <see cref="VMTuningPlan.XmlDifference"/>.</param>
/// <param name="VirshCommand">See <see cref="VMTuningPlan.VirshCommand"/>.</param>
internal sealed record PlanTexts(string XmlDifference, string VirshCommand);

/// <summary>A VM's documents at one moment.</summary>
/// <param name="Running">The running document; null when the VM does not run.</param>
/// <param name="Persistent">The persistent document with security information; null for a transient VM, or if only the running VM is changed.</param>
internal sealed record VMSnapshot(DomainDocument? Running, DomainDocument? Persistent)
{
    /// <summary>Whether it is off with its state saved.</summary>
    public bool HasManagedSave { get; init; }

    /// <summary>Whether the device of a setting is only in the configuration, so that the running VM gets it at its next start.</summary>
    public bool AwaitsDeviceOf(SettingPath path) =>
        Running is { } running && !running.HasDeviceOf(path) && Persistent?.HasDeviceOf(path) == true;

    /// <summary>The facts for the rules.</summary>
    public VMFacts ToFacts() => new(Running is not null, Persistent is not null, Running?.ToConfiguration(), Persistent?.ToConfiguration())
    {
        HasManagedSave = HasManagedSave,
    };
}
