// A VM that is measured as usual, except for its channel, which measures the time of the workload's program.
using KvmTune.Guest;
using KvmTune.Measurement;
using KvmTune.Measurement.Sampling;

namespace KvmTune.Bench.Harness;

/// <summary>Passes everything on to the real target.</summary>
/// <param name="target">The real target.</param>
/// <param name="program">The workload's program in the guest.</param>
internal sealed class TimedTarget(IMeasurementTarget target, string program) : IMeasurementTarget
{
    /// <inheritdoc/>
    public string VMName => target.VMName;

    /// <inheritdoc/>
    public Guid VMId => target.VMId;

    /// <inheritdoc/>
    public string ConnectionUri => target.ConnectionUri;

    /// <summary>The last opened channel; null before.</summary>
    public TimedChannel? Channel { get; private set; }

    /// <inheritdoc/>
    public Task<string> ReadRunningXmlAsync(CancellationToken cancellationToken) => target.ReadRunningXmlAsync(cancellationToken);

    /// <inheritdoc/>
    public async Task<IGuestChannel> OpenChannelAsync(WorkloadRequest request, CancellationToken cancellationToken) =>
        Channel = new TimedChannel(await target.OpenChannelAsync(request, cancellationToken), program);

    /// <inheritdoc/>
    public Task<IReadOnlyList<IRunSampler>> OpenSamplersAsync(string runningXml, CancellationToken cancellationToken) =>
        target.OpenSamplersAsync(runningXml, cancellationToken);

    /// <inheritdoc/>
    public Task<MeasurementConditions> ReadConditionsAsync(string runningXml, CancellationToken cancellationToken) =>
        target.ReadConditionsAsync(runningXml, cancellationToken);
}
