// The one path that every change takes: read, plan, (ask,) journal, apply, verify, journal. Nothing else in the engine writes to a VM.
using System.Xml.Linq;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;

namespace KvmTune.Tuning;

/// <summary>How a plan is applied.</summary>
public sealed record ApplyOptions
{
    /// <summary>Whether the VM is restarted where the change needs it.</summary>
    public bool Restart { get; init; }

    /// <summary>How a restart is done.</summary>
    public RestartOptions RestartOptions { get; init; } = new();

    /// <summary>The measurement that the change follows; it travels on with the result.</summary>
    public IChangeBaseline? Baseline { get; init; }

    /// <summary>The experiment that the change is part of; groups its entries in the journal.</summary>
    public Guid? ExperimentId { get; init; }

    /// <summary>The journal's entry that the change takes back; null for a change in its own right.</summary>
    public long? Undoes { get; init; }
}

/// <summary>Plans and applies changes on one host.</summary>
/// <param name="host">The host.</param>
/// <param name="time">The clock.</param>
/// <param name="journal">Where changes are recorded before they are made.</param>
/// <param name="known">The VM, where the caller has found it already: it is not looked up again. It stays the caller's.</param>
public sealed class VMTuner(HostConnection host, TimeProvider time, IChangeJournal journal, LibvirtDomain? known = null)
{
    /// <summary>Works out what a change would do. Nothing is touched.</summary>
    /// <exception cref="KvmTuneException">The VM, or something in it that the change names, does not exist.</exception>
    public VMTuningPlan Plan(VMChange change, CancellationToken cancellationToken = default) =>
        Plan(change, () => VMReading.RunningConfigurations(host, change.VMId), cancellationToken);

    /// <summary>Works out what a change would do beside other VMs that the caller knows already, or knows to be otherwise by then. Nothing is touched.</summary>
    /// <exception cref="KvmTuneException">The VM, or something in it that the change names, does not exist.</exception>
    internal VMTuningPlan Plan(VMChange change, Func<IReadOnlyList<VMConfiguration>> neighbours, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            var domain = FindDomain(change);
            using var found = domain == known ? null : domain;
            return Plan(change, VMReading.Snapshot(domain, change.Scope), neighbours);
        }
        catch (LibvirtException exception)
        {
            throw LibvirtErrors.Calling(exception, $"reading '{change.VMName}'");
        }
    }

    /// <summary>Applies a plan, checked anew, and reads back what is there afterwards.</summary>
    /// <exception cref="KvmTuneException">
    /// A rule forbids it (the rule's id), somebody else changed the same settings since (<c>ConcurrentEdit</c>), libvirt refuses, or what
    /// was read back is not what was asked for (<c>ChangeNotEffective</c>). What had been done is taken back in every case. Before
    /// anything is touched: another process is changing the VM (<c>VMIsBeingTuned</c>), or the journal cannot record the change
    /// (<c>JournalUnavailable</c>).
    /// </exception>
    public async Task<VMTuningResult> ApplyAsync(VMTuningPlan plan, ApplyOptions options, CancellationToken cancellationToken)
    {
        var started = time.GetUtcNow();
        try
        {
            using var record = await journal.HoldAsync(plan.Change, cancellationToken);
            var domain = FindDomain(plan.Change);
            using var found = domain == known ? null : domain;
            var checkedPlan = CheckQuickly(plan, domain) ?? PlanAnew(plan, VMReading.Snapshot(domain, plan.Change.Scope));
            RefuseErrors(checkedPlan);
            RefuseNewRisks(plan, checkedPlan);
            if (!checkedPlan.HasChanges && !(checkedPlan.RequiresRestart && options.Restart))
            {
                return Result(checkedPlan, checkedPlan.RequiresRestart ? TuningOutcome.RestartPending : TuningOutcome.NoChange);
            }

            cancellationToken.ThrowIfCancellationRequested();
            var application = new ChangeApplication(host, domain, checkedPlan, record);
            var id = record.Begin(new ChangeIntent
            {
                Plan = checkedPlan,
                Inverse = application.Inverse,
                Reserved = checkedPlan.Preparation?.Reserves() ?? [],
                WasRunning = checkedPlan.Snapshot.Running is not null,
                Restarts = checkedPlan.RequiresRestart && options.Restart,
                StartedAt = started,
                BaselineId = options.Baseline?.Id,
                ExperimentId = options.ExperimentId,
                Undoes = options.Undoes,
                HostCpus = checkedPlan.Change.Parts.Any(part => part is PinChange) ? checkedPlan.HostCpus : null,
            });
            try
            {
                return record.Complete(await CarryOutAsync(checkedPlan, application, record, options, cancellationToken) with { JournalId = id });
            }
            catch (Exception exception)
            {
                var cause = exception is LibvirtException refused ? LibvirtErrors.Calling(refused, plan.Title) : exception;
                record.Fail(cause, IsAsBefore(domain, checkedPlan));
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
            VMTuningPlan checkedPlan, ChangeApplication application, IChangeRecord record, ApplyOptions options, CancellationToken cancellationToken)
        {
            record.Reach(ChangeStep.Intended);
            var verifications = new List<Verification>();
            IReadOnlyList<string> notes = [];
            var restarted = false;
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

                if (checkedPlan.RequiresRestart && options.Restart)
                {
                    await application.RestartAsync(new VMRestarter(time, options.RestartOptions), cancellationToken);
                    (var seen, notes) = await application.VerifyRestartedAsync(time, cancellationToken);
                    verifications.AddRange(seen);
                    restarted = true;
                }
            }
            catch
            {
                checkedPlan.Preparation?.TakeBack();
                throw;
            }

            record.Reach(ChangeStep.Verified);
            return Result(checkedPlan, checkedPlan.RequiresRestart && !restarted ? TuningOutcome.RestartPending : TuningOutcome.Applied) with
            {
                Verifications = verifications,
                Notes = notes,
                Restarted = restarted,
                Inverse = new[] { application.Inverse },
            };
        }
    }

    /// <summary>
    /// Restarts the VM of a plan that is being tried, without changing anything. It stands in the journal while it is done: a process that
    /// ends when the VM is off leaves word of it, and undo starts the VM.
    /// </summary>
    /// <exception cref="KvmTuneException">As for <see cref="VMRestarter.RestartAsync"/>; another process is changing the VM; or the journal cannot record it.</exception>
    internal async Task RestartAsync(VMTuningPlan plan, ApplyOptions options, CancellationToken cancellationToken)
    {
        using var record = await journal.HoldAsync(plan.Change, cancellationToken);
        var domain = FindDomain(plan.Change);
        using var found = domain == known ? null : domain;
        var restarter = new VMRestarter(time, options.RestartOptions);
        try
        {
            record.Begin(new ChangeIntent
            {
                Plan = plan,
                Inverse = ChangeApplication.InverseOf(plan),
                WasRunning = domain.IsActive,
                Restarts = true,
                StartedAt = time.GetUtcNow(),
                ExperimentId = options.ExperimentId,
                Undoes = options.Undoes,
            });
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

    /// <summary>
    /// The plan on what is there now. Nothing is touched. Of a plan that comes from outside (a file, a job, another host) this is what is to be
    /// shown and asked: such a plan brings a wish, and its texts and findings may be anything.
    /// </summary>
    /// <exception cref="KvmTuneException">The VM is gone, or somebody else changed the same settings since (<c>ConcurrentEdit</c>).</exception>
    public VMTuningPlan CheckAnew(VMTuningPlan plan)
    {
        try
        {
            var domain = FindDomain(plan.Change);
            using var found = domain == known ? null : domain;
            return PlanAnew(plan, VMReading.Snapshot(domain, plan.Change.Scope));
        }
        catch (LibvirtException exception)
        {
            throw LibvirtErrors.Calling(exception, $"reading '{plan.VMName}'");
        }
    }

    /// <summary>Works out what several changes of one VM would do one after the other: each is planned on what the ones before it leave.</summary>
    /// <exception cref="KvmTuneException">The VM, or something in it that a change names, does not exist.</exception>
    internal IReadOnlyList<VMTuningPlan> PlanTogether(IReadOnlyList<VMChange> changes)
    {
        try
        {
            var domain = FindDomain(changes[0]);
            using var found = domain == known ? null : domain;
            var snapshot = VMReading.Snapshot(domain);
            var plans = new List<VMTuningPlan>();
            foreach (var change in changes)
            {
                var plan = Plan(change, snapshot);
                plans.Add(plan);
                snapshot = new VMSnapshot(
                    plan.ChangesRunning ? Edit(snapshot.Running!, change.ForRunning).After : snapshot.Running,
                    plan.ChangesConfiguration ? Edit(snapshot.Persistent!, change).After : snapshot.Persistent);
            }

            return plans;
        }
        catch (LibvirtException exception)
        {
            throw LibvirtErrors.Calling(exception, $"reading '{changes[0].VMName}'");
        }
    }

    /// <summary>Refuses a plan that breaks a rule which forbids it.</summary>
    /// <exception cref="KvmTuneException">It does; the id is the rule's.</exception>
    public static void RefuseErrors(VMTuningPlan plan)
    {
        if (plan.Errors.Count > 0)
        {
            throw new KvmTuneException(
                plan.Errors[0].RuleId, KvmTuneErrorCategory.InvalidArgument,
                string.Join(' ', plan.Errors.Select(error => error.Evidence)));
        }
    }

    // What was not there when somebody was asked, nobody has agreed to.
    private static void RefuseNewRisks(VMTuningPlan asked, VMTuningPlan anew)
    {
        if (anew.HasChanges && anew.Confirmations.FirstOrDefault(risk => asked.Confirmations.All(known => known.RuleId != risk.RuleId)) is { } risk)
        {
            throw new KvmTuneException(
                risk.RuleId, KvmTuneErrorCategory.PermissionDenied, $"{risk.Evidence} That was not so when '{anew.Title}' was planned. Plan it anew, to be asked.");
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

    private LibvirtDomain FindDomain(VMChange change)
    {
        var connection = host.Write();
        return known is not null && known.Id == change.VMId && known.Connection == connection
            ? known
            : connection.TryLookupByUuid(change.VMId) ?? throw host.VMNotFound(change.VMName, change.VMId);
    }

    // The plan, where a change of the running VM alone meets the very document that it was planned on. Then everything in the plan
    // holds that follows from it, and only what forbids the change is judged anew: a host CPU may have gone offline. Else null.
    private VMTuningPlan? CheckQuickly(VMTuningPlan plan, LibvirtDomain domain)
    {
        if (!plan.ChangesRunning || plan.ChangesConfiguration || plan.After is null || plan.Preparation is not null || plan.Snapshot.Running is null
            || !plan.Snapshot.Running.IsFrom(domain.GetXml(DomainXmlFlags.Secure)))
        {
            return null;
        }

        var hostCpus = HostReading.ReadCpus(host);
        var context = Context(plan.Change, plan.Snapshot.ToFacts(), plan.After, hostCpus);
        RefuseErrors(plan with { Findings = RuleCatalog.Judge(context, RuleSeverity.Error) });
        return plan with { HostCpus = hostCpus };
    }

    private VMTuningPlan Plan(VMChange change, VMSnapshot snapshot, Func<IReadOnlyList<VMConfiguration>>? neighbours = null)
    {
        var facts = snapshot.ToFacts();
        change.CheckTarget(facts.Configured ?? facts.Current);
        var live = facts.IsRunning && change.CanBeLive && change.Scope is not ChangeScope.Config;
        var config = facts.IsPersistent && change.Scope is not ChangeScope.Live;

        var running = live ? Edit(snapshot.Running!, change.ForRunning) : null;
        var persistent = config ? Edit(snapshot.Persistent!, change) : null;
        var edit = persistent ?? running ?? Edit(snapshot.Persistent ?? snapshot.Running!, change);
        var hostCpus = HostReading.ReadCpus(host);
        var differences = Differences(
            running is null ? [] : SettingComparer.Compare(running.Before.Settings, running.After.Settings, hostCpus.OnlineCpus),
            persistent is null ? [] : SettingComparer.Compare(persistent.Before.Settings, persistent.After.Settings));
        var after = edit.After.ToConfiguration();
        var context = Context(change, facts, after, hostCpus, neighbours);
        var preparation = change.Preparation(context, host);
        return new VMTuningPlan
        {
            Change = change,
            ChangesRunning = live,
            ChangesConfiguration = config,
            RequiresRestart = config && facts.IsRunning && !live && ((persistent!.IsReal && !change.IsReturn) || IsPending(snapshot.Running!, change, hostCpus.OnlineCpus)),
            Differences = differences,
            Findings = RuleCatalog.Judge(context),
            XmlDifference = TerminalText.Of(XmlDifference.Between(edit.Before.ToXml(), edit.After.ToXml())),
            Preparation = preparation,
            VirshCommand = TerminalText.Of(string.Join(
                '\n', VirshCommands(change, running, persistent, edit).Prepend(preparation?.VirshCommand).Where(command => command is not null))),
            HasChanges = differences.Count > 0 || persistent is { IsReal: true } || preparation is not null,
            Snapshot = snapshot,
            HostCpus = hostCpus,
            After = after,
        };
    }

    // The two documents get the same by one command where that is so.
    private static IEnumerable<string> VirshCommands(VMChange change, DocumentEdit? running, DocumentEdit? persistent, DocumentEdit edit) =>
        change.RunningPart is null || running is null || persistent is null
            ? change.VirshCommands(running is not null, persistent is not null, edit.Before, edit.After)
            : change.VirshCommands(live: false, config: true, persistent.Before, persistent.After)
                .Concat(change.ForRunning.VirshCommands(live: true, config: false, running.Before, running.After));

    // After a failure: whether nothing is left of the change. What cannot be seen any more is not claimed. What others did elsewhere, and
    // what waited for a restart before, is no matter.
    private bool IsAsBefore(LibvirtDomain domain, VMTuningPlan plan)
    {
        try
        {
            var (before, now) = (plan.Snapshot, VMReading.Snapshot(domain));
            return now.Running is null == before.Running is null
                && (!plan.ChangesConfiguration || HasNothingOf(plan.Change, before.Persistent!, now.Persistent, hostCpus: null))
                && (before.Running is null || HasNothingOf(plan.Change.ForRunning, before.Running, now.Running, HostReading.ReadCpus(host).OnlineCpus));
        }
        catch (Exception exception) when (exception is LibvirtException or KvmTuneException or ObjectDisposedException)
        {
            return false;
        }
    }

    private static bool HasNothingOf(VMChange change, DomainDocument before, DomainDocument? now, CpuSet? hostCpus) =>
        now is not null && SettingComparer.Compare(now.Settings, Edit(now, change.Inverse(before)).After.Settings, hostCpus).Count == 0;

    // The configuration may be as asked for already, and the running VM not yet: a restart is what is missing then. The other way
    // round is common for an inverse: the running VM never had what is taken out of the configuration.
    internal static bool IsPending(DomainDocument running, VMChange change, CpuSet hostCpus) =>
        SettingComparer.Pending(running.Settings, Edit(running, change).After.Settings, hostCpus).Count > 0;

    private RuleContext Context(
        VMChange change, VMFacts facts, VMConfiguration after, VMHostTopology hostCpus, Func<IReadOnlyList<VMConfiguration>>? neighbours = null)
    {
        return new RuleContext(
            change, facts, after, () => HostReading.Read(host), neighbours ?? (() => VMReading.RunningConfigurations(host, change.VMId)),
            () => host.IsLocalQemu ? HostMemoryFacts.Read() : null)
        {
            ReadAbilities = () => HostAbilities.Read(host),
            ReadGuestCpus = () => GuestCpuAbilities.Read(host, after.Architecture, after.Machine, after.DomainType),
            HostCpus = hostCpus,
        };
    }

    // The plan on what is there now. Others' edits elsewhere are kept and no matter; edits of the same settings are an error.
    private VMTuningPlan PlanAnew(VMTuningPlan plan, VMSnapshot now)
    {
        var anew = Plan(plan.Change, now);
        return anew.Differences.SequenceEqual(plan.Differences)
            ? anew
            : throw new KvmTuneException(
                "ConcurrentEdit", KvmTuneErrorCategory.ResourceBusy,
                $"'{plan.VMName}' was changed by somebody else since this was planned. Planned: {Describe(plan.Differences)}. Now it would be: {Describe(anew.Differences)}. Look at it with Get-VMTopology and plan again.");
    }

    private static string Describe(IReadOnlyList<SettingDifference> differences) =>
        differences.Count == 0 ? "no change" : string.Join("; ", differences);

    private static DocumentEdit Edit(DomainDocument before, VMChange change)
    {
        var after = before.Copy();
        change.Edit(after);
        return new DocumentEdit(before, after);
    }

    private static List<SettingDifference> Differences(
        IReadOnlyList<ConfigurationDifference> running, IReadOnlyList<ConfigurationDifference> persistent) =>
    [
        .. persistent.Select(difference => Where(difference, running.Contains(difference) ? ChangeScope.Both : ChangeScope.Config)),
        .. running.Except(persistent).Select(difference => Where(difference, ChangeScope.Live)),
    ];

    private static SettingDifference Where(ConfigurationDifference difference, ChangeScope where) =>
        new(difference.Setting, difference.Running, difference.Configured, where);

    private sealed record DocumentEdit(DomainDocument Before, DomainDocument After)
    {
        public bool IsReal => !XNode.DeepEquals(Before.Domain, After.Domain);
    }
}
