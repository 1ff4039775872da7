// Applies one planned change to one VM, and takes the completed steps back if a later step fails.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>Applies one plan.</summary>
internal sealed class ChangeApplication(HostConnection host, LibvirtDomain domain, VMTuningPlan plan, IChangeRecord record)
{
    private readonly VMChange _change = plan.Change;

    /// <summary>The change that takes this change back.</summary>
    public VMChange Inverse { get; } = InverseOf(plan);

    /// <summary>Changes the persistent and the running configuration, and reads the settings back.</summary>
    public List<Verification> Apply()
    {
        var verifications = new List<Verification>();
        if (plan.ChangesConfiguration)
        {
            verifications.AddRange(Define());
            record.Reach(ChangeStep.Defined);
        }

        if (plan.ChangesRunning)
        {
            try
            {
                verifications.AddRange(MakeLive());
                record.Reach(ChangeStep.MadeLive);
            }
            catch (Exception exception) when (exception is LibvirtException or KvmTuneException)
            {
                TakeBackConfiguration();
                throw;
            }
        }

        return verifications;
    }

    /// <summary>
    /// Gives the VM a new QEMU process, so that the change comes into force. If that fails or is cancelled, the configuration is as before, and
    /// the VM runs or its complete state is saved.
    /// </summary>
    /// <param name="way">The way of the restart. If a suspend is refused and the options allow both ways, the VM is rebooted instead.</param>
    /// <param name="options">The options of the restart.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Cancels the restart, until the guest is asked to shut down or its state is saved.</param>
    public async Task<RestartOutcome> RestartAsync(RestartWay way, RestartOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        IReadOnlyList<string> notes = [];
        if (way.By == RestartBy.Suspend)
        {
            try
            {
                var suspended = await new VMSuspender(domain, time, options, record.Reach).RunAsync(EditSaved, cancellationToken);
                return new RestartOutcome(RestartBy.Suspend, suspended.Pause, null, suspended.Notes);
            }
            catch (SuspendRefusedException refused) when (options.By == RestartBy.Auto)
            {
                way = new RestartWay(RestartBy.Reboot, refused.Cause, null);
                notes = [$"It was rebooted instead of suspended, since {refused.Cause}."];
            }
            catch (KvmTuneException exception) when (exception.ErrorId != "ConnectionLost")
            {
                TakeBackConfiguration();
                throw new KvmTuneException(exception.ErrorId, exception.Category, $"{exception.Message} The change was taken back.", exception);
            }
            catch (Exception exception) when (exception is not (KvmTuneException or LibvirtException { IsConnectionLost: true }))
            {
                TakeBackConfiguration();
                throw;
            }
        }

        await RebootAsync(new VMRestarter(time, options), cancellationToken);
        return new RestartOutcome(RestartBy.Reboot, null, way.Reason, notes);
    }

    /// <summary>
    /// Restarts the VM so that it uses the new configuration. If that fails or is cancelled, the configuration is as before and
    /// the VM runs: if it does not start with the new configuration, it starts with the old one.
    /// </summary>
    private async Task RebootAsync(VMRestarter restarter, CancellationToken cancellationToken)
    {
        bool hadAgent;
        try
        {
            record.Reach(ChangeStep.ShuttingDown);
            hadAgent = await restarter.ShutDownAsync(domain, cancellationToken);
            record.Reach(ChangeStep.ShutDown);
        }
        catch (Exception exception) when (exception is KvmTuneException or LibvirtException or OperationCanceledException)
        {
            // The VM runs as before. Without the requested restart, the change must not wait in the configuration.
            TakeBackConfiguration();
            throw;
        }

        if (cancellationToken.IsCancellationRequested)
        {
            TakeBackConfiguration();
            VMRestarter.Start(domain);
            cancellationToken.ThrowIfCancellationRequested();
        }

        try
        {
            await restarter.StartAsync(domain, hadAgent, cancellationToken);
            record.Reach(ChangeStep.Started);
        }
        catch (KvmTuneException exception) when (exception.ErrorId == VMRestarter.StartFailed)
        {
            TakeBackConfiguration();
            VMRestarter.Start(domain);
            throw new KvmTuneException(
                exception.ErrorId, exception.Category,
                $"{exception.Message} The change was taken back, and the VM runs with its former configuration.", exception);
        }
    }

    /// <summary>Checks from outside libvirt whether the change is in force after a restart.</summary>
    /// <returns>The values that were read back, and the steps that are left to the user.</returns>
    public async Task<(IReadOnlyList<Verification> Verifications, IReadOnlyList<string> Notes)> VerifyRestartedAsync(
        TimeProvider time, CancellationToken cancellationToken)
    {
        var target = new RestartedTarget(domain, DomainXmlReader.Read(domain.GetXml()), FindProcess()) { Time = time };
        return (await _change.VerifyRestartedAsync(target, cancellationToken), target.Notes.ToList());
    }

    /// <summary>
    /// The change that takes a plan back. It is a single change even if the two documents differed before, so that one step undoes the plan, and one
    /// step can undo that undo.
    /// </summary>
    internal static VMChange InverseOf(VMTuningPlan plan)
    {
        var ofConfiguration = plan.ChangesConfiguration ? plan.Change.Inverse(plan.Snapshot.Persistent!) : null;
        var ofRunning = plan.ChangesRunning ? plan.Change.ForRunning.Inverse(plan.Snapshot.Running!) : null;
        if (ofConfiguration is null)
        {
            return ofRunning! with { Scope = ChangeScope.Live };
        }

        if (ofRunning is null)
        {
            // A change of a VM that is off, or of a device that it gets when it starts, comes into force then, so the inverse may have to change the
            // running VM too.
            var waits = plan.Snapshot.Running is null || ofConfiguration.Settings.Any(setting => plan.Snapshot.AwaitsDeviceOf(setting.Path));
            return ofConfiguration with { Scope = waits ? plan.Change.Scope : ChangeScope.Config };
        }

        return ofConfiguration with
        {
            Scope = ChangeScope.Auto,
            RunningPart = ofConfiguration.Settings.SequenceEqual(ofRunning.Settings) ? null : ofRunning,
        };
    }

    // As with any restart, other settings that wait in the configuration come into force too, if the guest cannot see them.
    private void EditSaved(DomainDocument saved)
    {
        SavedState.Set(saved, SavedState.Waiting(saved, VMReading.Persistent(domain), plan.HostCpus!.OnlineCpus));
        _change.Edit(saved);
    }

    private List<Verification> Define()
    {
        var document = plan.Snapshot.Persistent!.Copy();
        _change.Edit(document);
        var (connection, edited) = (host.Write(), document.ToXml());

        // libvirt has no conditional define, so the define follows the check directly.
        var now = Persistent();
        if (!plan.Snapshot.Persistent.IsFrom(now))
        {
            var theirs = SettingComparer.Compare(plan.Snapshot.Persistent.Settings, DomainDocument.FromLibvirt(now).Settings);
            throw new KvmTuneException(
                "ConcurrentEdit", KvmTuneErrorCategory.ResourceBusy,
                $"The configuration of '{plan.VMName}' was changed by somebody else at the same moment ({(theirs.Count > 0 ? string.Join("; ", theirs) : "no setting that KvmTune knows")}). Nothing was written; try again.");
        }

        using (connection.DefineXml(edited, validate: true))
        {
            // The new handle is not needed: the domain is already held here.
        }

        // Compare with the result of the edit, not with the request: an I/O thread that another disk uses by now is not removed.
        var defined = VMReading.Persistent(domain);
        var verifications = _change.Settings.Select(setting => Verified(SettingCatalog.Get(setting.Path), setting.Path, document.Get(setting.Path), defined.Get(setting.Path))).ToList();
        if (verifications.Any(verification => !verification.IsMet))
        {
            TakeBackConfiguration();
            throw NotEffective(verifications);
        }

        return verifications;
    }

    private IReadOnlyList<Verification> MakeLive()
    {
        var change = _change.ForRunning;
        var hostCpus = plan.HostCpus!;
        var target = new LiveTarget(domain, plan.Snapshot.Running!.ToConfiguration(), hostCpus.OnlineCpus, hostCpus.CpuMapLength, FindProcess());
        try
        {
            change.ApplyLive(target);
            var verifications = change.VerifyLive(target);
            return verifications.All(verification => verification.IsMet) ? verifications : throw NotEffective(verifications);
        }
        catch (Exception exception) when (exception is LibvirtException or KvmTuneException)
        {
            change.Inverse(plan.Snapshot.Running!).ApplyLive(target);
            throw;
        }
    }

    // Takes back only this change: later edits by others stay.
    private void TakeBackConfiguration()
    {
        if (!plan.ChangesConfiguration)
        {
            return;
        }

        var (connection, inverse) = (host.Write(), _change.Inverse(plan.Snapshot.Persistent!));
        string now, edited;
        do
        {
            now = Persistent();
            var document = DomainDocument.Parse(now);
            inverse.Edit(document);
            edited = document.ToXml();
        }
        while (Persistent() != now);

        using (connection.DefineXml(edited, validate: true))
        {
            // The new handle is not needed: the domain is already held here.
        }
    }

    private string Persistent() => domain.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);

    private static Verification Verified(Setting setting, SettingPath path, string? expected, string? actual) => new(
        path.ToString(), VerifiedBy.Libvirt, "libvirt: persistent configuration", Shown(expected), Shown(setting.IsSame(expected, actual) ? expected : actual));

    private QemuProcess? FindProcess() => host.IsLocalQemu ? QemuProcess.Find(domain.Name, domain.Id) : null;

    private KvmTuneException NotEffective(IReadOnlyList<Verification> verifications) => new(
        "ChangeNotEffective", KvmTuneErrorCategory.InvalidResult,
        $"'{plan.Title}' on '{plan.VMName}' did not take effect and was taken back: {string.Join("; ", verifications.Where(verification => !verification.IsMet))}.");

    private static string Shown(string? value) => value switch { null => "(not set)", "" => "(there)", _ => value };
}
