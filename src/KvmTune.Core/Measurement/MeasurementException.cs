// The errors of a measurement. Each has a fixed id and carries the samples taken before it.
namespace KvmTune.Measurement;

/// <summary>Why a measurement cannot be made. The names are stable: they are used as error ids.</summary>
[JsonText(typeof(EnumName))]
public enum MeasurementReason
{
    /// <summary>The guest does not have the workload's program.</summary>
    WorkloadProgramMissing,

    /// <summary>The guest's program lacks something that the workload needs, for example fio's libaio engine.</summary>
    WorkloadProgramUnsuitable,

    /// <summary>The file system in the guest has too little free space for the test file.</summary>
    GuestDiskFull,

    /// <summary>The guest does not have the given folder.</summary>
    GuestPathNotFound,

    /// <summary>The given path is a block device. No measurement writes to one, empty or not.</summary>
    GuestPathIsDevice,

    /// <summary>The given folder is not writable.</summary>
    GuestPathNotWritable,

    /// <summary>The guest has no writable file system on its disks.</summary>
    NoWritableFileSystem,

    /// <summary>The file system in the guest does not support O_DIRECT.</summary>
    DirectIoUnsupported,

    /// <summary>The preparation of the workload failed in another way.</summary>
    PreparationFailed,

    /// <summary>More runs failed than may be repeated.</summary>
    TooManyFailedRuns,

    /// <summary>The guest, or the channel to it, was lost during the measurement.</summary>
    Interrupted,

    /// <summary>The address of the guest or of the peer is unknown.</summary>
    NetworkAddressMissing,

    /// <summary>The host does not have the program that the workload needs on the host.</summary>
    HostProgramMissing,
}

/// <summary>A measurement could not be made or not be finished.</summary>
public class MeasurementException : KvmTuneException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="reason">The fixed reason.</param>
    /// <param name="message">What was wrong, and what to do.</param>
    /// <param name="innerException">What caused it.</param>
    public MeasurementException(MeasurementReason reason, string message, Exception? innerException = null)
        : this(reason, reason.ToString(), message, innerException)
    {
    }

    /// <summary>Creates the exception with the id of the reason behind it.</summary>
    protected MeasurementException(MeasurementReason reason, string errorId, string message, Exception? innerException)
        : base(errorId, CategoryOf(reason), message, innerException) => Reason = reason;

    /// <summary>The fixed reason.</summary>
    public MeasurementReason Reason { get; }

    private static KvmTuneErrorCategory CategoryOf(MeasurementReason reason) => reason switch
    {
        MeasurementReason.WorkloadProgramMissing or MeasurementReason.WorkloadProgramUnsuitable or MeasurementReason.HostProgramMissing =>
            KvmTuneErrorCategory.NotInstalled,
        MeasurementReason.GuestPathNotFound or MeasurementReason.NoWritableFileSystem => KvmTuneErrorCategory.ObjectNotFound,
        MeasurementReason.GuestPathNotWritable => KvmTuneErrorCategory.PermissionDenied,
        MeasurementReason.NetworkAddressMissing or MeasurementReason.GuestPathIsDevice => KvmTuneErrorCategory.InvalidArgument,
        MeasurementReason.Interrupted => KvmTuneErrorCategory.ConnectionError,
        MeasurementReason.TooManyFailedRuns => KvmTuneErrorCategory.InvalidResult,
        _ => KvmTuneErrorCategory.InvalidOperation,
    };
}

/// <summary>A measurement ended early; the samples so far are kept.</summary>
public sealed class MeasurementInterruptedException : MeasurementException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="reason">The fixed reason.</param>
    /// <param name="errorId">The error id, if the cause has a more specific one (for example <c>GuestLost</c>).</param>
    /// <param name="message">What was wrong, and what to do.</param>
    /// <param name="partial">The measurement so far; it may have no runs.</param>
    /// <param name="leftInGuest">The folder that could not be removed in the guest; null if nothing is left there.</param>
    /// <param name="innerException">What caused it.</param>
    public MeasurementInterruptedException(
        MeasurementReason reason, string errorId, string message, VMPerformance? partial, string? leftInGuest, Exception? innerException)
        : base(reason, errorId, message, innerException)
    {
        Partial = partial;
        LeftInGuest = leftInGuest;
    }

    /// <summary>The measurement so far, with every run that was made; null if it ended before its conditions were known.</summary>
    public VMPerformance? Partial { get; }

    /// <summary>The folder that could not be removed in the guest; null if nothing is left there.</summary>
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

    /// <summary>The measurement so far, with every run that was made; null if it ended before its conditions were known.</summary>
    public VMPerformance? Partial { get; }

    /// <summary>The folder that could not be removed in the guest; null if nothing is left there.</summary>
    public string? LeftInGuest { get; }
}
