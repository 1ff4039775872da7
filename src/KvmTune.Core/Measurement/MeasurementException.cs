// The errors of a measurement: each with a fixed id, and with the samples that were taken before it.
namespace KvmTune.Measurement;

/// <summary>Why a measurement cannot be made. The names are stable: they are used as error ids.</summary>
public enum MeasurementReason
{
    /// <summary>The guest does not have the workload's program.</summary>
    WorkloadProgramMissing,

    /// <summary>The guest's program lacks something that the workload needs, for example fio's libaio engine.</summary>
    WorkloadProgramUnsuitable,

    /// <summary>The file system in the guest has too little free space for the test file.</summary>
    GuestDiskFull,

    /// <summary>The folder that was named is not in the guest.</summary>
    GuestPathNotFound,

    /// <summary>Nothing can be written in the folder that was named.</summary>
    GuestPathNotWritable,

    /// <summary>The guest has no writable file system on a disk of its own.</summary>
    NoWritableFileSystem,

    /// <summary>The file system in the guest does not take O_DIRECT.</summary>
    DirectIoUnsupported,

    /// <summary>The preparation of the workload failed in another way.</summary>
    PreparationFailed,

    /// <summary>More runs failed than are repeated.</summary>
    TooManyFailedRuns,

    /// <summary>The guest, or the way to it, was lost in the middle.</summary>
    Interrupted,

    /// <summary>The address of the guest or the peer is not known.</summary>
    NetworkAddressMissing,

    /// <summary>The host does not have the workload's program for its side.</summary>
    HostProgramMissing,
}

/// <summary>A measurement could not be made, or not to its end.</summary>
public class MeasurementException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="reason">The fixed reason.</param>
    /// <param name="message">What was wrong, and what to do.</param>
    /// <param name="innerException">What caused it.</param>
    public MeasurementException(MeasurementReason reason, string message, Exception? innerException = null)
        : base(message, innerException) => Reason = reason;

    /// <summary>The fixed reason.</summary>
    public MeasurementReason Reason { get; }

    /// <summary>The error id: the name of the reason, or of the reason behind it.</summary>
    public virtual string ErrorId => Reason.ToString();
}

/// <summary>A measurement ended before its end; the samples so far are kept.</summary>
public sealed class MeasurementInterruptedException : MeasurementException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="reason">The fixed reason.</param>
    /// <param name="errorId">The error id, where the cause has a more telling one (for example <c>GuestLost</c>).</param>
    /// <param name="message">What was wrong, and what to do.</param>
    /// <param name="partial">The measurement so far; its runs may be none.</param>
    /// <param name="leftInGuest">The folder that could not be removed in the guest; null when nothing is left there.</param>
    /// <param name="innerException">What caused it.</param>
    public MeasurementInterruptedException(
        MeasurementReason reason, string errorId, string message, VMPerformance? partial, string? leftInGuest, Exception? innerException)
        : base(reason, message, innerException)
    {
        ErrorId = errorId;
        Partial = partial;
        LeftInGuest = leftInGuest;
    }

    /// <inheritdoc/>
    public override string ErrorId { get; }

    /// <summary>The measurement so far, with every run that was made; null when it ended before its conditions were known.</summary>
    public VMPerformance? Partial { get; }

    /// <summary>The folder that could not be removed in the guest; null when nothing is left there.</summary>
    public string? LeftInGuest { get; }
}

/// <summary>A measurement was cancelled; the samples so far are kept.</summary>
public sealed class MeasurementCanceledException : OperationCanceledException
{
    /// <summary>Creates the exception.</summary>
    public MeasurementCanceledException(
        string message, VMPerformance? partial, string? leftInGuest, Exception? innerException, CancellationToken cancellationToken)
        : base(message, innerException, cancellationToken)
    {
        Partial = partial;
        LeftInGuest = leftInGuest;
    }

    /// <summary>The measurement so far, with every run that was made; null when it ended before its conditions were known.</summary>
    public VMPerformance? Partial { get; }

    /// <summary>The folder that could not be removed in the guest; null when nothing is left there.</summary>
    public string? LeftInGuest { get; }
}
