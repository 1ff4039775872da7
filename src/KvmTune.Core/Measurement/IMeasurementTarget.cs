// The operations that the measuring loop needs on one VM. The real one talks to libvirt; tests use a fake.
using KvmTune.Guest;
using KvmTune.Measurement.Sampling;

namespace KvmTune.Measurement;

/// <summary>One running VM that can be measured.</summary>
public interface IMeasurementTarget
{
    /// <summary>The VM's name.</summary>
    string VMName { get; }

    /// <summary>The VM's UUID.</summary>
    Guid VMId { get; }

    /// <summary>The libvirt connection's URI.</summary>
    string ConnectionUri { get; }

    /// <summary>Makes sure that the VM runs and reads its running XML.</summary>
    /// <exception cref="GuestChannelException">The VM does not run (<see cref="GuestChannelReason.GuestNotRunning"/>), or libvirt failed.</exception>
    Task<string> ReadRunningXmlAsync(CancellationToken cancellationToken);

    /// <summary>Opens a channel into the guest and checks that it can run programs.</summary>
    /// <exception cref="GuestChannelException">No channel works.</exception>
    Task<IGuestChannel> OpenChannelAsync(WorkloadRequest request, CancellationToken cancellationToken);

    /// <summary>Opens the samplers for the counters that this host keeps.</summary>
    Task<IReadOnlyList<IRunSampler>> OpenSamplersAsync(string runningXml, CancellationToken cancellationToken);

    /// <summary>The conditions on the host now. The measurement fills in channel, workload version and guest file.</summary>
    Task<MeasurementConditions> ReadConditionsAsync(string runningXml, CancellationToken cancellationToken);
}
