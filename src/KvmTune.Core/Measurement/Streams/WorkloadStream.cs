// How a workload reports while it runs, and the reports of one load.
namespace KvmTune.Measurement.Streams;

/// <summary>The clock of a load's reports.</summary>
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

    /// <summary>The clock of its reports.</summary>
    public required StreamClock Clock { get; init; }

    /// <summary>The metrics of a slot. Exactly one of them is primary, and its name is one of the samples' rates.</summary>
    public required IReadOnlyList<MetricDefinition> Metrics { get; init; }

    /// <summary>The values of a slot's metrics; an unknown value is left out.</summary>
    public required Func<SlotMeans, IReadOnlyDictionary<string, double>> Summarize { get; init; }

    /// <summary>True if only a trial can show whether the program reports while it runs.</summary>
    public bool NeedsTrial { get; init; }

    /// <summary>The metrics that are known only when the load has ended, so that none of them can decide at an earlier look.</summary>
    public IReadOnlyList<string> KnownAtTheEnd { get; init; } = [];

    /// <summary>The rate of the primary metric below which a guest's own load is too idle to judge; 0 for a load that KvmTune makes.</summary>
    public double IdleBelow { get; init; }

    /// <summary>The primary metric, which decides the verdict.</summary>
    public MetricDefinition Primary => Metrics.Single(metric => metric.IsPrimary);
}

/// <summary>The reports of one load.</summary>
/// <param name="Samples">Its samples, ordered by their start.</param>
/// <param name="Failure">Why the load failed; null for a good one, even if it ended early.</param>
public sealed record StreamReport(IReadOnlyList<StreamSample> Samples, string? Failure = null)
{
    /// <summary>Whether the load has ended.</summary>
    public bool HasEnded { get; init; }
}

/// <summary>A workload in one measurement whose load can run without a pause and reports while it runs.</summary>
public interface IStreamingInstance
{
    /// <summary>Facts that a reader needs if the side is switched inside the load; null if they are the same as for runs.</summary>
    IReadOnlyList<string>? SwitchedNotes => null;

    /// <summary>Runs the load once for the given time, until it ends by itself, or until <see cref="EndAsync"/>.</summary>
    /// <exception cref="Guest.GuestChannelException">The guest could not be reached.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the load no longer runs.</exception>
    Task<StreamReport> StreamAsync(TimeSpan length, CancellationToken cancellationToken);

    /// <summary>The reports of the running load so far; it goes on without a pause.</summary>
    /// <exception cref="Guest.GuestChannelException">The guest could not be reached.</exception>
    Task<StreamReport> SoFarAsync(CancellationToken cancellationToken);

    /// <summary>Ends the running load; <see cref="StreamAsync"/> then returns all its reports.</summary>
    /// <exception cref="Guest.GuestChannelException">The guest could not be reached.</exception>
    Task EndAsync(CancellationToken cancellationToken);
}
