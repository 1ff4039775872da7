// The autopilot of the method: find the slow area, try one change after the other against it, keep those that help, diagnose again, and stop.
using System.Globalization;
using KvmTune.Diagnosis;
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Experiments;
using KvmTune.Measurement;
using KvmTune.Tuning;

namespace KvmTune.Optimization;

/// <summary>What an optimization may do.</summary>
public sealed record OptimizationOptions
{
    /// <summary>How long it may take in all; null for as long as it needs. No experiment begins that could not end in time.</summary>
    public TimeSpan? TimeLimit { get; init; }

    /// <summary>The only area to optimize; null for the one that holds the VM back.</summary>
    public TuningArea? Area { get; init; }

    /// <summary>Whether the VM may be restarted. If not, changes that need a restart are skipped.</summary>
    public bool Restart { get; init; }
}

/// <summary>Optimizes VMs. Only measured improvements are kept.</summary>
/// <param name="time">The clock.</param>
public sealed class VMOptimizer(TimeProvider time)
{
    /// <summary>
    /// Optimizes one VM: diagnoses it, tries the findings of the slow area one after the other, keeps improvements, and diagnoses again
    /// after each kept change. It ends when no area is slow, nothing is left to try, or the time is over.
    /// </summary>
    /// <param name="subject">The VM.</param>
    /// <param name="options">What it may do.</param>
    /// <param name="accept">Is asked before a change that needs confirmation (data at risk); false skips the change.</param>
    /// <param name="tried">Gets each finished experiment.</param>
    /// <param name="progress">Gets each step.</param>
    /// <param name="cancellationToken">Ends it: the change under trial is taken back, kept changes stay.</param>
    /// <exception cref="KvmTuneException">The VM could not be watched or looked at, or a change could not be taken back.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task<VMOptimization> RunAsync(
        IOptimizationSubject subject,
        OptimizationOptions options,
        Func<VMTuningPlan, Task<bool>> accept,
        Action<VMExperiment> tried,
        IProgress<MeasurementProgress>? progress,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(subject);
        var (startedAt, started) = (time.GetUtcNow(), time.GetTimestamp());
        var diagnoses = new List<VMBottleneckReport>();
        var steps = new List<OptimizationStep>();
        var seen = new HashSet<(string Id, string Subject)>();
        TimeSpan? Left() => options.TimeLimit - time.GetElapsedTime(started);
        while (true)
        {
            if (diagnoses.Count > 0 && Left() is { Ticks: <= 0 })
            {
                return Ledger(OptimizationOutcome.TimeLimitReached, TimeIsOver(options));
            }

            var report = await subject.DiagnoseAsync(progress, cancellationToken);
            diagnoses.Add(report);
            if (AreaOf(report, options) is not { } area)
            {
                return Ledger(OptimizationOutcome.LeftAlone, options.Area is { } only && report.Area is not null ? $"The {only} does not hold the VM back. {report.Verdict}" : report.Verdict);
            }

            // With -Area, the report's first cause may be of another area.
            var ways = WaysToLift(area == report.Area ? report.Cause : report.Of(area).Cause);
            var candidates = CandidateOrder.Of(await subject.LookAsync(cancellationToken), area, report.Subject, subject.Workload);
            var hasKept = false;
            foreach (var candidate in candidates)
            {
                if (!seen.Add((candidate.Id, candidate.Subject)))
                {
                    continue;
                }

                if (ways is not null)
                {
                    // A try would cost minutes, and chance could call it an improvement.
                    steps.Add(new OptimizationStep
                    {
                        Round = diagnoses.Count,
                        Finding = candidate,
                        Decision = CandidateDecision.Skipped,
                        Reason = candidate.Plan is null && candidate.NoPlanReason is { } known ? known : $"A limit holds the VM back, and this change does not lift it. To lift it, use {ways}.",
                    });
                    continue;
                }

                if (Left() is { Ticks: <= 0 })
                {
                    return Ledger(OptimizationOutcome.TimeLimitReached, TimeIsOver(options));
                }

                var step = await StepAsync(candidate, area);
                if (step is null)
                {
                    return Ledger(OptimizationOutcome.TimeLimitReached, TimeIsOver(options));
                }

                steps.Add(step with { Round = diagnoses.Count });
                if (step.Decision == CandidateDecision.Kept)
                {
                    hasKept = true;
                    break;
                }
            }

            if (!hasKept)
            {
                return steps.Exists(step => step.Experiment is not null)
                    ? Ledger(OptimizationOutcome.NothingHelped, $"{report.Verdict}. What was tried against it did not help.")
                    : Ledger(OptimizationOutcome.NothingToTry, ways is not null
                        ? $"{report.Verdict}. Somebody set that limit, perhaps on purpose. To lift it, use {ways}."
                        : $"{report.Verdict}. There is no change to try against it.");
            }
        }

        async Task<OptimizationStep?> StepAsync(VMTuningFinding finding, TuningArea area)
        {
            OptimizationStep Done(CandidateDecision decision, string reason, VMExperiment? experiment = null) =>
                new() { Round = 0, Finding = finding, Decision = decision, Reason = reason, Experiment = experiment };

            if (finding.Plan is not { } plan)
            {
                return Done(CandidateDecision.Skipped, finding.NoPlanReason ?? "There is no change for it.");
            }

            if (plan.RequiresRestart && !options.Restart)
            {
                return Done(CandidateDecision.Skipped, "It needs restarts of the VM, which were not allowed (-Restart).");
            }

            if (plan.Confirmations.Count > 0 && !await accept(plan))
            {
                return Done(CandidateDecision.Skipped, $"It was not confirmed. {string.Join(' ', plan.Confirmations.Select(confirmation => confirmation.Evidence))}");
            }

            try
            {
                var experiment = await subject.TryAsync(plan, area, Left(), progress, cancellationToken);
                tried(experiment);
                return Done(experiment.Decision == ExperimentDecision.Kept ? CandidateDecision.Kept : CandidateDecision.Undone, experiment.Reason, experiment);
            }
            catch (KvmTuneException exception) when (exception.ErrorId is "TimeLimitTooShort")
            {
                return null;
            }
            catch (KvmTuneException exception) when (exception is not ExperimentInterruptedException { IsUndone: false })
            {
                return Done(CandidateDecision.Failed, exception.Message);
            }
        }

        // A kept change decides the outcome, however the optimization ended: it is the first thing that a reader wants to know.
        VMOptimization Ledger(OptimizationOutcome outcome, string reason) => new()
        {
            VMName = subject.VMName,
            VMId = subject.VMId,
            ConnectionUri = subject.ConnectionUri,
            Workload = subject.Workload,
            Outcome = steps.Exists(step => step.Decision == CandidateDecision.Kept) ? OptimizationOutcome.Improved : outcome,
            Reason = reason,
            Diagnoses = diagnoses,
            Steps = steps,
            StartedAt = startedAt,
            Elapsed = time.GetElapsedTime(started),
        };
    }

    private static TuningArea? AreaOf(VMBottleneckReport report, OptimizationOptions options) => options.Area is not { } only
        ? report.Area
        : report.Area == only || report.Of(only).IsSaturated ? only : null;

    // The command that lifts a limit, since no other change helps against it; null for other causes.
    private static string? WaysToLift(BottleneckCause? cause) => cause switch
    {
        BottleneckCause.CpuQuota => "virsh schedinfo --set",
        BottleneckCause.DiskLimit => "Set-DiskThrottle",
        BottleneckCause.NicLimit => "virsh domiftune",
        _ => null,
    };

    private static string TimeIsOver(OptimizationOptions options) => string.Create(
        CultureInfo.InvariantCulture, $"The time limit of {options.TimeLimit!.Value.TotalMinutes:0.#} minutes is over.");
}
