// The common part of all cmdlets that apply a plan: show warnings, ask, apply, emit the result.
using System.Globalization;
using System.Management.Automation;
using KvmTune.Tuning;
using KvmTune.Tuning.Rules;

namespace KvmTune.Cmdlets.Common;

/// <summary>Applies plans on behalf of a cmdlet.</summary>
internal static class PlanApplication
{
    // This warning is about the host and does not depend on the change, so it is shown once a session.
    private static readonly string SharedHost = CpuRules.PinningTakesFreedom.Id;

    /// <summary>Applies a plan after asking, and emits the result.</summary>
    /// <exception cref="KvmTuneException">A rule forbids it, or it could not be applied.</exception>
    public static void Apply(CancellableCmdlet cmdlet, VMTuner tuner, VMTuningPlan plan, bool force, ApplyOptions options)
    {
        if (PlanCollector.Current is { } collector)
        {
            // Inside -Change of Invoke-VMExperiment, which measures before it changes anything.
            collector.Add(plan);
            cmdlet.WriteObject(plan);
            return;
        }

        VMPlanner.RefuseErrors(plan);
        Show(cmdlet, plan, unmeasured: () => Unmeasured(plan, options));
        var way = WayOf(cmdlet, tuner.Planner, plan, options.Restart, options.RestartOptions);
        if (cmdlet.ShouldProcess(Description(plan, way), Question(plan, way), "KvmTune") && IsAccepted(cmdlet, plan, force))
        {
            var result = cmdlet.Await((post, token) => new RestartProgress(cmdlet, plan.VMName, plan.VMId).ShowAsync(
                post,
                progress => tuner.ApplyAsync(plan, options with { Way = way, RestartOptions = options.RestartOptions with { Progress = progress } }, token)));
            Emit(cmdlet, result);
        }
    }

    /// <summary>The way to restart the VM; null if it would not be restarted.</summary>
    /// <exception cref="KvmTuneException">The user requires a suspend, which is not possible (<c>CannotSuspend</c>).</exception>
    public static RestartWay? WayOf(CancellableCmdlet cmdlet, VMPlanner planner, VMTuningPlan plan, bool restart, RestartOptions options)
    {
        if (!plan.RequiresRestart)
        {
            return null;
        }

        if (!restart)
        {
            if (cmdlet.MyInvocation.BoundParameters.ContainsKey(nameof(RestartingCmdlet.RestartBy)))
            {
                cmdlet.WriteWarning($"{plan.VMName}: -RestartBy has no effect without -Restart. '{plan.Title}' waits for the VM's next start.");
            }

            return null;
        }

        var way = planner.WayOf(plan, options);
        cmdlet.WriteVerbose($"{plan.VMName}: {way.Description}.");
        return way;
    }

    /// <summary>Emits a result, with a warning for each failed verification and each open task.</summary>
    public static void Emit(CancellableCmdlet cmdlet, VMTuningResult result)
    {
        WarnOfOpen(cmdlet, result);
        cmdlet.WriteObject(result);
    }

    /// <summary>Warns of each failed verification and each open task.</summary>
    public static void WarnOfOpen(CancellableCmdlet cmdlet, VMTuningResult result)
    {
        foreach (var open in result.Verifications.Where(verification => !verification.IsMet).Select(verification => verification.ToString()).Concat(result.Notes))
        {
            cmdlet.WriteWarning($"{result.VMName}: {open}");
        }
    }

    // After two changes without a measurement between them, a measurement cannot show which of the two had the effect.
    private static string? Unmeasured(VMTuningPlan plan, ApplyOptions options)
    {
        if (!plan.HasChanges || options is not { ExperimentId: null, Undoes: null } || Journals.Current.UnmeasuredChange(plan.VMId) is not { } first)
        {
            return null;
        }

        var id = first.Id.ToString(CultureInfo.InvariantCulture);
        return $"Entry {id}, '{first.Title}' of {first.StartedAt.ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)}, was not measured yet. After a second change a measurement shows only the effect of both: measure first (Measure-VMPerformance), or take it back (Undo-VMTuning -Id {id}).";
    }

    /// <summary>
    /// Shows the findings of a plan. All warnings form one paragraph. A warning that does not depend on the change is shown once a session.
    /// No warning is shown if nothing changes or if -WhatIf prints the warnings with the plan.
    /// </summary>
    /// <param name="cmdlet">The cmdlet that warns.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="risks">Risks about which the cmdlet warns, since it does not ask; null for none.</param>
    /// <param name="unmeasured">The warning, once a session, about an earlier change that was not measured; null for none.</param>
    public static void Show(CancellableCmdlet cmdlet, VMTuningPlan plan, IReadOnlyList<RuleFinding>? risks = null, Func<string?>? unmeasured = null)
    {
        foreach (var finding in plan.Findings.Where(finding => finding.IsKept))
        {
            cmdlet.WriteVerbose($"{plan.VMName}: {finding}");
        }

        var warnings = cmdlet.IsWhatIf || !plan.HasChanges ? [] : (risks ?? []).Concat(plan.Warnings)
            .Where(warning => warning.RuleId != SharedHost || SessionWarnings.IsFirst(plan, warning.RuleId))
            .Select(Warning).ToList();
        if (!cmdlet.IsWhatIf && !SessionWarnings.IsGiven(plan, nameof(Unmeasured)) && unmeasured?.Invoke() is { } change && SessionWarnings.IsFirst(plan, nameof(Unmeasured)))
        {
            warnings.Add(change);
        }

        if (warnings.Count > 0)
        {
            cmdlet.WriteWarning($"{plan.VMName}: {string.Join(' ', warnings)}");
        }

        if (plan.HasChanges)
        {
            cmdlet.WriteVerbose($"{plan.VMName}: the same with virsh:\n{plan.VirshCommand}");
        }
        else
        {
            cmdlet.WriteVerbose(AlreadyThere(plan));
        }
    }

    /// <summary>Asks for consent if data or a service is at risk.</summary>
    /// <exception cref="KvmTuneException">The session cannot ask.</exception>
    public static bool IsAccepted(CancellableCmdlet cmdlet, VMTuningPlan plan, bool force)
    {
        if (force || plan.Confirmations.Count == 0 || !plan.HasChanges)
        {
            return true;
        }

        var risks = string.Join(' ', plan.Confirmations.Select(confirmation => confirmation.Evidence));
        return cmdlet.Consents($"{risks}\n\nContinue?", $"{plan.VMName}: {plan.Title}", cause => new KvmTuneException(
            plan.Confirmations[0].RuleId, KvmTuneErrorCategory.PermissionDenied,
            $"{risks} This session cannot ask for confirmation, so nothing was done. Add -Force to do it.", cause));
    }

    /// <summary>A plan as -WhatIf prints it.</summary>
    public static string Description(VMTuningPlan plan, RestartWay? way)
    {
        if (!plan.HasChanges)
        {
            return AlreadyThere(plan);
        }

        var lines = new List<string> { $"{plan.VMName}: {plan.Title}" };
        if (plan.Preparation is { } preparation)
        {
            lines.Add($"  first, on the host: {preparation.Title}");
        }

        lines.AddRange(plan.Differences.Select(difference => $"  {difference}{Where(difference.Where)}"));
        lines.AddRange(plan.XmlDifference.Split('\n').Select(line => "  " + line));
        lines.AddRange(plan.Confirmations.Concat(plan.Warnings).Select(finding => $"  {finding}"));
        lines.Add((plan.RequiresRestart, way) switch
        {
            (false, _) when !plan.ChangesRunning => "  in force when the VM is started",
            (false, _) => "  in force at once, without a restart",
            (true, null) => "  in force only after a restart of the VM (-Restart)",
            (true, _) => $"  {way.Description}, then it is in force",
        });
        // Not indented: a here-document must end at the start of a line.
        lines.Add($"  the same with virsh:\n{plan.VirshCommand}");
        return string.Join('\n', lines);
    }

    /// <summary>A finding in a warning.</summary>
    public static string Warning(RuleFinding finding) => $"{Sentence(finding.Evidence)} ({finding.RuleId})";

    // Evidence is one sentence without a full stop, or several sentences that end with one.
    private static string Sentence(string evidence) => evidence.EndsWith('.') ? evidence : $"{evidence}.";

    private static string AlreadyThere(VMTuningPlan plan) => plan.RequiresRestart
        ? $"{plan.VMName}: configured already, in force only after a restart of the VM (-Restart): {plan.Title}."
        : $"{plan.VMName}: nothing to do, the VM already has this setting: {plan.Title}.";

    /// <summary>A plan as a question.</summary>
    public static string Question(VMTuningPlan plan, RestartWay? way) => $"{plan.VMName}: {plan.Title}{And(way)}?";

    /// <summary>The part of a question about a restart.</summary>
    public static string? And(RestartWay? way) => way?.By switch
    {
        null => null,
        RestartBy.Suspend => ", and suspend and resume the guest",
        _ => ", and restart the VM",
    };

    private static string Where(ChangeScope where) => where switch
    {
        ChangeScope.Live => "  (running VM)",
        ChangeScope.Config => "  (persistent configuration)",
        _ => null,
    } ?? string.Empty;
}
