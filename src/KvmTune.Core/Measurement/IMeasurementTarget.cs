// What the measuring loop needs of one VM. The real one talks to libvirt; tests put their own in its place.
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
    /// <exception cref="GuestChannelException">It does not run (<see cref="GuestChannelReason.GuestNotRunning"/>), or libvirt could not be asked.</exception>
    Task<string> ReadRunningXmlAsync(CancellationToken cancellationToken);

    /// <summary>Opens a way into the guest and checks that programs can be run by it.</summary>
    /// <exception cref="GuestChannelException">There is no way.</exception>
    Task<IGuestChannel> OpenChannelAsync(WorkloadRequest request, CancellationToken cancellationToken);

    /// <summary>The samplers of the counters that this host keeps.</summary>
    Task<IReadOnlyList<IRunSampler>> OpenSamplersAsync(string runningXml, CancellationToken cancellationToken);

    /// <summary>What is true of the host now. Channel, workload version and guest file are filled in by the measurement.</summary>
    Task<MeasurementConditions> ReadConditionsAsync(string runningXml, CancellationToken cancellationToken);
}
