// The bar of a restart: what the guest is waited for, and how long that is likely to take, by the VM's last restarts in the journal.
using System.Diagnostics;
using System.Management.Automation;
using KvmTune.Journal;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>Shows the restart of one VM. Nothing is shown of a change that restarts nothing.</summary>
internal sealed class RestartProgress(CancellableCmdlet cmdlet, string vmName, Guid vmId) : IProgress<RestartStep>
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly Stopwatch _elapsed = new();
    private readonly Lazy<TimeSpan?> _expected = new(() => Expected(vmId));
    private volatile int _step = -1;

    /// <inheritdoc/>
    public void Report(RestartStep value)
    {
        _elapsed.Start();
        _step = (int)value;
    }

    /// <summary>Shows what some work tells of a restart, until it ends.</summary>
    /// <param name="post">Does something on PowerShell's thread.</param>
    /// <param name="work">The work.</param>
    public async Task<T> ShowAsync<T>(Action<Action> post, Func<IProgress<RestartStep>, Task<T>> work)
    {
        var task = work(this);
        try
        {
            // A live change is done here already, and needs no timer.
            while (!task.IsCompleted)
            {
                await Task.WhenAny(task, Task.Delay(Interval, TimeProvider.System));
                if (!task.IsCompleted && _step >= 0)
                {
                    post(Show);
                }
            }

            return await task;
        }
        finally
        {
            if (_step >= 0)
            {
                post(() => cmdlet.WriteProgress(new ProgressRecord(0, $"Restarting {vmName}", "done") { RecordType = ProgressRecordType.Completed }));
            }
        }
    }

    private void Show()
    {
        var text = (RestartStep)_step switch
        {
            RestartStep.ShuttingDown => "the guest shuts down (step 1 of 3)",
            RestartStep.Starting => "the VM starts (step 2 of 3)",
            RestartStep.Saving => "the guest's state is saved (step 1 of 2)",
            RestartStep.Resuming => "the guest resumes (step 2 of 2)",
            _ => "the guest boots (step 3 of 3)",
        };
        cmdlet.WriteProgress(_expected.Value is { } expected && expected > _elapsed.Elapsed
            ? new ProgressRecord(0, $"Restarting {vmName}", text)
            {
                PercentComplete = (int)(100 * (_elapsed.Elapsed / expected)),
                SecondsRemaining = (int)Math.Ceiling((expected - _elapsed.Elapsed).TotalSeconds),
            }
            : new ProgressRecord(0, $"Restarting {vmName}", text) { PercentComplete = PercentAt((RestartStep)_step) });
    }

    private static int PercentAt(RestartStep step) => step switch
    {
        RestartStep.Starting => 33,
        RestartStep.WaitingForGuest => 66,
        RestartStep.Resuming => 50,
        _ => 0,
    };

    // As long as the last change that restarted this VM took; null where the journal knows of none, or cannot be read.
    private static TimeSpan? Expected(Guid vmId)
    {
        try
        {
            return Journals.Current.Entries(new JournalFilter { VMId = vmId, Kind = JournalKind.Change, IsBrief = true }, static _ => { })
                .LastOrDefault(entry => entry is { Restarted: true, EndedAt: not null }) is { } last ? last.EndedAt - last.StartedAt : null;
        }
        catch (KvmTuneException)
        {
            return null;
        }
    }
}
