// The progress bar over many VMs of one host: the current VM, its number and the total, and the expected time left.
using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;

namespace KvmTune.Cmdlets.Common;

/// <summary>Counts VMs. The bar does not appear for work of less than a second, or for a single VM.</summary>
internal sealed class VMCountProgress(CancellableCmdlet cmdlet, string activity)
{
    // A number that the bars for one VM do not use.
    private const int Number = 100;
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Stopwatch _all = Stopwatch.StartNew();
    private TimeSpan _shown;
    private int _expected = 1;
    private int _begun;

    /// <summary>Sets the number of VMs to process.</summary>
    public void Expect(int count) => _expected = count;

    /// <summary>Removes one VM from the expected number.</summary>
    public void Skip() => _expected--;

    /// <summary>Begins the next VM.</summary>
    public void Next(string vmName)
    {
        var done = _begun++;
        if (_expected < 2 || _all.Elapsed < Quiet || (_shown > TimeSpan.Zero && _all.Elapsed - _shown < Interval))
        {
            return;
        }

        _shown = _all.Elapsed;
        var left = done == 0 ? (TimeSpan?)null : _all.Elapsed / done * Math.Max(0, _expected - done);
        cmdlet.WriteProgress(new ProgressRecord(
            Number, activity, string.Create(CultureInfo.InvariantCulture, $"VM {_begun} of {Math.Max(_begun, _expected)}: {vmName}"))
        {
            PercentComplete = Math.Clamp(100 * done / Math.Max(1, _expected), 0, 100),
            SecondsRemaining = (int?)left?.TotalSeconds ?? -1,
        });
    }

    /// <summary>Ends the bar after the last VM.</summary>
    public void Complete()
    {
        if (_shown > TimeSpan.Zero && !cmdlet.CancellationToken.IsCancellationRequested)
        {
            cmdlet.WriteProgress(new ProgressRecord(Number, activity, "done") { RecordType = ProgressRecordType.Completed });
        }
    }
}
