// A restart without a change: settings that wait in the configuration come into force.
using KvmTune.Hosts;
using KvmTune.Libvirt;

namespace KvmTune.Tuning;

/// <summary>Restarts one VM.</summary>
/// <param name="host">The host.</param>
/// <param name="domain">The VM, on a writable connection.</param>
/// <param name="time">The clock.</param>
public sealed class DomainRestart(HostConnection host, LibvirtDomain domain, TimeProvider time)
{
    /// <summary>The way that a restart would take. Nothing is changed. A VM that is off is started, which counts as a reboot.</summary>
    /// <exception cref="KvmTuneException">A suspend is required and is not possible (<c>CannotSuspend</c>).</exception>
    public RestartWay WayOf(RestartOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.By == RestartBy.Reboot || VMReading.Running(domain) is not { } running)
        {
            return RestartWay.Reboot;
        }

        // The user may want a reboot for other reasons than settings. So Auto suspends only if settings wait that a suspend brings into force.
        var (configured, cpus) = (domain.IsPersistent ? VMReading.Persistent(domain) : running, HostReading.OnlineCpus(host));
        return options.By == RestartBy.Auto && SavedState.Waiting(running, configured, cpus).Count == 0
            ? new RestartWay(RestartBy.Reboot, "no pending setting can be put in force by a suspend", null)
            : RestartPlanner.Choose(host, domain, running, SavedState.Seen(running, configured, cpus), options);
    }

    /// <summary>Restarts the VM.</summary>
    /// <param name="way">The way of the restart. If a suspend is refused and the options allow both ways, the VM is rebooted instead.</param>
    /// <param name="options">The options of the restart.</param>
    /// <param name="cancellationToken">Cancels the restart, until the guest is asked to shut down or its state is saved.</param>
    /// <exception cref="KvmTuneException">
    /// The VM did not shut down or start, or was not suspended (<c>SuspendRefused</c>) or resumed (<c>ResumeFailed</c>).
    /// </exception>
    public async Task<RestartOutcome> RunAsync(RestartWay way, RestartOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(way);
        ArgumentNullException.ThrowIfNull(options);
        var reason = way.Reason;
        IReadOnlyList<string> notes = [];
        if (way.By == RestartBy.Suspend)
        {
            try
            {
                var cpus = HostReading.OnlineCpus(host);
                var suspended = await new VMSuspender(domain, time, options, static _ => { }).RunAsync(
                    saved => SavedState.Set(saved, SavedState.Waiting(saved, VMReading.Persistent(domain), cpus)), cancellationToken);
                return new RestartOutcome(RestartBy.Suspend, suspended.Pause, null, suspended.Notes);
            }
            catch (SuspendRefusedException refused) when (options.By == RestartBy.Auto)
            {
                reason = refused.Cause;
                notes = [$"It was rebooted instead of suspended, since {reason}."];
            }
        }

        await new VMRestarter(time, options).RestartAsync(domain, cancellationToken);
        return new RestartOutcome(RestartBy.Reboot, null, reason, notes);
    }
}
