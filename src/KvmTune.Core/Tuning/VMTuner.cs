// The one path that every change takes: read, plan, (ask,) apply, verify. Nothing else in the engine writes to a VM.
using System.Xml.Linq;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Topology;
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
    public VMPerformance? Baseline { get; init; }
}

/// <summary>Plans and applies changes on one host.</summary>
public sealed class VMTuner(HostConnection host, TimeProvider time)
{
    /// <summary>Works out what a change would do. Nothing is touched.</summary>
    /// <exception cref="KvmTuneException">The VM, or something in it that the change names, does not exist.</exception>
    public VMTuningPlan Plan(VMChange change, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            using var domain = FindDomain(change);
            return Plan(change, VMReading.Snapshot(domain));
        }
        catch (LibvirtException exception)
        {
            throw LibvirtErrors.Calling(exception, $"reading '{change.VMName}'");
        }
    }

    /// <summary>Applies a plan, checked anew, and reads back what is there afterwards.</summary>
    /// <exception cref="KvmTuneException">
    /// A rule forbids it (the rule's id), somebody else changed the same settings since (<c>ConcurrentEdit</c>), libvirt refuses, or what
    /// was read back is not what was asked for (<c>ChangeNotEffective</c>). What had been done is taken back in every case.
    /// </exception>
    public async Task<VMTuningResult> ApplyAsync(VMTuningPlan plan, ApplyOptions options, CancellationToken cancellationToken)
    {
        var started = time.GetUtcNow();
        try
        {
            using var domain = FindDomain(plan.Change);
            var checkedPlan = PlanAnew(plan, VMReading.Snapshot(domain));
            RefuseErrors(checkedPlan);
            if (!checkedPlan.HasChanges)
            {
                return Result(checkedPlan, TuningOutcome.NoChange);
            }

            cancellationToken.ThrowIfCancellationRequested();
            var application = new ChangeApplication(host, domain, checkedPlan);
            IReadOnlyList<string> notes = [];
            var verifications = new List<Verification>(checkedPlan.Preparation?.Apply() ?? []);
            var restarted = false;
            try
            {
                verifications.AddRange(application.Apply());
                if (checkedPlan.RequiresRestart && options.Restart)
                {
                    await application.RestartAsync(new VMRestarter(time), options.RestartOptions, cancellationToken);
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

            return Result(checkedPlan, checkedPlan.RequiresRestart && !restarted ? TuningOutcome.RestartPending : TuningOutcome.Applied) with
            {
                Verifications = verifications,
                Notes = notes,
                Restarted = restarted,
                Inverse = application.Inverse,
            };
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

    private LibvirtDomain FindDomain(VMChange change) =>
        host.Write().TryLookupByUuid(change.VMId) ?? throw host.VMNotFound(change.VMName);

    private VMTuningPlan Plan(VMChange change, VMSnapshot snapshot)
    {
        var facts = snapshot.ToFacts();
        change.CheckTarget(facts.Configured ?? facts.Current);
        var live = facts.IsRunning && change.CanBeLive && change.Scope is not ChangeScope.Config;
        var config = facts.IsPersistent && change.Scope is not ChangeScope.Live;

        var running = live ? Edit(snapshot.Running!, change) : null;
        var persistent = config ? Edit(snapshot.Persistent!, change) : null;
        var edit = persistent ?? running ?? Edit(snapshot.Persistent ?? snapshot.Running!, change);
        var hostCpus = HostReading.OnlineCpus(host);
        var differences = Differences(
            running is null ? [] : ConfigurationComparer.Compare(running.Before.ToConfiguration(), running.After.ToConfiguration(), hostCpus),
            persistent is null ? [] : ConfigurationComparer.Compare(persistent.Before.ToConfiguration(), persistent.After.ToConfiguration()));
        var context = new RuleContext(
            change, facts, edit.After.ToConfiguration(), () => HostReading.Read(host), () => VMReading.RunningConfigurations(host, change.VMId),
            () => host.IsLocalQemu ? HostMemoryFacts.Read() : null)
        {
            HasNumad = !host.IsLocalQemu || LocalPrograms.Exists("numad"),
            ReadAbilities = () => HostAbilities.Read(host),
        };
        var preparation = change.Preparation(context, host);
        return new VMTuningPlan
        {
            Change = change,
            ChangesRunning = live,
            ChangesConfiguration = config,
            RequiresRestart = config && facts.IsRunning && !live && persistent!.IsReal,
            Differences = differences,
            Findings = RuleCatalog.Judge(context),
            XmlDifference = XmlDifference.Between(edit.Before.ToXml(), edit.After.ToXml()),
            Preparation = preparation,
            VirshCommand = string.Join(
                '\n', change.VirshCommands(live, config, edit.Before, edit.After).Prepend(preparation?.VirshCommand).Where(command => command is not null)),
            HasChanges = differences.Count > 0 || persistent is { IsReal: true } || preparation is not null,
            Snapshot = snapshot,
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

    private static DocumentEdit Edit(string xml, VMChange change)
    {
        var before = DomainDocument.Parse(xml);
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
