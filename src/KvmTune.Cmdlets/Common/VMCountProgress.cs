// The bar over many VMs of one host: which one, n of m, and how long it is likely to take from there.
using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;

namespace KvmTune.Cmdlets.Common;

/// <summary>Counts VMs. Nothing is shown of what takes less than a second, nor of one VM.</summary>
internal sealed class VMCountProgress(CancellableCmdlet cmdlet, string activity)
{
    // Outside what a cmdlet shows of one VM.
    private const int Number = 100;
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Stopwatch _all = Stopwatch.StartNew();
    private TimeSpan _shown;
    private int _expected = 1;
    private int _begun;

    /// <summary>So many are looked at.</summary>
    public void Expect(int count) => _expected = count;

    /// <summary>One of those is not meant.</summary>
    public void Skip() => _expected--;

    /// <summary>One has its turn.</summary>
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

    /// <summary>All are done.</summary>
    public void Complete()
    {
        if (_shown > TimeSpan.Zero && !cmdlet.CancellationToken.IsCancellationRequested)
        {
            cmdlet.WriteProgress(new ProgressRecord(Number, activity, "done") { RecordType = ProgressRecordType.Completed });
        }
    }
}
