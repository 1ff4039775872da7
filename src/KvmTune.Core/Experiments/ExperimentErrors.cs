// The errors of an experiment that ended early. The change is taken back in every case, and the runs are kept.
using KvmTune.Measurement;

namespace KvmTune.Experiments;

/// <summary>An experiment ended with an error; the VM is as it was before, unless <see cref="IsUndone"/> is false.</summary>
public sealed class ExperimentInterruptedException : KvmTuneException
{
    /// <summary>The error id if the change could not be taken back.</summary>
    public const string UndoFailed = "ExperimentUndoFailed";

    /// <summary>Creates the exception.</summary>
    /// <param name="errorId">The id of the cause, or <see cref="UndoFailed"/>.</param>
    /// <param name="category">The kind of failure.</param>
    /// <param name="message">What went wrong, and whether the change is still in force.</param>
    /// <param name="partial">The measurements so far: baseline and candidate, only the baseline, or none.</param>
    /// <param name="isUndone">Whether the VM is as it was before.</param>
    /// <param name="innerException">What caused it.</param>
    public ExperimentInterruptedException(
        string errorId, KvmTuneErrorCategory category, string message, IReadOnlyList<VMPerformance> partial, bool isUndone, Exception? innerException)
        : base(errorId, category, message, innerException)
    {
        Partial = partial;
        IsUndone = isUndone;
    }

    /// <summary>The measurements so far, with every run that was made: baseline and candidate, only the baseline, or none.</summary>
    public IReadOnlyList<VMPerformance> Partial { get; }

    /// <summary>Whether the VM is as it was before.</summary>
    public bool IsUndone { get; }
}

/// <summary>An experiment was cancelled, and the VM is as it was before.</summary>
public sealed class ExperimentCanceledException : OperationCanceledException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened to the change.</param>
    /// <param name="partial">The measurements so far: baseline and candidate, only the baseline, or none.</param>
    /// <param name="innerException">What caused it.</param>
    /// <param name="cancellationToken">The token that was cancelled.</param>
    public ExperimentCanceledException(string message, IReadOnlyList<VMPerformance> partial, Exception? innerException, CancellationToken cancellationToken)
        : base(message, innerException, cancellationToken) => Partial = partial;

    /// <summary>The measurements so far, with every run that was made: baseline and candidate, only the baseline, or none.</summary>
    public IReadOnlyList<VMPerformance> Partial { get; }
}
