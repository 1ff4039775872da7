// Gives a VM a new QEMU process without a reboot: managed save, an edit of the definition saved with the state, and a start.
using System.Globalization;
using System.Xml.Linq;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning;

/// <summary>
/// libvirt did not save the VM's state, or did not accept its new definition: the VM runs as before, and nothing of the guest's state is lost.
/// </summary>
/// <param name="message">The reason, and what to do.</param>
/// <param name="cause">The reason, without what to do.</param>
/// <param name="exception">The error behind it.</param>
internal sealed class SuspendRefusedException(string message, string cause, Exception exception)
    : KvmTuneException(VMSuspender.Refused, KvmTuneErrorCategory.InvalidOperation, message, exception)
{
    public string Cause => cause;
}

/// <summary>The result of a suspend.</summary>
/// <param name="Pause">The time from the request to save the state until the guest ran again.</param>
/// <param name="Notes">What the user should know or still has to do.</param>
internal sealed record SuspendOutcome(TimeSpan Pause, IReadOnlyList<string> Notes);

/// <summary>Suspends one VM and resumes it.</summary>
/// <remarks>
/// The guest's state is in the memory of a QEMU process or, complete, in libvirt's file; libvirt removes one only when it has the other. An
/// incomplete file is marked and never used (libvirt 9.0 qemuSaveImageOpen). If the daemon ends during a save, the guest continues when the
/// daemon is back (qemuProcessRecoverJob). So if KvmTune or libvirt dies in between, the next start resumes from there.
/// </remarks>
/// <param name="domain">The VM.</param>
/// <param name="time">The clock.</param>
/// <param name="options">The options.</param>
/// <param name="reach">Receives each step when it is reached.</param>
internal sealed class VMSuspender(LibvirtDomain domain, TimeProvider time, RestartOptions options, Action<ChangeStep> reach)
{
    /// <summary>The error id of a VM that libvirt does not suspend, or not for this change; it runs as before.</summary>
    public const string Refused = "SuspendRefused";

    /// <summary>The error id of a VM with a saved state that resumed neither with the new settings nor with the old ones.</summary>
    public const string NotResumed = "ResumeFailed";

    private const string ReadFunction = "virDomainManagedSaveGetXMLDesc";

    // How long to wait for the agent of a guest that had one. A later agent is no error.
    private static readonly TimeSpan AgentLimit = TimeSpan.FromSeconds(10);

    // From a restored state to running CPUs it takes a moment. A daemon that died in between never starts them.
    private static readonly TimeSpan CpusLimit = TimeSpan.FromSeconds(10);

    /// <summary>Suspends a running VM, edits its saved definition, and resumes the VM.</summary>
    /// <param name="edit">Edits the definition.</param>
    /// <param name="cancellationToken">Cancels the save; the guest then continues. A saved guest is resumed in any case.</param>
    /// <exception cref="SuspendRefusedException">The VM runs as before; a reboot may succeed where a suspend does not.</exception>
    /// <exception cref="KvmTuneException">
    /// The VM did not start with the new settings, and resumes with the former ones (<see cref="VMRestarter.StartFailed"/>); its state is saved and
    /// it does not run (<see cref="NotResumed"/>); or the daemon is gone (<c>ConnectionLost</c>).
    /// </exception>
    public async Task<SuspendOutcome> RunAsync(Action<DomainDocument> edit, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var hadAgent = HasAgent(domain);
        options.Progress?.Report(RestartStep.Saving);
        reach(ChangeStep.Saving);
        var began = time.GetTimestamp();
        await SaveAsync(cancellationToken);
        using var agent = PrepareResume(edit, hadAgent, out var former, cancellationToken);
        Resume(former);
        var pause = time.GetElapsedTime(began);
        reach(ChangeStep.Started);
        return new SuspendOutcome(pause, await SetClockAsync(agent, hadAgent, pause));
    }

    // After the save every failure ends with a guest that runs as before, unless the daemon is gone.
    private AgentWait PrepareResume(Action<DomainDocument> edit, bool hadAgent, out string? former, CancellationToken cancellationToken)
    {
        former = null;
        try
        {
            reach(ChangeStep.Saved);
            cancellationToken.ThrowIfCancellationRequested();
            former = Edit(edit);
            reach(ChangeStep.SavedStateEdited);
            options.Progress?.Report(RestartStep.Resuming);
            return new AgentWait(domain, hadAgent);
        }
        catch (Exception exception) when (exception is not KvmTuneException { ErrorId: "ConnectionLost" })
        {
            TakeBackEdit(former);
            Resume(former: null);
            throw;
        }
    }

    /// <summary>
    /// Completes a suspend that another process left: waits for a save that libvirt is still making, puts settings into the saved definition, and
    /// resumes the guest.
    /// </summary>
    /// <returns>What the user should know; empty if no state was saved.</returns>
    /// <exception cref="KvmTuneException">
    /// The VM did not resume (<see cref="NotResumed"/>); this user may not read the saved state (<c>PermissionDenied</c>); or the daemon is gone
    /// (<c>ConnectionLost</c>). The state stays saved.
    /// </exception>
    public async Task<IReadOnlyList<string>> EndAsync(Action<DomainDocument> edit, CancellationToken cancellationToken)
    {
        await WaitUntilSavedAsync(cancellationToken);
        if (domain.IsActive)
        {
            RunOn();
            return [];
        }

        if (!domain.HasManagedSave)
        {
            return [];
        }

        var mayHaveAgent = true;
        string? unedited = null;
        string? damage = null;
        try
        {
            var saved = DomainDocument.Parse(domain.GetManagedSaveXml(DomainXmlFlags.Secure));
            mayHaveAgent = saved.ToConfiguration().HasGuestAgentChannel;
            edit(saved);
            domain.DefineManagedSaveXml(saved.ToXml());
        }
        catch (LibvirtException exception)
        {
            var said = exception.Message.TrimEnd('.');
            switch (SavedStateProblems.Of(exception, () => domain.HasManagedSave))
            {
                case SavedStateProblem.ConnectionLost:
                    throw Lost(exception, "its saved definition was being read");
                case SavedStateProblem.NotPermitted:
                    throw NotPermitted(exception);
                case SavedStateProblem.Absent:
                    return [];
                case SavedStateProblem.Damaged when exception.Function == ReadFunction:
                    damage = said;
                    break;
                default:
                    // The guest resumes with the unedited definition: keeping the guest's state matters most.
                    unedited = said;
                    break;
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // As above, whatever the reason.
            unedited = exception.Message.TrimEnd('.');
        }

        using var agent = new AgentWait(domain, mayHaveAgent);
        options.Progress?.Report(RestartStep.Resuming);
        Resume(former: null, damage);
        // libvirt marks an incomplete file, and boots the VM instead.
        var state = domain.GetState(out var reason);
        if (state == DomainState.Running && (DomainRunningReason)reason is var why && (why == DomainRunningReason.Booted || (damage is not null && why != DomainRunningReason.Restored)))
        {
            return [$"What was saved of '{domain.Name}' is not whole ({damage ?? "libvirt did not use it"}): the machine went down, or QEMU was ended, before it was. The VM was started, and its guest boots."];
        }

        List<string> notes = [$"The state of '{domain.Name}' was saved since its suspend was interrupted; the guest goes on from there."];
        if (unedited is not null)
        {
            notes.Add($"Its saved definition could not be edited ({unedited}), so it goes on with the settings with which it was saved.");
        }

        return [.. notes, .. await SetClockAsync(agent, mayHaveAgent, pause: null)];
    }

    /// <summary>Whether the guest agent is connected, by the running document.</summary>
    private static bool HasAgent(LibvirtDomain domain) => DomainDocument.FromLibvirt(domain.GetXml()).Domain.Descendants("channel").Elements("target")
        .Any(target => (string?)target.Attribute("name") == "org.qemu.guest_agent.0" && (string?)target.Attribute("state") == "connected");

    private async Task SaveAsync(CancellationToken cancellationToken)
    {
        try
        {
            var save = Task.Run(domain.ManagedSave, CancellationToken.None);
            await using var registration = cancellationToken.Register(() => _ = Task.Run(TryAbort));
            await save;
        }
        catch (LibvirtException exception) when (exception.IsConnectionLost)
        {
            throw Lost(exception, "its state was being saved");
        }
        catch (LibvirtException exception)
        {
            RunOn();
            cancellationToken.ThrowIfCancellationRequested();
            throw WasRefused($"libvirt did not save its state: {exception.Message.TrimEnd('.')}", exception);
        }
    }

    // Returns the definition before the edit: the guest resumes with it if it does not start with the edited one.
    private string Edit(Action<DomainDocument> edit)
    {
        try
        {
            var former = domain.GetManagedSaveXml(DomainXmlFlags.Secure);
            var saved = DomainDocument.Parse(former);
            edit(saved);
            domain.DefineManagedSaveXml(saved.ToXml());
            return former;
        }
        catch (LibvirtException exception) when (exception.IsConnectionLost)
        {
            throw Lost(exception, "its saved definition was being edited");
        }
        catch (Exception exception)
        {
            throw WasRefused($"libvirt did not take the new definition of its saved state: {exception.Message.TrimEnd('.')}", exception);
        }
    }

    private void TakeBackEdit(string? former)
    {
        try
        {
            if (former is not null)
            {
                domain.DefineManagedSaveXml(former);
            }
        }
        catch (LibvirtException)
        {
            // The guest must run in any case, then with the new settings. A lost connection is an error of the resume.
        }
    }

    // Resumes a saved guest, with its former definition if it does not start with the present one.
    private void Resume(string? former, string? damage = null)
    {
        try
        {
            domain.Start();
        }
        catch (LibvirtException exception) when (exception.IsConnectionLost)
        {
            throw Lost(exception, "it was being resumed");
        }
        catch (LibvirtException exception) when (former is not null)
        {
            try
            {
                domain.DefineManagedSaveXml(former);
            }
            catch (LibvirtException second)
            {
                throw NotGoingOn(second);
            }

            Resume(former: null);
            throw new KvmTuneException(
                VMRestarter.StartFailed, KvmTuneErrorCategory.InvalidOperation,
                $"The VM '{domain.Name}' did not start with the new settings: {exception.Message.TrimEnd('.')}. The guest goes on with its former ones, and nothing of its state is lost.", exception);
        }
        catch (LibvirtException exception) when (!TryIsActive())
        {
            throw damage is null ? NotGoingOn(exception) : IsDamaged(exception, damage);
        }
        catch (LibvirtException)
        {
            // Somebody else started the VM first.
        }
    }

    // After a failed save libvirt lets the guest continue. If it left a file, that is older than the guest from now on, and a start from
    // it would take the guest back in time.
    private void RunOn()
    {
        if (!domain.IsActive)
        {
            if (domain.HasManagedSave)
            {
                Resume(former: null);
            }

            return;
        }

        try
        {
            if (domain.GetState(out var reason) == DomainState.Paused && (DomainPausedReason)reason is DomainPausedReason.Saving or DomainPausedReason.Migration)
            {
                domain.Resume();
            }

            if (domain.HasManagedSave)
            {
                domain.RemoveManagedSave();
            }
        }
        catch (LibvirtException exception) when (!exception.IsConnectionLost && !domain.HasManagedSave)
        {
            // libvirt removed the file at the same moment, or is busy with the VM. Only one thing matters: no file is left.
        }
    }

    // The process that requested the save or the start is gone, and libvirt continues it: the state is not usable before its end.
    private async Task WaitUntilSavedAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var moved = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using var subscription = domain.Connection.OnDomainLifecycle(domain, _ => moved.TrySetResult());
            using var closed = domain.Connection.OnClosed(reason => moved.TrySetException(
                new KvmTuneException("ConnectionLost", KvmTuneErrorCategory.ConnectionError, $"The libvirt daemon went away ({reason}). Try again when it is back.")));
            if (domain.GetState(out var reason) != DomainState.Paused
                || (DomainPausedReason)reason is not (DomainPausedReason.Saving or DomainPausedReason.StartingUp or DomainPausedReason.Migration))
            {
                return;
            }

            try
            {
                await moved.Task.WaitAsync((DomainPausedReason)reason == DomainPausedReason.Migration ? CpusLimit : Timeout.InfiniteTimeSpan, time, cancellationToken);
            }
            catch (TimeoutException)
            {
                return;
            }
        }
    }

    // The guest's clock stopped during the pause. A guest without an agent has to correct it by itself.
    private async Task<IReadOnlyList<string>> SetClockAsync(AgentWait agent, bool hadAgent, TimeSpan? pause)
    {
        if (hadAgent && await agent.IsThereAsync(AgentLimit, time))
        {
            try
            {
                await Task.Run(domain.SynchronizeTime, CancellationToken.None).WaitAsync(AgentLimit, time);
                return [];
            }
            catch (Exception exception) when (exception is LibvirtException or TimeoutException)
            {
                // The note below reports it.
            }
        }

        return [$"The guest's clock stood still {(pause is { } span ? $"for {Seconds(span)} s" : "while it was saved")} and could not be set by its agent: its time service has to catch up."];
    }

    private void TryAbort()
    {
        try
        {
            domain.AbortJob();
        }
        catch (Exception exception) when (exception is LibvirtException or ObjectDisposedException)
        {
            // The save ended at this moment.
        }
    }

    private bool TryIsActive()
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

    private SuspendRefusedException WasRefused(string cause, Exception exception) => new(
        $"'{domain.Name}' was not suspended: {cause}. The guest runs on as before. A reboot puts the change in force too (-RestartBy Reboot).", cause, exception);

    private KvmTuneException NotGoingOn(LibvirtException exception) => new(
        NotResumed, KvmTuneErrorCategory.InvalidResult,
        $"'{domain.Name}' is suspended and did not go on: {exception.Message.TrimEnd('.')}. Nothing is lost: its whole state is saved, and its next start goes on from there. Remove the cause, then start it (virsh start {VirshText.Domain(domain.Name, domain.Id)}, Restart-VMDomain or Undo-VMTuning). virsh managedsave-remove would discard the state.", exception);

    private KvmTuneException IsDamaged(LibvirtException exception, string damage) => new(
        NotResumed, KvmTuneErrorCategory.InvalidResult,
        $"'{domain.Name}' is suspended and did not go on: {exception.Message.TrimEnd('.')}. What is saved of it is damaged ({damage}). Look at the file and the disk that it is on (by default in /var/lib/libvirt/qemu/save); where it cannot be mended, virsh managedsave-remove {VirshText.Domain(domain.Name, domain.Id)} discards it, and the next start boots the guest.", exception);

    private KvmTuneException NotPermitted(LibvirtException exception) => new(
        "PermissionDenied", KvmTuneErrorCategory.PermissionDenied,
        $"The saved state of '{domain.Name}' may not be read or changed: {exception.Message.TrimEnd('.')}. It stays saved, and nothing of it is lost. Try again with the rights that virsh managedsave-edit needs (root, or membership of the group libvirt); a start (virsh start {VirshText.Domain(domain.Name, domain.Id)}) lets the guest go on with the change.", exception);

    private KvmTuneException Lost(LibvirtException exception, string when) => new(
        "ConnectionLost", KvmTuneErrorCategory.ConnectionError,
        $"The libvirt daemon went away while '{domain.Name}' was suspended ({when}): {exception.Message.TrimEnd('.')}. The guest runs on, or its whole state is saved and its next start goes on from there. When the daemon is back, Undo-VMTuning or a start (Restart-VMDomain) lets it run.", exception);

    private static string Seconds(TimeSpan span) => span.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture);

    // Subscribes before the start, so that the agent's return is not missed.
    private sealed class AgentWait : IDisposable
    {
        private readonly TaskCompletionSource _there = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly IDisposable? _subscription;

        public AgentWait(LibvirtDomain domain, bool isExpected) => _subscription = isExpected
            ? domain.Connection.OnAgentLifecycle(domain, agent =>
            {
                if (agent.IsConnected)
                {
                    _there.TrySetResult();
                }
            })
            : null;

        public async Task<bool> IsThereAsync(TimeSpan limit, TimeProvider time)
        {
            try
            {
                await _there.Task.WaitAsync(limit, time);
                return true;
            }
            catch (TimeoutException)
            {
                return false;
            }
        }

        public void Dispose() => _subscription?.Dispose();
    }
}
