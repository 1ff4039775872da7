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
