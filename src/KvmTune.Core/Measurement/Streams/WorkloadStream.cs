// What a workload says of itself that reports while it runs, and what a load of it yields.
namespace KvmTune.Measurement.Streams;

/// <summary>Whose clock a load's reports are on.</summary>
[JsonText(typeof(EnumName))]
public enum StreamClock
{
    /// <summary>The host's monotonic clock.</summary>
    Host,

    /// <summary>The guest's time since its start (<c>/proc/uptime</c>).</summary>
    GuestUptime,
}

/// <summary>How a workload reports while it runs.</summary>
public sealed record StreamShape
{
    /// <summary>How often it reports.</summary>
    public required TimeSpan Interval { get; init; }

    /// <summary>Whose clock its reports are on.</summary>
    public required StreamClock Clock { get; init; }

    /// <summary>The metrics of a slot. Exactly one of them is primary, and it is a rate among those of the samples.</summary>
    public required IReadOnlyList<MetricDefinition> Metrics { get; init; }

    /// <summary>The values of a slot's metrics; one that is not known is left out.</summary>
    public required Func<SlotMeans, IReadOnlyDictionary<string, double>> Summarize { get; init; }

    /// <summary>True where only a trial shows whether the program reports while it runs.</summary>
    public bool NeedsTrial { get; init; }

    /// <summary>The metrics that are known only when the load has ended: none of them can decide at a look before that.</summary>
    public IReadOnlyList<string> KnownAtTheEnd { get; init; } = [];

    /// <summary>The rate of the primary metric below which a guest's own load is too idle to be judged; 0 for a load that is made.</summary>
    public double IdleBelow { get; init; }

    /// <summary>The metric that decides.</summary>
    public MetricDefinition Primary => Metrics.Single(metric => metric.IsPrimary);
}

/// <summary>What one load reported.</summary>
/// <param name="Samples">Its samples, by the time at which they begin.</param>
/// <param name="Failure">Why the load failed; null for a good one, however early it ended.</param>
public sealed record StreamReport(IReadOnlyList<StreamSample> Samples, string? Failure = null)
{
    /// <summary>Whether the load is seen to have ended.</summary>
    public bool HasEnded { get; init; }
}

/// <summary>A workload in one measurement whose load can run without a pause and reports while it does.</summary>
public interface IStreamingInstance
{
    /// <summary>What a reader must know where the side is switched inside the load; null for what holds of runs too.</summary>
    IReadOnlyList<string>? SwitchedNotes => null;

    /// <summary>Runs the load once, for so long, until it ends by itself, or until it is ended.</summary>
    /// <exception cref="Guest.GuestChannelException">The guest could not be reached.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing of the load runs any more.</exception>
    Task<StreamReport> StreamAsync(TimeSpan length, CancellationToken cancellationToken);

    /// <summary>What the load that runs has reported so far; it goes on without a pause.</summary>
    /// <exception cref="Guest.GuestChannelException">The guest could not be reached.</exception>
    Task<StreamReport> SoFarAsync(CancellationToken cancellationToken);

    /// <summary>Ends the load that runs; what <see cref="StreamAsync"/> then returns is all that it has reported.</summary>
    /// <exception cref="Guest.GuestChannelException">The guest could not be reached.</exception>
    Task EndAsync(CancellationToken cancellationToken);
}
