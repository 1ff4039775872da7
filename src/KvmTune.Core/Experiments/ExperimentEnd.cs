// The error of an experiment that ended early: what went wrong, and whether the change is still in force.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;

namespace KvmTune.Experiments;

/// <summary>Builds the error of an experiment that ended early.</summary>
internal static class ExperimentEnd
{
    /// <summary>The error for the caller; null for a bug in KvmTune, whose exception is thrown unchanged.</summary>
    /// <param name="subject">The change.</param>
    /// <param name="target">The VM.</param>
    /// <param name="cause">What went wrong.</param>
    /// <param name="failure">Why the change could not be taken back; null if it was taken back.</param>
    /// <param name="left">The files left in the guest, as sentences; null for none.</param>
    /// <param name="wasTouched">Whether the VM was changed at all.</param>
    /// <param name="partial">The measurements so far.</param>
    /// <param name="cancellationToken">The token that may have cancelled the experiment.</param>
    public static Exception? Of(
        IExperimentSubject subject,
        IMeasurementTarget target,
        Exception cause,
        Exception? failure,
        string? left,
        bool wasTouched,
        IReadOnlyList<VMPerformance> partial,
        CancellationToken cancellationToken)
    {
        var isCanceled = cause is OperationCanceledException && cancellationToken.IsCancellationRequested;
        var message = isCanceled ? $"The experiment on '{target.VMName}' was cancelled." : KvmTuneException.Sentence(cause.Message);
        var inGuest = left is null ? null : " " + TerminalText.Of(left);
        if (failure is not null)
        {
            return new ExperimentInterruptedException(
                ExperimentInterruptedException.UndoFailed, KvmTuneErrorCategory.InvalidResult,
                $"{message} '{subject.Title}' could not be taken back completely from '{target.VMName}': {KvmTuneException.Sentence(failure.Message)} Look at it with Get-VMTopology, and take it back with Undo-VMTuning.{inGuest}",
                partial, isUndone: false, new AggregateException(cause, failure));
        }

        message += wasTouched ? $" '{subject.Title}' was taken back; '{target.VMName}' is as it was before." : $" '{target.VMName}' was not changed.";
        message += inGuest;
        if (isCanceled)
        {
            return new ExperimentCanceledException(message, partial, cause, cancellationToken);
        }

        var known = cause switch
        {
            KvmTuneException engine => engine,
            LibvirtException libvirt => LibvirtErrors.Calling(libvirt, $"the experiment on '{target.VMName}'"),
            _ => null,
        };
        return known is null ? null : new ExperimentInterruptedException(known.ErrorId, known.Category, message, partial, isUndone: true, cause);
    }
}
