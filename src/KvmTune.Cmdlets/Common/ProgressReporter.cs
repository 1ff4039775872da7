// Shows what the engine is doing as a PowerShell progress bar, and in the verbose stream.
using System.Management.Automation;
using KvmTune.Measurement;

namespace KvmTune.Cmdlets.Common;

/// <summary>One progress bar of a cmdlet.</summary>
/// <param name="cmdlet">The cmdlet.</param>
/// <param name="activity">The activity that the bar shows.</param>
/// <param name="number">The bar's number, if a cmdlet has several.</param>
/// <param name="whole">Updates the bar of the whole work too; null if there is none.</param>
internal sealed class ProgressReporter(CancellableCmdlet cmdlet, string activity, int number = 0, Action<MeasurementProgress>? whole = null)
{
    private string? _step;

    /// <summary>Reports of the engine, shown on PowerShell's thread.</summary>
    public IProgress<MeasurementProgress> Through(Action<Action> post) => new Reports(this, post);

    /// <summary>Removes the bar.</summary>
    public void Complete()
    {
        if (!cmdlet.CancellationToken.IsCancellationRequested)
        {
            cmdlet.WriteProgress(new ProgressRecord(number, activity, "done") { RecordType = ProgressRecordType.Completed });
        }
    }

    private void Show(MeasurementProgress progress)
    {
        cmdlet.WriteProgress(new ProgressRecord(number, activity, progress.Activity)
        {
            PercentComplete = (int)Math.Clamp(progress.Fraction * 100, 0, 100),
            SecondsRemaining = (int?)progress.Remaining?.TotalSeconds ?? -1,
        });
        whole?.Invoke(progress);
        if ($"{progress.VMName}: {progress.Activity}" is var step && step != _step)
        {
            _step = step;
            cmdlet.WriteVerbose(step);
        }
    }

    private sealed class Reports(ProgressReporter reporter, Action<Action> post) : IProgress<MeasurementProgress>
    {
        public void Report(MeasurementProgress value) => post(() => reporter.Show(value));
    }
}
