// The progress bars of experiments: one for all VMs, and below it one for the current VM.
using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Measurement;

namespace KvmTune.Cmdlets.Experiments;

/// <summary>Counts experiments. Its estimate of the time left assumes that the next experiments take as long as the earlier ones.</summary>
internal sealed class ExperimentProgress(CancellableCmdlet cmdlet)
{
    private const int Whole = 0;
    private const int Part = 1;

    private readonly Stopwatch _all = new();
    private int _expected;
    private int _done;
    private bool _isShown;

    /// <summary>Adds expected experiments.</summary>
    public void Expect(int count) => _expected += count;

    /// <summary>Removes an experiment that was not made.</summary>
    public void Skip() => _expected--;

    /// <summary>Begins an experiment.</summary>
    public ProgressReporter Begin(string vmName, string workload)
    {
        _all.Start();
        return new ProgressReporter(cmdlet, $"{vmName}: {workload}", _expected > 1 ? Part : Whole, _expected > 1 ? step => Show(vmName, step) : null);
    }

    /// <summary>Ends an experiment.</summary>
    public void End()
    {
        _all.Stop();
        _done++;
    }

    /// <summary>Ends the bars after the last experiment.</summary>
    public void Complete()
    {
        if (_isShown && !cmdlet.CancellationToken.IsCancellationRequested)
        {
            cmdlet.WriteProgress(new ProgressRecord(Whole, "Experiments", "done") { RecordType = ProgressRecordType.Completed });
        }
    }

    private void Show(string vmName, MeasurementProgress step)
    {
        var left = step.Remaining ?? TimeSpan.Zero;
        // The first experiment has only its own estimate; later ones use the time of the earlier ones.
        var each = _done > 0 ? (_all.Elapsed + left) / (_done + 1) : _all.Elapsed + left;
        var remaining = left + (each * Math.Max(0, _expected - _done - 1));
        cmdlet.WriteProgress(new ProgressRecord(
            Whole, "Experiments", string.Create(CultureInfo.InvariantCulture, $"VM {_done + 1} of {_expected}: {vmName}"))
        {
            PercentComplete = (int)Math.Clamp(100 * (_all.Elapsed / (_all.Elapsed + remaining + TimeSpan.FromTicks(1))), 0, 100),
            SecondsRemaining = (int)remaining.TotalSeconds,
        });
        _isShown = true;
    }
}
