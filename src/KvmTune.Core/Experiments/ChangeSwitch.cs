// Switches a VM between "without the change" and "with it", with the same code as every other change, and always knows how to undo it.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Experiments;

/// <summary>The change of an experiment on its VM: one plan, or several that count as one.</summary>
internal sealed class ChangeSwitch(
    HostConnection host, VMTuner tuner, IReadOnlyList<VMTuningPlan> asked, ApplyOptions options) : IExperimentSubject
{
    // The way of restarting is chosen only once, because boots and resumes cannot be compared.
    private ApplyOptions _options = options;

    private readonly List<HostPreparation> _preparations = [];
    private readonly List<long> _journalIds = [];

    // The journal entry of each plan in force, for undoing it.
    private readonly Dictionary<VMTuningPlan, long> _entries = new(ReferenceEqualityComparer.Instance);

    // The plans for the VM's present state. Those that need a restart come last, so that one restart serves all.
    private List<VMTuningPlan> _plans = InOrder(asked);
    private List<VMChange> _inverse = [];

    /// <inheritdoc/>
    public string Title => string.Join("; ", asked.Select(plan => plan.Title));

    /// <inheritdoc/>
    public bool NeedsRestart => _plans.Any(plan => plan.RequiresRestart);

    /// <inheritdoc/>
    public RestartWay? Way { get; private set; }

    /// <inheritdoc/>
    public IReadOnlyList<long> JournalIds => _journalIds.ToList();

    /// <inheritdoc/>
    public void Check()
    {
        for (var index = 0; index < asked.Count; index++)
        {
            tuner.Planner.CheckAnew(asked[index], [.. asked.Take(index).Select(plan => plan.Change)]);
        }

        _plans = InOrder(tuner.Planner.PlanTogether([.. InOrder(asked).Select(plan => plan.Change)]));
        foreach (var plan in _plans)
        {
            VMPlanner.RefuseErrors(plan);
            if (!plan.HasChanges)
            {
                throw new KvmTuneException(
                    "NothingToTry", KvmTuneErrorCategory.InvalidOperation,
                    plan.RequiresRestart
                        ? $"'{plan.Title}' is configured already in '{plan.VMName}' and waits for a restart. Take it back first, so that there is something to compare with."
                        : $"'{plan.VMName}' already has this setting: {plan.Title}. There is nothing to try.");
            }
        }

        if (NeedsRestart && !_options.Restart)
        {
            throw new KvmTuneException(
                "RestartRequired", KvmTuneErrorCategory.InvalidOperation,
                $"'{Title}' comes into force only after a restart of '{asked[0].VMName}'. Add -Restart if the VM may be restarted several times. Nothing was measured.");
        }

        if (NeedsRestart)
        {
            RefuseOtherPendingChanges();
            ChooseWay(_plans);
        }

        _inverse = [.. _plans.Select(ChangeApplication.InverseOf)];
    }

    /// <summary>Chooses the way of restarting, if a restart is needed and no way is chosen yet.</summary>
    /// <exception cref="KvmTuneException">A suspend was requested but is not possible (<c>CannotSuspend</c>).</exception>
    public void ChooseWay(IReadOnlyList<VMTuningPlan> plans)
    {
        if (Way is null && _options.Restart && plans.Any(plan => plan.RequiresRestart))
        {
            var ways = plans.Where(plan => plan.RequiresRestart).Select(plan => tuner.Planner.WayOf(plan, _options.RestartOptions)).ToList();
            Way = ways.Find(way => way.By == RestartBy.Reboot) ?? ways[0];
            _options = _options with { Way = Way, RestartOptions = _options.RestartOptions with { By = Way.By } };
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<VMTuningResult>> ApplyAsync(CancellationToken cancellationToken)
    {
        var results = new List<VMTuningResult>();
        foreach (var plan in _plans)
        {
            var result = Recorded(await tuner.ApplyAsync(
                plan, _options with { Restart = plan == _plans[^1] && plan.RequiresRestart }, cancellationToken));
            results.Add(result);
            if (result.JournalId is { } id)
            {
                _entries[plan] = id;
            }

            if (result.Plan.Preparation is { } preparation)
            {
                _preparations.Add(preparation);
            }
        }

        // The restart for the last plan put the others in force too.
        return results[^1].Restarted
            ? [.. results.Select(result => result.Outcome == TuningOutcome.RestartPending ? result with { Outcome = TuningOutcome.Applied, Restarted = true, RestartedBy = results[^1].RestartedBy } : result)]
            : results;
    }

    /// <inheritdoc/>
    public async Task UndoAsync(CancellationToken cancellationToken)
    {
        // The plans that need a restart come last, so they are taken back first, and the last of them restarts for all.
        var restarting = Math.Max(0, _plans.FindIndex(plan => plan.RequiresRestart));
        int? waiting = null;
        for (var i = _plans.Count - 1; i >= 0; i--)
        {
            var result = await UndoAsync(i, _options.Restart && i == restarting, cancellationToken);
            waiting = result.Outcome == TuningOutcome.RestartPending ? i : result.Restarted ? null : waiting;
        }

        if (waiting is { } left && _options.Restart)
        {
            await UndoAsync(left, restart: true, cancellationToken);
        }

        _entries.Clear();
    }

    /// <inheritdoc/>
    public Task RestartAsync(CancellationToken cancellationToken) =>
        // With the change in force, undo looks for the entry of that change.
        tuner.RestartAsync(_plans[^1], _options with { Undoes = EntryOf(_plans[^1]) }, cancellationToken);

    /// <inheritdoc/>
    public string? WhyNotSwitched => _plans.Count > 1
        ? "several changes are tried as one"
        : LiveSwitch.WhyNot(_plans[0]);

    /// <inheritdoc/>
    public async Task<ILiveSwitch> OpenSwitchAsync(CancellationToken cancellationToken)
    {
        var opened = await tuner.OpenSwitchAsync(_plans[0], _options, cancellationToken);
        if (opened.Result.JournalId is { } id)
        {
            _journalIds.Add(id);
        }

        return opened;
    }

    /// <inheritdoc/>
    public void TakeBackPreparations()
    {
        foreach (var preparation in Enumerable.Reverse(_preparations))
        {
            preparation.TakeBack();
        }

        _preparations.Clear();
    }

    private static List<VMTuningPlan> InOrder(IEnumerable<VMTuningPlan> plans) => [.. plans.OrderBy(plan => plan.RequiresRestart)];

    private async Task<VMTuningResult> UndoAsync(int index, bool restart, CancellationToken cancellationToken)
    {
        var undo = _options with { Restart = restart, Undoes = EntryOf(_plans[index]) };
        try
        {
            return Recorded(await tuner.ApplyAsync(tuner.Planner.Plan(_inverse[index], cancellationToken), undo, cancellationToken));
        }
        catch (Exception exception) when (restart && exception is KvmTuneException or LibvirtException)
        {
            // A failed restart takes back the step before it, which here is the undo. So the undo is made again, and its restart stays pending.
            Recorded(await tuner.ApplyAsync(tuner.Planner.Plan(_inverse[index], cancellationToken), undo with { Restart = false }, cancellationToken));
            throw;
        }
    }

    private long? EntryOf(VMTuningPlan plan) => _entries.TryGetValue(plan, out var entry) ? entry : null;

    private VMTuningResult Recorded(VMTuningResult result)
    {
        if (result.JournalId is { } id)
        {
            _journalIds.Add(id);
        }

        return result;
    }

    // A restart for this change would put them in force too, so that more than one thing would have changed.
    private void RefuseOtherPendingChanges()
    {
        using var domain = host.Write().TryLookupByUuid(asked[0].VMId) ?? throw host.VMNotFound(asked[0].VMName, asked[0].VMId);
        var others = VMTopologyReader.Read(domain, host.Uri, HostReading.OnlineCpus(host)).Differences;
        if (others.Count > 0)
        {
            throw new KvmTuneException(
                "OtherChangesPending", KvmTuneErrorCategory.InvalidOperation,
                $"'{asked[0].VMName}' runs with other settings than it is configured with, and the restarts of this experiment would change those too: {string.Join("; ", others)}. Restart it first (Restart-VMDomain), or take those changes back.");
        }
    }
}
