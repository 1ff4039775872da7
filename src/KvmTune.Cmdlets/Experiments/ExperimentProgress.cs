// The progress bars of experiments: one for the VMs, and below it one for what is done to the VM that has its turn.
using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Measurement;

namespace KvmTune.Cmdlets.Experiments;

/// <summary>Keeps count of experiments. Its time left counts the ones to come as long as the ones that were made.</summary>
internal sealed class ExperimentProgress(CancellableCmdlet cmdlet)
{
    private const int Whole = 0;
    private const int Part = 1;

    private readonly Stopwatch _all = new();
    private int _expected;
    private int _done;
    private bool _isShown;

    /// <summary>So many more are known to come.</summary>
    public void Expect(int count) => _expected += count;

    /// <summary>One of those was not made.</summary>
    public void Skip() => _expected--;

    /// <summary>One has its turn.</summary>
    public ProgressReporter Begin(string vmName, string workload)
    {
        _all.Start();
        return new ProgressReporter(cmdlet, $"{vmName}: {workload}", _expected > 1 ? Part : Whole, _expected > 1 ? step => Show(vmName, step) : null);
    }

    /// <summary>One is done.</summary>
    public void End()
    {
        _all.Stop();
        _done++;
    }

    /// <summary>All are done.</summary>
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
        // The first one can only be judged by itself; later ones by those that are done.
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
