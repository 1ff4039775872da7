// Plans a change of one VM: the differences, the rules, the virsh equivalent. Planning changes nothing.
using System.Xml.Linq;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning.Rules;

namespace KvmTune.Tuning;

/// <summary>Plans changes of one VM.</summary>
public sealed class VMPlanner : IDisposable
{
    private LibvirtDomain _domain;
    private bool _isOwn;

    /// <summary>Creates a planner for a VM that was found already. The caller keeps the domain.</summary>
    public VMPlanner(HostConnection host, LibvirtDomain domain)
    {
        ArgumentNullException.ThrowIfNull(host);
        (Host, _domain) = (host, domain);
        VM = VMIdentity.Of(host, domain);
        Running = new RunningVMReading(host);
    }

    /// <summary>The VM.</summary>
    public VMIdentity VM { get; }

    /// <summary>The VM's host.</summary>
    public HostConnection Host { get; }

    /// <summary>The other running VMs of the host, for the rules. A command for many VMs gives the same reading to each planner.</summary>
    public RunningVMReading Running { get; init; }

    /// <summary>The state of the host's CPUs for several plans in a row; null reads it anew for each.</summary>
    internal VMHostTopology? KnownCpus { private get; init; }

    /// <summary>The documents of the last reading.</summary>
    internal VMSnapshot? Known { get; set; }

    /// <summary>Finds the VM of a plan or record, and creates a planner for it.</summary>
    /// <param name="host">The host.</param>
    /// <param name="name">The VM's name.</param>
    /// <param name="id">The VM's UUID.</param>
    /// <exception cref="KvmTuneException">The VM is gone (<c>VMNotFound</c>).</exception>
    public static VMPlanner Find(HostConnection host, string name, Guid id)
    {
        ArgumentNullException.ThrowIfNull(host);
        return new VMPlanner(host, host.Write().TryLookupByUuid(id) ?? throw host.VMNotFound(name, id)) { _isOwn = true };
    }

    /// <summary>Plans a change.</summary>
    /// <exception cref="KvmTuneException">The VM, or something in it that the change names, does not exist.</exception>
    public VMTuningPlan Plan(VMChange change, CancellationToken cancellationToken = default) =>
        Plan(change, () => Running.Beside(VM.Id), cancellationToken);

    /// <summary>Plans a change with neighbours from the caller, as they are or as they are expected to be.</summary>
    /// <exception cref="KvmTuneException">The VM, or something in it that the change names, does not exist.</exception>
    internal VMTuningPlan Plan(VMChange change, Func<VMNeighbours> neighbours, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Reading(() => Plan(change, Read(change.Scope), neighbours));
    }

    /// <summary>Plans a change on the configuration that earlier changes leave, which were planned and are not made yet.</summary>
    /// <param name="change">The change.</param>
    /// <param name="earlier">The earlier changes of the VM, in their order.</param>
    /// <param name="cancellationToken">Cancels the planning.</param>
    /// <exception cref="KvmTuneException">The VM, or something in it that the change names, does not exist.</exception>
    public VMTuningPlan Plan(VMChange change, IReadOnlyList<VMChange> earlier, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(change);
        ArgumentNullException.ThrowIfNull(earlier);
        if (earlier.Count == 0)
        {
            return Plan(change, cancellationToken);
        }

        cancellationToken.ThrowIfCancellationRequested();
        return Reading(() =>
        {
            var left = earlier.Aggregate(Read(), After);
            return Plan(change, change.Scope is ChangeScope.Live && left.Running is not null ? left with { Persistent = null } : left);
        });
    }

    /// <summary>Plans a change that depends on the VM's configuration.</summary>
    /// <param name="make">Creates the change.</param>
    /// <param name="read">Reads the VM's documents; they may be as old as a plan may be.</param>
    /// <param name="cancellationToken">Cancels the planning.</param>
    /// <exception cref="KvmTuneException">The VM, or something in it that the change names, does not exist.</exception>
    internal VMTuningPlan Plan(Func<DomainDocument, VMChange> make, Func<VMSnapshot> read, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return Reading(() =>
        {
            var now = read();
            var change = make((now.Persistent ?? now.Running)!);
            return Plan(change, change.Scope is ChangeScope.Live && now.Running is not null ? now with { Persistent = null } : now);
        });
    }

    /// <summary>
    /// The plan on the VM as it is now. If the old plan comes from outside (a file, a job, another host), the new plan is displayed and confirmed:
    /// the old one counts only as a request, because its texts and findings may be wrong.
    /// </summary>
    /// <exception cref="KvmTuneException">The VM is gone, or somebody else changed the same settings since (<c>ConcurrentEdit</c>).</exception>
    public VMTuningPlan CheckAnew(VMTuningPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return Reading(() => CheckAnew(plan, Read(plan.Change.Scope)));
    }

    /// <summary>Checks a plan of several that are made together: it was made on the VM as it is, or on what the earlier ones leave.</summary>
    /// <exception cref="KvmTuneException">The VM is gone, or somebody else changed the same settings since (<c>ConcurrentEdit</c>).</exception>
    internal void CheckAnew(VMTuningPlan plan, IReadOnlyList<VMChange> earlier)
    {
        if (earlier.Count == 0 || !Plan(plan.Change, earlier, CancellationToken.None).Differences.SequenceEqual(plan.Differences))
        {
            CheckAnew(plan);
        }
    }

    /// <summary>Plans several changes one after the other, each on the configuration that the previous ones leave.</summary>
    /// <exception cref="KvmTuneException">The VM, or something in it that a change names, does not exist.</exception>
    internal IReadOnlyList<VMTuningPlan> PlanTogether(IReadOnlyList<VMChange> changes) => Reading(() =>
    {
        var snapshot = Read();
        var plans = new List<VMTuningPlan>();
        foreach (var change in changes)
        {
            var plan = Plan(change, snapshot);
            plans.Add(plan);
            snapshot = After(snapshot, change);
        }

        return plans;
    });

    /// <summary>The way of the restart for a plan that needs one, with its cost.</summary>
    /// <param name="plan">The plan, made or checked by this planner.</param>
    /// <param name="options">The options of the restart.</param>
    /// <exception cref="KvmTuneException">A suspend is required and is not possible (<c>CannotSuspend</c>).</exception>
    public RestartWay WayOf(VMTuningPlan plan, RestartOptions options)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(options);
        return plan.Snapshot.Running is { } running
            ? Reading(() => RestartPlanner.Choose(Host, Domain(), running, SavedState.SeenOf(plan.Change, plan.Snapshot), options))
            : RestartWay.Reboot;
    }

    /// <summary>Refuses a plan that breaks a rule of severity Error.</summary>
    /// <exception cref="KvmTuneException">It breaks one; the error id is the rule's.</exception>
    public static void RefuseErrors(VMTuningPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (plan.Errors.Count > 0)
        {
            // A command for many VMs reports an error for each, so each error names its VM.
            var text = string.Join(' ', plan.Errors.Select(error => error.Evidence));
            throw new KvmTuneException(
                plan.Errors[0].RuleId, KvmTuneErrorCategory.InvalidArgument,
                text.Contains($"'{plan.VMName}'", StringComparison.Ordinal) ? text : $"{plan.VMName}: {text}");
        }
    }

    /// <summary>Refuses a risk that the user was not asked to confirm.</summary>
    internal static void RefuseNewRisks(VMTuningPlan asked, VMTuningPlan anew)
    {
        if (anew.HasChanges && anew.Confirmations.FirstOrDefault(risk => asked.Confirmations.All(known => known.RuleId != risk.RuleId)) is { } risk)
        {
            throw new KvmTuneException(
                risk.RuleId, KvmTuneErrorCategory.PermissionDenied, $"{risk.Evidence} That was not the case when '{anew.Title}' was planned. Plan it again to confirm the risk.");
        }
    }

    /// <summary>The VM on a writable connection. It is looked up again only if the known one belongs to another or a lost connection.</summary>
    /// <exception cref="KvmTuneException">The VM is gone (<c>VMNotFound</c>).</exception>
    internal LibvirtDomain Domain()
    {
        var connection = Host.Write();
        if (_domain.Connection != connection)
        {
            var found = connection.TryLookupByUuid(VM.Id) ?? throw Host.VMNotFound(VM.Name, VM.Id);
            Dispose();
            (_domain, _isOwn) = (found, true);
        }

        return _domain;
    }

    /// <summary>Reads the VM's documents. An unchanged document keeps the values that were read from it before.</summary>
    internal VMSnapshot Read(ChangeScope scope = ChangeScope.Auto)
    {
        var now = VMReading.Snapshot(Domain(), scope, Known);
        Known = now with { Persistent = now.Persistent ?? Known?.Persistent };
        return now;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isOwn)
        {
            _domain.Dispose();
        }
    }

    /// <summary>
    /// The plan, if the VM's documents and the host CPUs are still the same; otherwise null. Everything that follows from them is still true, so
    /// only rules that forbid the change or need a confirmation are checked again: other facts of the host may be different now.
    /// </summary>
    internal VMTuningPlan? CheckQuickly(VMTuningPlan plan)
    {
        if (plan.After is null || plan.Preparation is not null || plan.VMId != VM.Id)
        {
            return null;
        }

        Known ??= plan.Snapshot;
        var (before, now, hostCpus) = (plan.Snapshot, Read(plan.Change.Scope), HostReading.ReadCpus(Host));
        if (now.Running != before.Running || now.Persistent != before.Persistent || now.HasManagedSave != before.HasManagedSave || hostCpus.OnlineCpus != plan.HostCpus?.OnlineCpus)
        {
            return null;
        }

        var context = Context(plan.Change, before.ToFacts(), plan.After, hostCpus);
        if (plan.Change.Preparation(context, Host) is not null)
        {
            return null;
        }

        var anew = plan with { Findings = [.. RuleCatalog.Judge(context, RuleSeverity.Error), .. RuleCatalog.Judge(context, RuleSeverity.Confirm)] };
        RefuseErrors(anew);
        RefuseNewRisks(plan, anew);
        return plan with { HostCpus = hostCpus };
    }

    /// <summary>Plans a change on documents that were read before.</summary>
    internal VMTuningPlan Plan(VMChange change, VMSnapshot snapshot, Func<VMNeighbours>? neighbours = null)
    {
        var facts = snapshot.ToFacts();
        ChangeCheck.RunningPart(change);
        var (live, config) = PlacesOf(change, snapshot);
        if (!config && change.RunningPart is { } part)
        {
            // Only this part is made, so only it is judged and displayed.
            change = part with { Scope = change.Scope, RunningPart = null };
        }

        change.CheckTarget(TargetOf(change, facts));

        var edits = Edits(change, snapshot, live, config);
        var (running, persistent, edit) = edits;
        // For the texts: a plan that is kept holds no second document. It repeats the edits if they are gone.
        var made = new WeakReference<ChangeEdits>(edits);
        var hostCpus = KnownCpus ?? HostReading.ReadCpus(Host);
        var configured = persistent is null ? [] : SettingComparer.Compare(persistent.Before.Settings, persistent.After.Settings);
        var differences = Differences(
            running is null ? [] : SettingComparer.Compare(running.Before.Settings, running.After.Settings, hostCpus.OnlineCpus), configured);
        var after = edit.After.ToConfiguration();
        var context = Context(change, facts, after, hostCpus, neighbours);
        var preparation = change.Preparation(context, Host);
        return new VMTuningPlan
        {
            VMName = VM.Name,
            VMId = VM.Id,
            ConnectionUri = VM.ConnectionUri,
            Change = change,
            ChangesRunning = live,
            ChangesConfiguration = config,
            RequiresRestart = config && facts.IsRunning && !live && ((configured.Count > 0 && !change.IsReturn) || IsPending(snapshot, change, hostCpus.OnlineCpus)),
            Differences = differences,
            Findings = RuleCatalog.Judge(context),
            Texts = new Lazy<PlanTexts>(() => TextsOf(change, made.TryGetTarget(out var same) ? same : Edits(change, snapshot, live, config), preparation)),
            Preparation = preparation,
            // A return also restores values that mean the same, such as an attribute that libvirt fills in.
            HasChanges = differences.Count > 0 || (change.IsReturn && persistent is { IsReal: true }) || preparation is not null,
            Snapshot = snapshot,
            HostCpus = hostCpus,
            After = after,
        };
    }

    /// <summary>
    /// After a failure: whether nothing is left of a change; false if that can no longer be checked. Edits of others elsewhere, and settings
    /// that waited for a restart before, do not matter.
    /// </summary>
    internal bool IsAsBefore(VMTuningPlan plan)
    {
        try
        {
            var (before, now) = (plan.Snapshot, Read());
            return now.Running is null == before.Running is null
                && (!plan.ChangesConfiguration || HasNothingOf(plan.Change, before.Persistent!, now.Persistent, hostCpus: null))
                && (before.Running is null || HasNothingOf(plan.Change.ForRunning, before.Running, now.Running, HostReading.ReadCpus(Host).OnlineCpus));
        }
        catch (Exception exception) when (exception is LibvirtException or KvmTuneException or ObjectDisposedException)
        {
            return false;
        }
    }

    // The configuration may be as requested already while the running VM is not: then only a restart is missing. The opposite is common
    // for an inverse: the running VM never had the setting that is removed from the configuration.
    internal static bool IsPending(VMSnapshot now, VMChange change, CpuSet hostCpus)
    {
        var (running, configured) = (now.Running!, now.Persistent!);
        return change.Settings.Any(setting => now.AwaitsDeviceOf(setting.Path))
            || SettingComparer.Pending(running.Settings, Edit(running, change).After.Settings, hostCpus).Count > 0
            || SettingComparer.ReplacesCpuInForce(running.Settings, configured.Settings, Edit(configured, change).After.Settings, hostCpus);
    }

    private T Reading<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (LibvirtException exception)
        {
            throw LibvirtErrors.Calling(exception, $"reading '{VM.Name}'");
        }
    }

    // Whether a change is made in the running VM, and whether in the configuration.
    private static (bool Live, bool Config) PlacesOf(VMChange change, VMSnapshot snapshot) => (
        snapshot.Running is { } running && change.CanBeLive && change.Scope is not ChangeScope.Config && change.ForRunning.Settings.Any(setting => running.HasDeviceOf(setting.Path)),
        snapshot.Persistent is not null && change.Scope is not ChangeScope.Live);

    private static VMSnapshot After(VMSnapshot snapshot, VMChange change)
    {
        var (live, config) = PlacesOf(change, snapshot);
        var edits = Edits(change, snapshot, live, config);
        return snapshot with { Running = edits.Running?.After ?? snapshot.Running, Persistent = edits.Persistent?.After ?? snapshot.Persistent };
    }

    // A change of both places may name a vCPU that only one of them has; a change that is required in both may not.
    private static VMConfiguration TargetOf(VMChange change, VMFacts facts)
    {
        var target = change.Scope is ChangeScope.Live ? facts.Current : facts.Configured ?? facts.Current;
        var isOfBoth = change.CanBeLive && change.Scope is ChangeScope.Auto or ChangeScope.Both;
        return !isOfBoth || facts is not { Running.MaxVcpus: var running, Configured.MaxVcpus: var configured } || running == configured
            ? target
            : target with { MaxVcpus = change.Scope is ChangeScope.Both ? Math.Min(running, configured) : Math.Max(running, configured) };
    }

    private static ChangeEdits Edits(VMChange change, VMSnapshot snapshot, bool live, bool config)
    {
        var running = live ? Edit(snapshot.Running!, change.ForRunning) : null;
        var persistent = config ? Edit(snapshot.Persistent!, change) : null;
        return new ChangeEdits(running, persistent, persistent ?? running ?? Edit(snapshot.Persistent ?? snapshot.Running!, change));
    }

    private PlanTexts TextsOf(VMChange change, ChangeEdits edits, HostPreparation? preparation) => new(
        TerminalText.Of(XmlDifference.Between(edits.Shown.Before.ToXml(), edits.Shown.After.ToXml())),
        TerminalText.Of(string.Join('\n', VirshCommands(change, edits).Prepend(preparation?.VirshCommand).Where(command => command is not null))));

    // Both documents are changed by the same commands if their changes are the same and both have the same vCPUs.
    private IEnumerable<string> VirshCommands(VMChange change, ChangeEdits edits) => edits is (not null and var running, not null and var persistent, _)
        && (change.RunningPart is not null || running.Before.ToConfiguration().MaxVcpus != persistent.Before.ToConfiguration().MaxVcpus)
        ? change.VirshCommands(VM, live: false, config: true, persistent.Before, persistent.After)
            .Concat(change.ForRunning.VirshCommands(VM, live: true, config: false, running.Before, running.After))
        : change.VirshCommands(VM, edits.Running is not null, edits.Persistent is not null, edits.Shown.Before, edits.Shown.After);

    private static bool HasNothingOf(VMChange change, DomainDocument before, DomainDocument? now, CpuSet? hostCpus) =>
        now is not null && SettingComparer.Compare(now.Settings, Edit(now, change.Inverse(before)).After.Settings, hostCpus).Count == 0;

    private RuleContext Context(
        VMChange change, VMFacts facts, VMConfiguration after, VMHostTopology hostCpus, Func<VMNeighbours>? neighbours = null)
    {
        return new RuleContext(
            change, facts, after, () => HostReading.Read(Host), neighbours ?? (() => Running.Beside(VM.Id)),
            () => Host.IsLocalQemu ? HostMemoryFacts.Read() : null)
        {
            ReadAbilities = () => HostAbilities.Read(Host),
            ReadGuestCpus = () => GuestCpuAbilities.Read(Host, after.Architecture, after.Machine, after.DomainType),
            HostCpus = hostCpus,
        };
    }

    /// <summary>The plan on documents that were just read. Edits of other settings are kept; edits of the same settings are an error.</summary>
    internal VMTuningPlan CheckAnew(VMTuningPlan plan, VMSnapshot now)
    {
        if (plan.VMId != VM.Id)
        {
            throw new ArgumentException($"The plan is of another VM ('{plan.VMName}', {plan.VMId}) than '{VM.Name}'.", nameof(plan));
        }

        var anew = Plan(plan.Change, now);
        if (anew.Differences.SequenceEqual(plan.Differences))
        {
            return anew;
        }

        // A broken rule explains more: the VM was saved or stopped since, and nobody changed a setting.
        RefuseErrors(anew);
        throw new KvmTuneException(
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

    private sealed record ChangeEdits(DocumentEdit? Running, DocumentEdit? Persistent, DocumentEdit Shown);

    private sealed record DocumentEdit(DomainDocument Before, DomainDocument After)
    {
        public bool IsReal => !XNode.DeepEquals(Before.Domain, After.Domain);
    }
}
