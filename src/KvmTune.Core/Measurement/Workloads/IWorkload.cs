// What a workload is: a small class that says what it runs and yields, and an instance of it for one measurement.
using KvmTune.Guest;
using KvmTune.Measurement.Sampling;
using KvmTune.Measurement.Streams;

namespace KvmTune.Measurement.Workloads;

/// <summary>A kind of load. Stateless; the state of a measurement is in its <see cref="IWorkloadInstance"/>.</summary>
public interface IWorkload
{
    /// <summary>The name that users give, for example <c>RandomWrite</c>.</summary>
    string Name { get; }

    /// <summary>One line on what is run, for tab completion.</summary>
    string Description { get; }

    /// <summary>The program that the guest needs; null for none.</summary>
    GuestProgram? Program { get; }

    /// <summary>False for a workload that runs nothing in the guest.</summary>
    bool NeedsChannel => true;

    /// <summary>The metrics that a run of this request yields. Exactly one of them is primary.</summary>
    IReadOnlyList<MetricDefinition> MetricsFor(WorkloadRequest request);

    /// <summary>Checks the settings before anything is started.</summary>
    /// <exception cref="ArgumentException">A setting makes no sense; the message has its value.</exception>
    void Validate(WorkloadRequest request);

    /// <summary>How long one run takes from start to end, ramp included.</summary>
    TimeSpan RunLength(WorkloadRequest request);

    /// <summary>
    /// How it reports while it runs; null where it reports at its end alone. One that does makes instances that are
    /// <see cref="IStreamingInstance"/>.
    /// </summary>
    StreamShape? StreamOf(WorkloadRequest request) => null;

    /// <summary>Makes the instance for one measurement; nothing is done in the guest yet.</summary>
    IWorkloadInstance Create(WorkloadContext context);
}

/// <summary>A workload in one measurement: prepared once, run several times, cleaned up once.</summary>
public interface IWorkloadInstance
{
    /// <summary>The program and its version in the guest, once prepared.</summary>
    string? Version { get; }

    /// <summary>Where the workload's file is, on which disk, and how large it is, once prepared; null where there is none.</summary>
    string? GuestFile { get; }

    /// <summary>The target name of the disk that the file is on (<c>vdb</c>), where that could be found out.</summary>
    string? DiskTarget { get; }

    /// <summary>The guest's kernel release, once prepared; null where the workload did not look.</summary>
    string? GuestKernel => null;

    /// <summary>What was free on the file system of the workload's file before that was made, in MiB; null where there is no file.</summary>
    long? GuestFreeMiB => null;

    /// <summary>What a reader must know to read the numbers right.</summary>
    IReadOnlyList<string> Notes { get; }

    /// <summary>What would be left in the guest if nobody cleaned up now: a path; null for nothing.</summary>
    string? LeftInGuest { get; }

    /// <summary>Prepares the guest.</summary>
    /// <exception cref="MeasurementException">The workload cannot be run in this guest.</exception>
    /// <exception cref="GuestChannelException">The guest could not be reached.</exception>
    Task PrepareAsync(CancellationToken cancellationToken);

    /// <summary>The guest was suspended and goes on with other settings of the VM: what was prepared is still in it.</summary>
    /// <param name="runningXml">The VM's running XML from now on.</param>
    void GoOn(string runningXml)
    {
    }

    /// <summary>Makes one run. A run that went wrong by itself is returned as a failed one.</summary>
    /// <exception cref="GuestChannelException">The guest could not be reached.</exception>
    Task<RunOutcome> RunAsync(CancellationToken cancellationToken);

    /// <summary>Removes what the workload has made in the guest. May be called at any time after the creation, and twice.</summary>
    /// <exception cref="Exception">Something is left; <see cref="LeftInGuest"/> says what.</exception>
    Task CleanUpAsync();
}

/// <summary>What a workload works with.</summary>
public sealed record WorkloadContext
{
    /// <summary>The VM's name, for messages.</summary>
    public required string VMName { get; init; }

    /// <summary>What was asked for.</summary>
    public required WorkloadRequest Request { get; init; }

    /// <summary>The VM's running XML, as it was when the workload was prepared.</summary>
    public required string RunningXml { get; init; }

    /// <summary>The way into the guest; null where the workload needs none.</summary>
    public IGuestChannel? Channel { get; init; }

    /// <summary>The counters of the host that frame a run: others, in the same list, where the guest goes on in another QEMU process.</summary>
    public IReadOnlyList<IRunSampler> Samplers { get; init; } = [];

    /// <summary>The clock.</summary>
    public required TimeProvider TimeProvider { get; init; }

    /// <summary>Tells what a longer step is doing and how long it will take.</summary>
    public required Action<string, TimeSpan?> Report { get; init; }

    /// <summary>The way into the guest.</summary>
    /// <exception cref="InvalidOperationException">The workload said that it needs none.</exception>
    public IGuestChannel RequiredChannel =>
        Channel ?? throw new InvalidOperationException($"The workload {Request.Name} uses a channel and did not say that it needs one.");
}

/// <summary>What one run yielded.</summary>
public sealed record RunOutcome
{
    /// <summary>Why the run failed; null for a good one.</summary>
    public string? Failure { get; init; }

    /// <summary>The value of every metric by name.</summary>
    public IReadOnlyDictionary<string, double> Values { get; init; } = new Dictionary<string, double>(StringComparer.Ordinal);

    /// <summary>The work done in each second, in the primary metric's unit.</summary>
    public IReadOnlyList<double> PerSecondRates { get; init; } = [];

    /// <summary>Counters that the workload itself has kept, for example retransmits.</summary>
    public IReadOnlyDictionary<string, double> Counters { get; init; } = new Dictionary<string, double>(StringComparer.Ordinal);

    /// <summary>A failed run.</summary>
    public static RunOutcome Failed(string reason) => new() { Failure = reason };
}
