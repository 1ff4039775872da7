// Measures a libvirt domain.
using System.Xml.Linq;
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement.Sampling;

namespace KvmTune.Measurement;

/// <summary>
/// One libvirt domain. It needs a writable connection, because a read-only one may not send commands to the guest agent. If the connection
/// is lost, it is opened again for the clean-up. Dispose this object after the measurement; the domain passed in stays the caller's.
/// </summary>
public sealed class LibvirtMeasurementTarget : IMeasurementTarget, IDisposable
{
    private readonly DomainAccess _domain;
    private readonly TimeProvider _time;

    /// <summary>Wraps a domain.</summary>
    public LibvirtMeasurementTarget(LibvirtDomain domain, TimeProvider timeProvider)
    {
        _domain = new DomainAccess(domain);
        _time = timeProvider;
    }

    /// <inheritdoc/>
    public string VMName => TerminalText.Line(_domain.Name);

    /// <inheritdoc/>
    public Guid VMId => _domain.Id;

    /// <inheritdoc/>
    public string ConnectionUri => _domain.Uri;

    /// <inheritdoc/>
    public Task<string> ReadRunningXmlAsync(CancellationToken cancellationToken) => Task.Run(
        () => Call(vm => vm.IsActive
            ? vm.GetXml(DomainXmlFlags.None)
            : throw new GuestChannelException(GuestChannelReason.GuestNotRunning, $"{VMName} does not run. Start it first.")),
        cancellationToken);

    /// <inheritdoc/>
    public async Task<IGuestChannel> OpenChannelAsync(WorkloadRequest request, CancellationToken cancellationToken)
    {
        if (request.Channel == GuestChannelKind.Ssh)
        {
            return await OpenSshAsync(request.Ssh, cancellationToken);
        }

        var agent = new AgentChannel(new LibvirtAgentTransport(_domain), _time);
        try
        {
            await agent.CheckAsync(cancellationToken);
            return agent;
        }
        catch (GuestChannelException exception) when (request is { Channel: GuestChannelKind.Auto, Ssh: not null }
            && exception.Reason is GuestChannelReason.AgentNotConfigured or GuestChannelReason.AgentNotResponding or GuestChannelReason.GuestExecDisabled)
        {
            return await OpenSshAsync(request.Ssh, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<IRunSampler>> OpenSamplersAsync(string runningXml, CancellationToken cancellationToken) => Task.Run(
        () =>
        {
            List<IRunSampler> samplers = [new LibvirtSampler(_domain)];
            if (HostConnection.IsLocalQemuUri(ConnectionUri))
            {
                // A frame reads its first sampler first and last, so the canary's own work is not in the counters of the others.
                samplers.Insert(0, new HostCanary(_time));
                samplers.Add(new HostSampler());
                if (QemuProcess.Find(_domain.Name, VMId) is { } process && ThreadSampler.Create(process) is { } threads)
                {
                    samplers.Add(threads);
                }
            }

            return (IReadOnlyList<IRunSampler>)samplers;
        },
        cancellationToken);

    /// <inheritdoc/>
    public Task<MeasurementConditions> ReadConditionsAsync(string runningXml, CancellationToken cancellationToken) => Task.Run(
        () => Call(vm =>
        {
            var isLocal = HostConnection.IsLocalQemuUri(ConnectionUri);
            return new MeasurementConditions
            {
                HostName = vm.Connection.HostName,
                HostKernel = isLocal ? LocalHost.Kernel() : null,
                LibvirtVersion = vm.Connection.LibvirtVersion.ToString(3),
                HypervisorVersion = vm.Connection.HypervisorVersion is { } version
                    ? $"{vm.Connection.HypervisorType} {version.ToString(3)}"
                    : vm.Connection.HypervisorType,
                DomainType = (string?)XElement.Parse(runningXml).Attribute("type") ?? "unknown",
                CpuGovernor = isLocal ? LocalHost.CpuGovernor() : null,
                SimultaneousMultithreading = isLocal ? LocalHost.SimultaneousMultithreading() : null,
                TransparentHugePages = isLocal ? LocalHost.TransparentHugePages() : null,
                OtherRunningVMs = CountOthers(vm),
                HostLoadAverage = isLocal ? LocalHost.LoadAverage() : null,
                ConfigurationHash = ConfigurationHash.Of(runningXml),
                Channel = "None",
            };
        }),
        cancellationToken);

    /// <summary>Closes the connection that this object opened.</summary>
    public void Dispose() => _domain.Dispose();

    private T Call<T>(Func<LibvirtDomain, T> call)
    {
        try
        {
            return _domain.Call(call);
        }
        catch (LibvirtException exception)
        {
            throw LibvirtErrors.Calling(exception, $"measuring '{VMName}'");
        }
    }

    private async Task<IGuestChannel> OpenSshAsync(SshEndpoint? endpoint, CancellationToken cancellationToken)
    {
        var ssh = new SshChannel(
            endpoint ?? throw new GuestChannelException(
                GuestChannelReason.SshAddressMissing, $"To reach {VMName} by SSH, its address must be given (-SshHost)."),
            _time);
        try
        {
            await ssh.CheckAsync(cancellationToken);
            return ssh;
        }
        catch
        {
            await ssh.DisposeAsync();
            throw;
        }
    }

    private int CountOthers(LibvirtDomain vm)
    {
        var running = vm.Connection.ListDomains(DomainListFlags.Active);
        try
        {
            return running.Count(other => other.Id != VMId);
        }
        finally
        {
            foreach (var other in running)
            {
                other.Dispose();
            }
        }
    }
}
