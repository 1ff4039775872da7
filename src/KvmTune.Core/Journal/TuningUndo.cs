// Takes one change back: applies its inverse, and only that, by the path of every change, so that the undo is in the journal too.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using static KvmTune.NumberText;

namespace KvmTune.Journal;

/// <summary>How a change is taken back.</summary>
public sealed record UndoOptions
{
    /// <summary>Whether settings that were changed again meanwhile are set back too.</summary>
    public bool Force { get; init; }

    /// <summary>Whether the VM is restarted if the undo needs that to take effect.</summary>
    public bool Restart { get; init; }

    /// <summary>How a restart is done.</summary>
    public RestartOptions RestartOptions { get; init; } = new();

    /// <summary>The way of the restart, if it was chosen and shown already; null to choose now.</summary>
    public RestartWay? Way { get; init; }

    /// <summary>The experiment that the undo is part of.</summary>
    public Guid? ExperimentId { get; init; }
}

/// <summary>Undoes changes of VMs of one host.</summary>
/// <param name="journal">The journal.</param>
/// <param name="host">The host.</param>
/// <param name="time">The clock.</param>
public sealed class TuningUndo(TuningJournal journal, HostConnection host, TimeProvider time)
{
    /// <summary>The error id of settings that were changed again after the change.</summary>
    public const string Collides = "UndoCollides";

    // The time for libvirt's daemon to finish the last call of a killed process, such as a define that it was validating.
    private static readonly TimeSpan LastCall = TimeSpan.FromSeconds(1);

    /// <summary>Plans the undo of a change. Nothing is touched.</summary>
    /// <param name="entry">The change.</param>
    /// <param name="force">Whether settings that were changed again meanwhile are accepted.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="KvmTuneException">
    /// The entry is not a change of a VM (<c>NotUndoable</c>), it is being made (<c>VMIsBeingTuned</c>), a setting of it was changed again
    /// since (<c>UndoCollides</c>), or the VM does not exist any more.
    /// </exception>
    public VMTuningPlan Plan(JournalEntry entry, bool force, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(entry);
        var intent = Intent(entry);
        using var planner = Find(entry);
        return Plan(entry, intent, planner, force, cancellationToken);
    }

    private VMTuningPlan Plan(JournalEntry entry, ChangeIntent intent, VMPlanner planner, bool force, CancellationToken cancellationToken)
    {
        try
        {
            var now = VMReading.Snapshot(planner.Domain());
            if (intent.Inverse.Scope == ChangeScope.Live && now.Running is null)
            {
                return Nothing(intent);
            }

            if (!force)
            {
                UndoCollisions.Refuse(entry, intent, now, HostReading.OnlineCpus(host));
            }
        }
        catch (LibvirtException exception)
        {
            throw LibvirtErrors.Calling(exception, $"reading '{entry.VMName}'");
        }

        var plan = planner.Plan(WithLeftThreads(entry, intent), cancellationToken);

        // The undo first resumes the state that an interrupted suspend left, so the rule on saved states does not apply.
        return Suspended(entry) is null
            ? plan
            : plan with { Findings = [.. plan.Findings.Where(finding => finding.RuleId != nameof(ScopeRules.SavedStateHidesChange))] };
    }

    /// <summary>Takes a change back.</summary>
    /// <param name="id">The change's entry in the journal.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the work; a step that has begun is completed or taken back, as with any change.</param>
    /// <returns>
    /// The result, with the entry of the undo in <see cref="VMTuningResult.JournalId"/>; <see cref="TuningOutcome.NoChange"/> if nothing of the
    /// change was left.
    /// </returns>
    /// <exception cref="KvmTuneException">As for <see cref="Plan(JournalEntry, bool, CancellationToken)"/>, and for any change.</exception>
    public async Task<VMTuningResult> UndoAsync(long id, UndoOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        var entry = journal.Find(id);
        var intent = Intent(entry);
        using var planner = Find(entry);
        if (entry.Outcome == JournalOutcome.Interrupted && host.HasDaemon)
        {
            // A change that lands after the undo would stay.
            await Task.Delay(LastCall, time, cancellationToken);
        }

        var resumed = await EndSuspendAsync(entry, intent, planner.Domain(), options, cancellationToken);
        var plan = Plan(entry, intent, planner, options.Force, cancellationToken);
        // The interrupted entry may be an earlier undo of this change.
        var restart = IsInRestart(entry) ? entry : journal.LastStuckAt(entry.VMId!.Value, ChangeStep.ShuttingDown, ChangeStep.ShutDown) is { } last && IsInRestart(last) ? last : null;
        var started = time.GetUtcNow();
        var isLeft = plan.HasChanges || (plan.RequiresRestart && options.Restart);
        var result = isLeft
            ? await new VMTuner(planner, time, journal).ApplyAsync(
                plan,
                new ApplyOptions { Restart = options.Restart, RestartOptions = options.RestartOptions, Way = options.Way, ExperimentId = options.ExperimentId, Undoes = id },
                cancellationToken)
            : new VMTuningResult
            {
                Outcome = plan.RequiresRestart ? TuningOutcome.RestartPending : TuningOutcome.NoChange,
                Plan = plan,
                AppliedAt = started,
                Elapsed = time.GetUtcNow() - started,
            };
        if (!isLeft && entry.UndoneAt is null)
        {
            journal.MarkUndone(id, by: null);
        }

        var notes = resumed.Concat(result.Notes).Concat(entry.UndoneAt is null && VMLock.IsOneHost(host.Uri, entry.ConnectionUri) ? new PoolUndo(journal, host).GiveBack(entry.Intent!.Reserved) : []).ToList();
        if (restart is not null && !result.Restarted)
        {
            notes.AddRange(await EndRestartAsync(restart, planner.Domain(), options, cancellationToken));
        }

        return result with { Notes = notes };
    }

    // Removes I/O threads too that an earlier change made, and that its undo left because this change used them.
    private VMChange WithLeftThreads(JournalEntry entry, ChangeIntent intent)
    {
        if (intent is not { Inverse: DiskIOThreadChange inverse, Plan.Change: DiskIOThreadChange change })
        {
            return intent.Inverse;
        }

        var left = journal.Entries(new JournalFilter { VMId = entry.VMId, Area = TuningArea.Disk }, static _ => { })
            .Where(earlier => earlier.Id < entry.Id && earlier.UndoneAt >= entry.StartedAt)
            .Select(earlier => earlier.Intent?.Plan.Change).OfType<DiskIOThreadChange>()
            .SelectMany(earlier => earlier.Threads.Where(thread => thread.Value && change.Serves(thread.Key)).Select(thread => thread.Key))
            .Distinct().Where(thread => !inverse.Threads.ContainsKey(thread)).ToList();
        return left.Count == 0 ? inverse : inverse with
        {
            Threads = inverse.Threads.Concat(left.Select(thread => KeyValuePair.Create(thread, false))).ToDictionary(thread => thread.Key, thread => thread.Value),
        };
    }

    private static VMTuningPlan Nothing(ChangeIntent intent) => intent.Plan with
    {
        Change = intent.Inverse,
        ChangesRunning = false,
        ChangesConfiguration = false,
        RequiresRestart = false,
        Differences = [],
        Findings = [],
        XmlDifference = string.Empty,
        VirshCommand = string.Empty,
        HasChanges = false,
    };

    // The intent of an entry, if it can be taken back.
    private static ChangeIntent Intent(JournalEntry entry)
    {
        var intent = entry.Intent ?? throw new KvmTuneException(
            "NotUndoable", KvmTuneErrorCategory.InvalidArgument, $"Entry {Text(entry.Id)} ({entry.Kind}) is not a change of a VM, so there is nothing to take back.");
        return entry.Outcome != JournalOutcome.Running ? intent : throw new KvmTuneException(
            "VMIsBeingTuned", KvmTuneErrorCategory.ResourceBusy,
            $"Entry {Text(entry.Id)} ('{entry.Title}' on '{entry.VMName}') is being made right now by {entry.Process}. Take it back when that is done.");
    }

    private VMPlanner Find(JournalEntry entry) => VMPlanner.Find(host, entry.VMName, entry.VMId!.Value);

    // The process ended between asking the guest to shut down and starting it.
    private static bool IsInRestart(JournalEntry entry) => entry is
    {
        Outcome: JournalOutcome.Interrupted or JournalOutcome.Failed,
        Step: ChangeStep.ShuttingDown or ChangeStep.ShutDown,
        Intent.WasRunning: true,
    };

    // The entry whose process ended while the guest was suspended: the change itself, or an earlier undo of it.
    private JournalEntry? Suspended(JournalEntry entry) => IsInSuspend(entry)
        ? entry
        : journal.LastStuckAt(entry.VMId!.Value, ChangeStep.Saving, ChangeStep.Saved, ChangeStep.SavedStateEdited) is { } last && IsInSuspend(last) ? last : null;

    private static bool IsInSuspend(JournalEntry entry) => entry is
    {
        Outcome: JournalOutcome.Interrupted or JournalOutcome.Failed,
        Step: ChangeStep.Saving or ChangeStep.Saved or ChangeStep.SavedStateEdited,
        Intent.WasRunning: true,
    };

    // The guest's state is in libvirt's file, or libvirt is still writing it: the guest resumes from there, without the change.
    private async Task<IReadOnlyList<string>> EndSuspendAsync(
        JournalEntry entry, ChangeIntent intent, LibvirtDomain domain, UndoOptions options, CancellationToken cancellationToken)
    {
        if (Suspended(entry) is null)
        {
            return [];
        }

        try
        {
            using var held = await journal.HoldAsync(intent.Plan, cancellationToken);
            return await new VMSuspender(domain, time, options.RestartOptions, static _ => { }).EndAsync(intent.Inverse.Edit, cancellationToken);
        }
        catch (LibvirtException exception)
        {
            throw LibvirtErrors.Calling(exception, $"resuming '{entry.VMName}'");
        }
    }

    // The VM ran before, so it has to run again. A guest that still runs may have been asked to shut down: that cannot be withdrawn, and a
    // second request does no harm.
    private async Task<IReadOnlyList<string>> EndRestartAsync(JournalEntry entry, LibvirtDomain domain, UndoOptions options, CancellationToken cancellationToken)
    {
        var restarter = new VMRestarter(time, options.RestartOptions);
        if (!domain.IsActive)
        {
            await restarter.StartAsync(domain, waitForAgent: false, cancellationToken);
            return [$"'{entry.VMName}' was off since its restart was interrupted, and was started."];
        }

        if (entry is not { Step: ChangeStep.ShuttingDown, Outcome: JournalOutcome.Interrupted })
        {
            return [];
        }

        if (!options.Restart)
        {
            return [$"The guest of '{entry.VMName}' had been asked to shut down when its restart was interrupted, and may still go off. Start it then (Restart-VMDomain)."];
        }

        await restarter.RestartAsync(domain, cancellationToken);
        return [$"'{entry.VMName}' had been asked to shut down when its restart was interrupted, and was restarted."];
    }
}
