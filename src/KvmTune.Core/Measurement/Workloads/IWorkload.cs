// The two parts of a workload: a small stateless class that describes it, and an instance for each measurement.
using KvmTune.Guest;
using KvmTune.Measurement.Sampling;
using KvmTune.Measurement.Streams;

namespace KvmTune.Measurement.Workloads;

/// <summary>A kind of load. Stateless; an <see cref="IWorkloadInstance"/> has the state of one measurement.</summary>
public interface IWorkload
{
    /// <summary>The name for users, for example <c>RandomWrite</c>.</summary>
    string Name { get; }

    /// <summary>One line about the workload, for tab completion.</summary>
    string Description { get; }

    /// <summary>The program that the guest needs; null if it needs none.</summary>
    GuestProgram? Program { get; }

    /// <summary>False for a workload that runs nothing in the guest.</summary>
    bool NeedsChannel => true;

    /// <summary>The metrics of a run with these settings. Exactly one of them is primary.</summary>
    IReadOnlyList<MetricDefinition> MetricsFor(WorkloadRequest request);

    /// <summary>Checks the settings before anything is started.</summary>
    /// <exception cref="ArgumentException">A setting is invalid; the message has its value.</exception>
    void Validate(WorkloadRequest request);

    /// <summary>How long one run takes from start to end, ramp included.</summary>
    TimeSpan RunLength(WorkloadRequest request);

    /// <summary>
    /// How it reports while it runs; null if it reports only at its end. If it is not null, the instances are
    /// <see cref="IStreamingInstance"/>.
    /// </summary>
    StreamShape? StreamOf(WorkloadRequest request) => null;

    /// <summary>Makes the instance for one measurement; nothing happens in the guest yet.</summary>
    IWorkloadInstance Create(WorkloadContext context);
}

/// <summary>A workload in one measurement: prepared once, run several times, cleaned up once.</summary>
public interface IWorkloadInstance
{
    /// <summary>The program and its version in the guest; null before the preparation.</summary>
    string? Version { get; }

    /// <summary>The path and size of the workload's file, and its disk, after the preparation; null if there is no file.</summary>
    string? GuestFile { get; }

    /// <summary>The target name of the file's disk (<c>vdb</c>); null if it is unknown.</summary>
    string? DiskTarget { get; }

    /// <summary>The guest's kernel release, after the preparation; null if the workload did not read it.</summary>
    string? GuestKernel => null;

    /// <summary>The free space on the file's file system before the file was made, in MiB; null if there is no file.</summary>
    long? GuestFreeMiB => null;

    /// <summary>Facts that a reader needs to interpret the numbers.</summary>
    IReadOnlyList<string> Notes { get; }

    /// <summary>The path that would stay in the guest without a clean-up now; null for nothing.</summary>
    string? LeftInGuest { get; }

    /// <summary>Prepares the guest.</summary>
    /// <exception cref="MeasurementException">The workload cannot run in this guest.</exception>
    /// <exception cref="GuestChannelException">The guest could not be reached.</exception>
    Task PrepareAsync(CancellationToken cancellationToken);

    /// <summary>Tells the workload that the guest was suspended and resumed with other VM settings. Its files are still in the guest.</summary>
    /// <param name="runningXml">The VM's running XML from now on.</param>
    void GoOn(string runningXml)
    {
    }

    /// <summary>Makes one run. A run that failed by itself is returned as failed.</summary>
    /// <exception cref="GuestChannelException">The guest could not be reached.</exception>
    Task<RunOutcome> RunAsync(CancellationToken cancellationToken);

    /// <summary>Removes the workload's files from the guest. May be called at any time after the creation, and twice.</summary>
    /// <exception cref="Exception">Something is left; <see cref="LeftInGuest"/> has its path.</exception>
    Task CleanUpAsync();
}

/// <summary>The surroundings of a workload in one measurement.</summary>
public sealed record WorkloadContext
{
    /// <summary>The VM's name, for messages.</summary>
    public required string VMName { get; init; }

    /// <summary>The requested workload.</summary>
    public required WorkloadRequest Request { get; init; }

    /// <summary>The VM's running XML, as it was when the workload was prepared.</summary>
    public required string RunningXml { get; init; }

    /// <summary>The channel into the guest; null if the workload needs none.</summary>
    public IGuestChannel? Channel { get; init; }

    /// <summary>The counters of the host around a run. The same list gets new ones if the guest continues in a new QEMU process.</summary>
    public IReadOnlyList<IRunSampler> Samplers { get; init; } = [];

    /// <summary>The clock.</summary>
    public required TimeProvider TimeProvider { get; init; }

    /// <summary>Reports a longer step and how long it will take.</summary>
    public required Action<string, TimeSpan?> Report { get; init; }

    /// <summary>The channel into the guest.</summary>
    /// <exception cref="InvalidOperationException">The workload declared that it needs none.</exception>
    public IGuestChannel RequiredChannel =>
        Channel ?? throw new InvalidOperationException($"The workload {Request.Name} uses a channel and did not say that it needs one.");
}

/// <summary>The result of one run.</summary>
public sealed record RunOutcome
{
    /// <summary>Why the run failed; null for a good one.</summary>
    public string? Failure { get; init; }

    /// <summary>The value of every metric by name.</summary>
    public IReadOnlyDictionary<string, double> Values { get; init; } = new Dictionary<string, double>(StringComparer.Ordinal);

    /// <summary>The rate of each second, in the primary metric's unit.</summary>
    public IReadOnlyList<double> PerSecondRates { get; init; } = [];

    /// <summary>Counters of the workload itself, for example retransmits.</summary>
    public IReadOnlyDictionary<string, double> Counters { get; init; } = new Dictionary<string, double>(StringComparer.Ordinal);

    /// <summary>A failed run.</summary>
    public static RunOutcome Failed(string reason) => new() { Failure = reason };
}
