// Makes a change in a running VM and takes it back many times, as one entry of the journal. The data for undo is on the disk before
// the first time.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>Switches a running VM between two sides: without a change and with it.</summary>
internal interface ILiveSwitch : IDisposable
{
    /// <summary>The result to report for the change while the VM has it.</summary>
    VMTuningResult Result { get; }

    /// <summary>Switches the running VM to a side and reads the settings back. Does nothing if the VM is already on that side.</summary>
    /// <exception cref="KvmTuneException">The switch failed, or somebody else changed the same settings by now (<c>ConcurrentEdit</c>).</exception>
    void To(bool isCandidate);

    /// <summary>Leaves the VM with the change, also in its configuration if the change includes it, and records that in the journal.</summary>
    VMTuningResult Keep();

    /// <summary>Leaves the VM without the change. Does nothing if the change was already kept or taken back.</summary>
    /// <param name="cause">The error that caused it; null if it was a decision.</param>
    void TakeBack(Exception? cause);
}

/// <summary>The switch of a libvirt domain. The VM is held against other processes until it is disposed.</summary>
internal sealed class LiveSwitch : ILiveSwitch
{
    private readonly VMPlanner _planner;
    private readonly IChangeRecord _record;
    private readonly VMTuningPlan _plan;
    private readonly VMChange _there;
    private readonly VMChange _back;
    private readonly string _number;

    // The last seen running document of each side: as long as it is the same, nobody has changed anything.
    private readonly Dictionary<bool, DomainDocument> _seen = [];

    // Null while the side is unknown: during a switch, or after a failed one.
    private bool? _isCandidate = false;
    private bool _isOver;

    /// <summary>Creates the switch for a plan whose intent is in the journal.</summary>
    /// <param name="planner">The VM's planner.</param>
    /// <param name="record">The entry, already begun.</param>
    /// <param name="plan">The plan, checked against the VM.</param>
    /// <param name="result">The result to report for the change.</param>
    public LiveSwitch(VMPlanner planner, IChangeRecord record, VMTuningPlan plan, VMTuningResult result)
    {
        (_planner, _record, _plan, Result) = (planner, record, plan, result);
        var running = plan.Snapshot.Running!;
        _there = plan.Change.ForRunning;
        _back = _there.Inverse(running);
        _number = NumberOf(running);
        _seen[false] = running;
    }

    /// <inheritdoc/>
    public VMTuningResult Result { get; private set; }

    /// <summary>The reason why a plan cannot be switched in a running VM; null if it can.</summary>
    public static string? WhyNot(VMTuningPlan plan) =>
        plan.Confirmations.Count > 0 ? $"it needs a confirmation, since data or a service is at risk ({string.Join("; ", plan.Confirmations.Select(finding => finding.RuleId))})"
        : plan.RequiresRestart ? "it comes into force only after a restart"
        : plan.Preparation is not null ? "it needs a preparation of the host"
        : !plan.ChangesRunning ? "it does not change the running VM"
        : null;

    /// <inheritdoc/>
    public void To(bool isCandidate)
    {
        if (isCandidate == _isCandidate)
        {
            return;
        }

        RefuseOthersEdit();
        Make(isCandidate);
    }

    /// <inheritdoc/>
    public VMTuningResult Keep()
    {
        RefuseOthersEdit();
        var anew = _planner.Plan(_plan.Change, _planner.Read(_plan.Change.Scope));
        VMPlanner.RefuseErrors(anew);
        var verifications = new ChangeApplication(_planner.Host, _planner.Domain(), anew, _record).Apply();
        _planner.Host.NoteChange(_plan.VMId);
        _isCandidate = true;
        _isOver = true;
        return Result = _record.Complete(Result with { Verifications = verifications });
    }

    /// <inheritdoc/>
    public void TakeBack(Exception? cause)
    {
        if (_isOver)
        {
            return;
        }

        try
        {
            // Only the running VM was changed, so a VM that stopped or was started again has nothing of the change left.
            if (_isCandidate != false && VMReading.Running(_planner.Domain()) is { } running && NumberOf(running) == _number)
            {
                RefuseCollision(running);
                Make(isCandidate: false);
            }
        }
        catch (Exception exception)
        {
            _record.Fail(cause ?? exception, isTakenBack: false);
            _isOver = true;
            throw;
        }

        _isOver = true;
        _planner.Host.NoteChange(_plan.VMId);
        if (cause is null)
        {
            Result = _record.CompleteTakenBack(Result);
        }
        else
        {
            _record.Fail(cause, isTakenBack: true);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _record.Dispose();

    private void Make(bool isCandidate)
    {
        var change = isCandidate ? _there : _back;
        var target = Target();
        _isCandidate = null;
        change.ApplyLive(target);
        var verifications = change.VerifyLive(target);
        var missed = verifications.Where(verification => !verification.IsMet).ToList();
        if (missed.Count > 0)
        {
            throw new KvmTuneException(
                "ChangeNotEffective", KvmTuneErrorCategory.InvalidResult,
                $"'{change.Title}' on '{_plan.VMName}' did not take effect: {string.Join("; ", missed)}.");
        }

        _isCandidate = isCandidate;
        Result = isCandidate ? Result with { Verifications = verifications } : Result;
    }

    private LiveTarget Target()
    {
        var domain = _planner.Domain();
        return new LiveTarget(
            domain, _plan.Snapshot.Running!.ToConfiguration(), _plan.HostCpus!.OnlineCpus, _plan.HostCpus.CpuMapLength,
            _planner.Host.IsLocalQemu ? QemuProcess.Find(domain.Name, domain.Id) : null);
    }

    // libvirt's number of a running domain: another number means another process.
    private static string NumberOf(DomainDocument running) => running.Domain.Attribute("id")?.Value ?? string.Empty;

    private void RefuseOthersEdit()
    {
        if (_isCandidate is { } current && _seen.TryGetValue(current, out var before) && before.IsFrom(_planner.Domain().GetXml(DomainXmlFlags.Secure)))
        {
            return;
        }

        var running = VMReading.Running(_planner.Domain());
        if (running is null || NumberOf(running) != _number)
        {
            throw new KvmTuneException(
                "GuestLost", KvmTuneErrorCategory.ResourceUnavailable, $"'{_plan.VMName}' stopped running, or was started again, while '{_plan.Title}' was tried.");
        }

        if (_isCandidate is not { } side)
        {
            return;
        }

        if (!IsSo(running, side ? _there : _back))
        {
            throw new KvmTuneException(
                "ConcurrentEdit", KvmTuneErrorCategory.ResourceBusy,
                $"Somebody else changed what '{_plan.Title}' changes, in '{_plan.VMName}', while it was tried.");
        }

        _seen[side] = running;
    }

    // As for undo: a value that neither the change nor the state before it has was set by somebody else, and stays.
    private void RefuseCollision(DomainDocument running)
    {
        var left = Differences(running, _there);
        var before = Differences(running, _back);
        var others = left.Select(difference => difference.Setting).Intersect(before.Select(difference => difference.Setting), StringComparer.Ordinal).ToList();
        if (others.Count > 0)
        {
            throw new KvmTuneException(
                "UndoCollides", KvmTuneErrorCategory.ResourceBusy,
                $"'{_plan.Title}' cannot be taken back from '{_plan.VMName}', since somebody else has changed the same meanwhile: {string.Join("; ", others)}.");
        }
    }

    private bool IsSo(DomainDocument running, VMChange change) => Differences(running, change).Count == 0;

    private IReadOnlyList<ConfigurationDifference> Differences(DomainDocument running, VMChange change)
    {
        var copy = running.Copy();
        change.Edit(copy);
        return SettingComparer.Compare(running.Settings, copy.Settings, _plan.HostCpus!.OnlineCpus);
    }
}
