// The root of all cmdlets: turns Ctrl+C into a token, waits for the engine while its messages are shown, maps errors in one place.
using System.Collections.Concurrent;
using System.Management.Automation;

namespace KvmTune.Cmdlets.Common;

/// <summary>A cmdlet whose work can be stopped with Ctrl+C.</summary>
public abstract class CancellableCmdlet : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Cancelled when the user stops the pipeline.</summary>
    protected internal CancellationToken CancellationToken => _stop.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Called by PowerShell on Ctrl+C.</summary>
    protected override void StopProcessing() => _stop.Cancel();

    /// <summary>Frees the token's resources.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _stop.Dispose();
        }
    }

    // What cmdlets write to a terminal goes through these, so that nothing in it is obeyed by one.

    /// <summary>Writes a warning.</summary>
    protected internal new void WriteWarning(string text) => base.WriteWarning(TerminalText.Of(text));

    /// <summary>Writes a verbose message.</summary>
    protected internal new void WriteVerbose(string text) => base.WriteVerbose(TerminalText.Of(text));

    /// <summary>Shows progress.</summary>
    protected internal new void WriteProgress(ProgressRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        (record.Activity, record.StatusDescription) = (TerminalText.Line(record.Activity), TerminalText.Line(record.StatusDescription));
        record.CurrentOperation = record.CurrentOperation is null ? null : TerminalText.Line(record.CurrentOperation);
        base.WriteProgress(record);
    }

    /// <summary>Asks for something that changes something, or says that it would be done.</summary>
    protected internal new bool ShouldProcess(string verboseDescription, string verboseWarning, string caption) =>
        base.ShouldProcess(TerminalText.Of(verboseDescription), TerminalText.Of(verboseWarning), TerminalText.Line(caption));

    /// <summary>Asks for something that changes something, or says that it would be done.</summary>
    protected internal new bool ShouldProcess(string target, string action) => base.ShouldProcess(TerminalText.Line(target), TerminalText.Line(action));

    /// <summary>Asks for a clear yes.</summary>
    protected internal new bool ShouldContinue(string query, string caption) => base.ShouldContinue(TerminalText.Of(query), TerminalText.Line(caption));

    /// <summary>
    /// Waits for the engine. What it wants to be shown meanwhile is shown on PowerShell's own thread; after Ctrl+C nothing more is
    /// shown, and the engine is still waited for, since it is cleaning up.
    /// </summary>
    /// <param name="work">The work; it hands what shall be done on PowerShell's thread to the first argument.</param>
    /// <remarks>
    /// The work begins on PowerShell's thread: what never waits, as a live pin, ends there too, and the change of threads would cost it more
    /// than its own calls.
    /// </remarks>
    protected internal T Await<T>(Func<Action<Action>, CancellationToken, Task<T>> work)
    {
        using var messages = new BlockingCollection<Action>();
        var task = Run();
        PipelineStoppedException? stopped = null;
        foreach (var message in messages.GetConsumingEnumerable())
        {
            try
            {
                if (stopped is null && !CancellationToken.IsCancellationRequested)
                {
                    message();
                }
            }
            catch (PipelineStoppedException exception)
            {
                stopped = exception;
                _stop.Cancel();
            }
        }

        try
        {
            return task.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (CancellationToken.IsCancellationRequested)
        {
            throw stopped ?? new PipelineStoppedException();
        }

        async Task<T> Run()
        {
            try
            {
                return await work(messages.Add, CancellationToken);
            }
            finally
            {
                messages.CompleteAdding();
            }
        }
    }

    /// <summary>Does something for one object; an error of it is written, and the next object has its turn.</summary>
    /// <param name="target">What the error is about.</param>
    /// <param name="action">What to do.</param>
    protected internal void Try(object? target, Action action)
    {
        try
        {
            CancellationToken.ThrowIfCancellationRequested();
            action();
        }
        catch (OperationCanceledException) when (CancellationToken.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        catch (Exception exception) when (ErrorRecords.TryMake(exception, target, out var record))
        {
            WriteError(record);
        }
    }
}
