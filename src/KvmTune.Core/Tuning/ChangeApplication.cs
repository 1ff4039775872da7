// Applies one planned change to one VM, and takes back what it had done when a later step fails.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>One run of the applying part of the path.</summary>
internal sealed class ChangeApplication(HostConnection host, LibvirtDomain domain, VMTuningPlan plan, IChangeRecord record)
{
    private readonly VMChange _change = plan.Change;

    /// <summary>The change that takes this one back.</summary>
    public VMChange Inverse { get; } = InverseOf(plan);

    /// <summary>Makes the persistent and the live part, and reads the settings back.</summary>
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
    /// Gives the VM a new QEMU process, so that the change comes into force. When that fails or is cancelled, the configuration is as before, and
    /// the VM runs, or its whole state is saved.
    /// </summary>
    /// <param name="way">By which way. Where a suspend is refused and the options leave the choice, it is a reboot after all.</param>
    /// <param name="options">How.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends it as long as the guest has not been asked to shut down, or its state is not saved yet.</param>
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
            catch (OperationCanceledException)
            {
                TakeBackConfiguration();
                throw;
            }
        }

        await RebootAsync(new VMRestarter(time, options), cancellationToken);
        return new RestartOutcome(RestartBy.Reboot, null, way.Reason, notes);
    }

    /// <summary>
    /// Restarts the VM so that it takes the new configuration. When that fails or is cancelled, the configuration is as before
    /// and the VM runs: one that will not start with the new configuration starts with the old one.
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
            // It still runs as before: without the restart that was asked for, the change must not wait in the configuration.
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

    /// <summary>Looks from outside libvirt at what a restart has put in force.</summary>
    /// <returns>What was read back, and what is left for a person to do.</returns>
    public async Task<(IReadOnlyList<Verification> Verifications, IReadOnlyList<string> Notes)> VerifyRestartedAsync(
        TimeProvider time, CancellationToken cancellationToken)
    {
        var target = new RestartedTarget(domain, DomainXmlReader.Read(domain.GetXml()), FindProcess()) { Time = time };
        return (await _change.VerifyRestartedAsync(target, cancellationToken), target.Notes.ToList());
    }

    /// <summary>The change that takes a plan back: one, whatever the two documents had before, so that undoing is one step, and can itself be undone in one.</summary>
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
            // What was configured while the VM was off has come into force with its start, and goes out of force with the inverse.
            return ofConfiguration with { Scope = plan.Snapshot.Running is null ? plan.Change.Scope : ChangeScope.Config };
        }

        return ofConfiguration with
        {
            Scope = ChangeScope.Auto,
            RunningPart = ofConfiguration.Settings.SequenceEqual(ofRunning.Settings) ? null : ofRunning,
        };
    }

    // What else waits in the configuration comes into force too, as with any restart, where the guest cannot see it.
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

        // libvirt has no define that takes a condition: the two calls follow each other with nothing between them.
        if (!plan.Snapshot.Persistent.IsFrom(Persistent()))
        {
            throw new KvmTuneException(
                "ConcurrentEdit", KvmTuneErrorCategory.ResourceBusy,
                $"The configuration of '{plan.VMName}' was changed by somebody else at the same moment. Nothing was written; try again.");
        }

        using (connection.DefineXml(edited, validate: true))
        {
            // The new handle names the domain that is held here already.
        }

        // The result of the edit is expected, not the request: an I/O thread that another disk uses by now stays.
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

    // Takes back only what this change did: another's edit since then stays.
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
            // The new handle names the domain that is held here already.
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
