// The progress bar of a restart: the current step, and the expected time according to the VM's last restart in the journal.
using System.Diagnostics;
using System.Management.Automation;
using KvmTune.Journal;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>Shows the restart of one VM. A change without a restart shows no bar.</summary>
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

    /// <summary>Shows the restart steps that the work reports, until it ends.</summary>
    /// <param name="post">Runs an action on PowerShell's thread.</param>
    /// <param name="work">The work.</param>
    public async Task<T> ShowAsync<T>(Action<Action> post, Func<IProgress<RestartStep>, Task<T>> work)
    {
        var task = work(this);
        try
        {
            // A live change is already complete here and needs no timer.
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

    // The time of the last change that restarted this VM; null if the journal has none, or cannot be read.
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
