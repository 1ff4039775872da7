// The second half of the one path for every change: a plan is judged again, journalled, applied and verified. Outside it, only DomainRestart,
// VMStateGuard and TuningUndo (the end of a dead process's suspend) write to a VM.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tuning;

/// <summary>The options for applying a plan.</summary>
public sealed record ApplyOptions
{
    /// <summary>Whether the VM is restarted if the change needs it.</summary>
    public bool Restart { get; init; }

    /// <summary>The options of a restart.</summary>
    public RestartOptions RestartOptions { get; init; } = new();

    /// <summary>
    /// The way of the restart, if it was chosen and displayed before (<see cref="VMPlanner.WayOf(VMTuningPlan, RestartOptions)"/>); null to choose it
    /// now.
    /// </summary>
    public RestartWay? Way { get; init; }

    /// <summary>The measurement that the change follows; it travels on with the result.</summary>
    public IChangeBaseline? Baseline { get; init; }

    /// <summary>The experiment that the change is part of; groups its entries in the journal.</summary>
    public Guid? ExperimentId { get; init; }

    /// <summary>The journal entry that the change takes back; null for an ordinary change.</summary>
    public long? Undoes { get; init; }
}

/// <summary>Applies plans for one VM.</summary>
/// <param name="planner">The VM's planner, which checks each plan again.</param>
/// <param name="time">The clock.</param>
/// <param name="journal">Where changes are recorded before they are made.</param>
public sealed partial class VMTuner(VMPlanner planner, TimeProvider time, IChangeJournal journal)
{
    /// <summary>The VM's planner.</summary>
    public VMPlanner Planner => planner;

    /// <summary>Checks a plan again, applies it, and reads the resulting settings back.</summary>
    /// <exception cref="KvmTuneException">
    /// A rule forbids the change (the rule's id), somebody else changed the same settings since (<c>ConcurrentEdit</c>), libvirt refuses, or
    /// the settings are not as requested afterwards (<c>ChangeNotEffective</c>). The completed steps are taken back in every case. Before
    /// anything is changed: another process is changing the VM (<c>VMIsBeingTuned</c>), or the journal cannot record the change
    /// (<c>JournalUnavailable</c>).
    /// </exception>
    public async Task<VMTuningResult> ApplyAsync(VMTuningPlan plan, ApplyOptions options, CancellationToken cancellationToken)
    {
        var started = time.GetUtcNow();
        try
        {
            using var record = await journal.HoldAsync(plan, cancellationToken);
            var domain = planner.Domain();
            var checkedPlan = planner.CheckQuickly(plan) ?? planner.CheckAnew(plan, planner.Read(plan.Change.Scope));
            VMPlanner.RefuseErrors(checkedPlan);
            VMPlanner.RefuseNewRisks(plan, checkedPlan);
            if (!checkedPlan.HasChanges && !(checkedPlan.RequiresRestart && options.Restart))
            {
                return Result(checkedPlan, checkedPlan.RequiresRestart ? TuningOutcome.RestartPending : TuningOutcome.NoChange);
            }

            cancellationToken.ThrowIfCancellationRequested();
            var way = checkedPlan.RequiresRestart && options.Restart ? options.Way ?? planner.WayOf(checkedPlan, options.RestartOptions) : null;
            var application = new ChangeApplication(planner.Host, domain, checkedPlan, record);
            var id = record.Begin(new ChangeIntent
            {
                Plan = checkedPlan,
                Inverse = application.Inverse,
                Reserved = checkedPlan.Preparation?.Reserves() ?? [],
                WasRunning = checkedPlan.Snapshot.Running is not null,
                Restarts = way is not null,
                RestartBy = way?.By,
                StartedAt = started,
                BaselineId = options.Baseline?.Id,
                ExperimentId = options.ExperimentId,
                Undoes = options.Undoes,
                HostCpus = checkedPlan.Change.Parts.Any(part => part is PinChange) ? checkedPlan.HostCpus : null,
            });
            try
            {
                return record.Complete(await CarryOutAsync(checkedPlan, application, record, way, options, cancellationToken) with { JournalId = id });
            }
            catch (Exception exception)
            {
                planner.Host.NoteChange(plan.VMId);
                var cause = exception is LibvirtException refused ? LibvirtErrors.Calling(refused, plan.Title) : exception;
                record.Fail(cause, planner.IsAsBefore(checkedPlan));
                throw;
            }
        }
        catch (LibvirtException exception)
        {
            throw LibvirtErrors.Calling(exception, $"{plan.Title} ('{plan.VMName}')");
        }

        VMTuningResult Result(VMTuningPlan applied, TuningOutcome outcome) => new()
        {
            Outcome = outcome,
            Plan = applied,
            AppliedAt = started,
            Elapsed = time.GetUtcNow() - started,
            Baseline = options.Baseline,
        };

        async Task<VMTuningResult> CarryOutAsync(
            VMTuningPlan checkedPlan, ChangeApplication application, IChangeRecord record, RestartWay? way, ApplyOptions options, CancellationToken cancellationToken)
        {
            record.Reach(ChangeStep.Intended);
            var verifications = new List<Verification>();
            IReadOnlyList<string> notes = [];
            RestartOutcome? restart = null;
            if (checkedPlan.Preparation is { } preparation)
            {
                verifications.AddRange(preparation.Apply());
                record.Reach(ChangeStep.Prepared);
            }

            try
            {
                if (checkedPlan.HasChanges)
                {
                    verifications.AddRange(application.Apply());
                }

                if (way is not null)
                {
                    restart = await application.RestartAsync(way, options.RestartOptions, time, cancellationToken);
                    var (seen, left) = await application.VerifyRestartedAsync(time, cancellationToken);
                    verifications.AddRange(seen);
                    notes = [.. restart.Notes, .. left];
                }
            }
            catch
            {
                checkedPlan.Preparation?.TakeBack();
                throw;
            }

            planner.Host.NoteChange(plan.VMId);
            record.Reach(ChangeStep.Verified);
            return Result(checkedPlan, checkedPlan.RequiresRestart && restart is null ? TuningOutcome.RestartPending : TuningOutcome.Applied) with
            {
                Verifications = verifications,
                Notes = notes,
                Restarted = restart is not null,
                RestartedBy = restart?.By,
                PauseSeconds = restart?.Pause?.TotalSeconds,
                RebootReason = restart?.Reason,
                Inverse = new[] { application.Inverse },
            };
        }
    }

    /// <summary>
    /// Restarts the VM of a plan that is being tried, without a change. The journal has an entry for that time: if the process ends while
    /// the VM is off, undo finds the entry and starts the VM.
    /// </summary>
    /// <exception cref="KvmTuneException">
    /// As for <see cref="VMRestarter.RestartAsync"/>; another process is changing the VM; or the journal cannot record it.
    /// </exception>
    internal async Task RestartAsync(VMTuningPlan plan, ApplyOptions options, CancellationToken cancellationToken)
    {
        using var record = await journal.HoldAsync(plan, cancellationToken);
        var domain = planner.Domain();
        var restarter = new VMRestarter(time, options.RestartOptions);
        try
        {
            record.Begin(new ChangeIntent
            {
                Plan = plan,
                Inverse = ChangeApplication.InverseOf(plan),
                WasRunning = domain.IsActive,
                Restarts = true,
                RestartBy = options.RestartOptions.By,
                StartedAt = time.GetUtcNow(),
                ExperimentId = options.ExperimentId,
                Undoes = options.Undoes,
            });
            if (options.RestartOptions.By == RestartBy.Suspend)
            {
                await new VMSuspender(domain, time, options.RestartOptions, record.Reach).RunAsync(static _ => { }, cancellationToken);
                record.Withdraw();
                return;
            }

            record.Reach(ChangeStep.ShuttingDown);
            var hadAgent = domain.IsActive && await restarter.ShutDownAsync(domain, cancellationToken);
            record.Reach(ChangeStep.ShutDown);
            await restarter.StartAsync(domain, hadAgent, cancellationToken);
            record.Withdraw();
        }
        catch (Exception exception)
        {
            if (IsRunning(domain))
            {
                record.Withdraw();
            }
            else
            {
                record.Fail(exception, isTakenBack: false);
            }

            if (exception is LibvirtException refused)
            {
                throw LibvirtErrors.Calling(refused, $"restarting '{plan.VMName}'");
            }

            throw;
        }
    }

    private static bool IsRunning(LibvirtDomain domain)
    {
        try
        {
            return domain.IsActive;
        }
        catch (LibvirtException)
        {
            return false;
        }
    }
}
