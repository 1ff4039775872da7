// A restart for its own sake, without a change: what waits in the configuration comes into force.
using KvmTune.Hosts;
using KvmTune.Libvirt;

namespace KvmTune.Tuning;

/// <summary>Restarts one VM.</summary>
/// <param name="host">The host.</param>
/// <param name="domain">The VM, on a writable connection.</param>
/// <param name="time">The clock.</param>
public sealed class DomainRestart(HostConnection host, LibvirtDomain domain, TimeProvider time)
{
    /// <summary>By which way it would be restarted. Nothing is touched. A VM that is off is started, which counts as a reboot.</summary>
    /// <exception cref="KvmTuneException">A suspend is asked for and is not possible (<c>CannotSuspend</c>).</exception>
    public RestartWay WayOf(RestartOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.By == RestartBy.Reboot || VMReading.Running(domain) is not { } running)
        {
            return RestartWay.Reboot;
        }

        // A reboot may be wanted for other reasons than settings. Auto takes a suspend only where settings wait that it can put in force.
        var (configured, cpus) = (domain.IsPersistent ? VMReading.Persistent(domain) : running, HostReading.OnlineCpus(host));
        return options.By == RestartBy.Auto && SavedState.Waiting(running, configured, cpus).Count == 0
            ? new RestartWay(RestartBy.Reboot, "no pending setting can be put in force by a suspend", null)
            : RestartPlanner.Choose(host, domain, running, SavedState.Seen(running, configured, cpus), options);
    }

    /// <summary>Restarts it.</summary>
    /// <param name="way">By which way. Where a suspend is refused and the options leave the choice, it is a reboot after all.</param>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends it as long as the guest has not been asked to shut down, or its state is not saved yet.</param>
    /// <exception cref="KvmTuneException">It did not shut down or start, or was not suspended (<c>SuspendRefused</c>) or resumed (<c>ResumeFailed</c>).</exception>
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
