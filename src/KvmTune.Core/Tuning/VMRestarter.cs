// Restarts a VM: a clean shutdown that waits for libvirt's event, then a start. A reboot inside the guest would keep the QEMU process.
using KvmTune.Hosts;
using KvmTune.Libvirt;

namespace KvmTune.Tuning;

/// <summary>The options of a restart.</summary>
public sealed record RestartOptions
{
    /// <summary>The way to the VM's new QEMU process.</summary>
    public RestartBy By { get; init; } = RestartBy.Reboot;

    /// <summary>How long the guest may take to shut down; with <see cref="RestartBy.Auto"/> also the limit for a suspend's expected time.</summary>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Whether a guest that does not shut down in that time is powered off. Its unwritten data is then lost.</summary>
    public bool AllowPowerOff { get; init; }

    /// <summary>
    /// Whether nothing may be written, as with <c>-WhatIf</c>: then the write speed of the disk for a suspend is assumed instead of
    /// measured.
    /// </summary>
    public bool WritesNothing { get; init; }

    /// <summary>Receives each step when it begins; null for none.</summary>
    public IProgress<RestartStep>? Progress { get; init; }
}

/// <summary>The steps of a restart.</summary>
[JsonText(typeof(EnumName))]
public enum RestartStep
{
    /// <summary>The guest was asked to shut down.</summary>
    ShuttingDown,

    /// <summary>The VM is started.</summary>
    Starting,

    /// <summary>The VM runs, and the restart waits for its guest agent.</summary>
    WaitingForGuest,

    /// <summary>The guest's state is saved.</summary>
    Saving,

    /// <summary>The guest resumes from its saved state.</summary>
    Resuming,
}

/// <summary>Shuts VMs down and starts them.</summary>
/// <param name="time">The clock.</param>
/// <param name="options">The options.</param>
public sealed class VMRestarter(TimeProvider time, RestartOptions options)
{
    /// <summary>The error id of a VM that did not start.</summary>
    public const string StartFailed = "StartFailed";

    // The restart does not wait longer for a guest to boot: the VM was started.
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(2);

    /// <summary>Shuts a running VM down and starts it again; a VM that is off is only started.</summary>
    /// <exception cref="KvmTuneException">The VM is paused, did not shut down in time, or did not start.</exception>
    public async Task RestartAsync(LibvirtDomain domain, CancellationToken cancellationToken)
    {
        var hadAgent = domain.IsActive && await ShutDownAsync(domain, cancellationToken);
        await StartAsync(domain, hadAgent, cancellationToken);
    }

    /// <summary>
    /// Shuts a VM down by the guest agent, otherwise by the ACPI power button. If the VM is being started, the start is awaited. A guest that
    /// is still booting reacts to neither: its agent is asked when it connects, and the button is pressed again after half of the time.
    /// A request to the guest cannot be withdrawn, so cancelling works only before it; after that this method returns when the VM is off.
    /// </summary>
    /// <returns>Whether the guest agent accepted the request, so that the guest has an agent.</returns>
    /// <exception cref="KvmTuneException">The VM is paused or transient, or did not shut down in time.</exception>
    public async Task<bool> ShutDownAsync(LibvirtDomain domain, CancellationToken cancellationToken)
    {
        if (!domain.IsPersistent)
        {
            throw new KvmTuneException(
                "VMIsTransient", KvmTuneErrorCategory.InvalidOperation,
                $"The VM '{domain.Name}' is transient: once shut down it is gone and cannot be started again. Define it first (virsh define).");
        }

        await WaitUntilStartedAsync(domain, cancellationToken);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var subscription = domain.Connection.OnDomainLifecycle(domain, lifecycle =>
        {
            if (lifecycle.Type == DomainLifecycleEventType.Stopped)
            {
                stopped.TrySetResult();
            }
        });
        using var closed = domain.Connection.OnClosed(reason => stopped.TrySetException(new KvmTuneException(
            "ConnectionLost", KvmTuneErrorCategory.ConnectionError,
            $"The libvirt daemon went away ({reason}) while '{domain.Name}' was shutting down. See with Get-VMTopology whether it runs; start it with Restart-VMDomain.")));
        cancellationToken.ThrowIfCancellationRequested();
        var state = domain.GetState();
        if (state == DomainState.ShutOff)
        {
            return false;
        }

        if (state is not (DomainState.Running or DomainState.Blocked or DomainState.ShuttingDown))
        {
            throw new KvmTuneException(
                "VMNotRunning", KvmTuneErrorCategory.InvalidOperation,
                $"The VM '{domain.Name}' is in state {state} and cannot shut down cleanly. Resume it first (virsh resume).");
        }

        options.Progress?.Report(RestartStep.ShuttingDown);

        // libvirt's calls block: up to a minute on a hung agent, and then on the lock of the VM. So the event decides.
        var hadAgent = false;
        Task<bool> AskAgent() => Task.Run(() => TryAskAgent(domain) && (hadAgent = true), CancellationToken.None);
        using var agent = domain.Connection.OnAgentLifecycle(domain, change =>
        {
            if (change.IsConnected)
            {
                _ = AskAgent();
            }
        });
        var started = time.GetTimestamp();
        var isOff = await IsDoneWithinAsync(EitherAsync(stopped.Task, AskAgent()), options.TimeLimit / 2);
        while (!isOff && options.TimeLimit - time.GetElapsedTime(started) is { Ticks: > 0 } left)
        {
            _ = Task.Run(() => TryPressPowerButton(domain), CancellationToken.None);
            isOff = await IsDoneWithinAsync(stopped.Task, left < options.TimeLimit / 2 ? left : options.TimeLimit / 2);
        }

        if (!isOff)
        {
            await PowerOffAsync(domain, stopped.Task);
        }

        return hadAgent;
    }

    /// <summary>Starts a VM, and waits for its guest agent if it has one, so that the guest is ready for the next step.</summary>
    /// <exception cref="KvmTuneException">libvirt or QEMU refuses (<see cref="StartFailed"/>).</exception>
    public async Task StartAsync(LibvirtDomain domain, bool waitForAgent, CancellationToken cancellationToken)
    {
        options.Progress?.Report(RestartStep.Starting);
        if (!waitForAgent)
        {
            Start(domain);
            return;
        }

        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var subscription = domain.Connection.OnAgentLifecycle(domain, agent =>
        {
            if (agent.IsConnected)
            {
                ready.TrySetResult();
            }
        });
        using var closed = domain.Connection.OnClosed(_ => ready.TrySetResult());
        Start(domain);
        options.Progress?.Report(RestartStep.WaitingForGuest);
        await IsDoneWithinAsync(ready.Task.WaitAsync(cancellationToken), BootLimit);
    }

    /// <summary>Starts a VM.</summary>
    /// <exception cref="KvmTuneException">libvirt or QEMU refuses (<see cref="StartFailed"/>).</exception>
    public static void Start(LibvirtDomain domain)
    {
        try
        {
            domain.Start();
        }
        catch (LibvirtException exception) when (!exception.IsConnectionLost)
        {
            throw new KvmTuneException(
                StartFailed, KvmTuneErrorCategory.InvalidOperation,
                $"The VM '{domain.Name}' did not start: {exception.Message.TrimEnd('.')}.", exception);
        }
    }

    // A VM that is being started will soon run or be off: when a client dies, the daemon continues its start.
    private async Task WaitUntilStartedAsync(LibvirtDomain domain, CancellationToken cancellationToken)
    {
        for (var isStarting = true; isStarting;)
        {
            var moved = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using var subscription = domain.Connection.OnDomainLifecycle(domain, _ => moved.TrySetResult());
            isStarting = domain.GetState(out var reason) == DomainState.Paused && (DomainPausedReason)reason == DomainPausedReason.StartingUp
                && await IsDoneWithinAsync(moved.Task.WaitAsync(cancellationToken), BootLimit);
        }
    }

    private async Task PowerOffAsync(LibvirtDomain domain, Task stopped)
    {
        if (!options.AllowPowerOff)
        {
            throw new KvmTuneException(
                "ShutdownTimedOut", KvmTuneErrorCategory.OperationTimeout,
                $"The guest of '{domain.Name}' did not shut down within {options.TimeLimit.TotalSeconds.ToString("0", System.Globalization.CultureInfo.InvariantCulture)} s. It still runs, and may go down later, since it was asked to: start it then with Restart-VMDomain. Give it longer with -ShutdownTimeLimit, or add -AllowPowerOff to power it off then, which loses data that the guest has not written.");
        }

        domain.Destroy();
        await stopped.WaitAsync(TimeSpan.FromSeconds(30), time);
    }

    // A missing answer of the agent is no error: the power button is the alternative.
    private static bool TryAskAgent(LibvirtDomain domain)
    {
        try
        {
            domain.Shutdown(ShutdownMode.Agent);
            return true;
        }
        catch (LibvirtException exception) when (!exception.IsConnectionLost)
        {
            return false;
        }
    }

    // The VM has just stopped, or a hung agent call still holds it: the wait for the event decides.
    private static void TryPressPowerButton(LibvirtDomain domain)
    {
        foreach (var mode in new[] { ShutdownMode.Acpi, ShutdownMode.Default })
        {
            try
            {
                domain.Shutdown(mode);
                return;
            }
            catch (Exception exception) when (exception is LibvirtException or ObjectDisposedException)
            {
                // A driver with only one way of shutting down accepts only the default mode.
            }
        }
    }

    // Completes when the VM is off; throws a TimeoutException at once if the agent could not be asked.
    private static async Task EitherAsync(Task stopped, Task<bool> asked)
    {
        if (await Task.WhenAny(stopped, asked) == asked && !await asked)
        {
            throw new TimeoutException();
        }

        await stopped;
    }

    private async Task<bool> IsDoneWithinAsync(Task task, TimeSpan limit)
    {
        try
        {
            await task.WaitAsync(limit, time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
