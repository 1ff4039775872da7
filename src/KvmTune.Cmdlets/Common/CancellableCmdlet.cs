// The root of all cmdlets: turns Ctrl+C into a token, waits for the engine while its messages are shown, maps errors in one place.
using System.Collections.Concurrent;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Reflection;
using KvmTune.Experiments;

namespace KvmTune.Cmdlets.Common;

/// <summary>A cmdlet whose work can be stopped with Ctrl+C.</summary>
public abstract class CancellableCmdlet : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private bool _consentsToAll;
    private bool _refusesAll;

    /// <summary>Cancelled when the user stops the pipeline.</summary>
    protected internal CancellationToken CancellationToken => _stop.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>As PowerShell's own, but where nobody can be asked the error names -Confirm:$false.</summary>
    /// <exception cref="KvmTuneException">Nobody can be asked (<c>NobodyToAsk</c>).</exception>
    protected internal new bool ShouldProcess(string target, string action) => Ask(
        () => base.ShouldProcess(TerminalText.Line(target), TerminalText.Line(action)), cause => NobodyToAsk($"{action}: {target}", cause), AsksToConfirm);

    /// <inheritdoc cref="ShouldProcess(string, string)"/>
    protected internal new bool ShouldProcess(string verboseDescription, string verboseWarning, string caption) => Ask(
        () => base.ShouldProcess(TerminalText.Of(verboseDescription), TerminalText.Of(verboseWarning), TerminalText.Line(caption)),
        cause => NobodyToAsk(verboseWarning.TrimEnd('?'), cause), AsksToConfirm);

    /// <summary>Asks whether data may be put at risk. Enter is no, and an answer for all holds for the rest of the command.</summary>
    /// <param name="question">The question, with the risk.</param>
    /// <param name="caption">What is going to be done.</param>
    /// <param name="nobody">The error where nobody can be asked.</param>
    internal bool Consents(string question, string caption, Func<Exception, KvmTuneException> nobody) => Ask(
        () => ShouldContinue(TerminalText.Of(question), TerminalText.Line(caption), hasSecurityImpact: true, ref _consentsToAll, ref _refusesAll), nobody,
        asks: !_consentsToAll && !_refusesAll);

    /// <summary>Whether the command only says what it would do.</summary>
    internal bool IsWhatIf => MyInvocation.BoundParameters.TryGetValue("WhatIf", out var whatIf)
        ? whatIf is SwitchParameter { IsPresent: true }
        : LanguagePrimitives.IsTrue(GetVariableValue("WhatIfPreference"));

    // Whether ShouldProcess would ask (about_Preference_Variables, $ConfirmPreference).
    private bool AsksToConfirm
    {
        get
        {
            if (MyInvocation.BoundParameters.TryGetValue("Confirm", out var confirm))
            {
                return confirm is SwitchParameter { IsPresent: true };
            }

            var impact = GetType().GetCustomAttribute<CmdletAttribute>()?.ConfirmImpact ?? ConfirmImpact.Medium;
            return !MyInvocation.BoundParameters.ContainsKey("WhatIf") && LanguagePrimitives.TryConvertTo(GetVariableValue("ConfirmPreference"), CultureInfo.InvariantCulture, out ConfirmImpact preference)
                && preference != ConfirmImpact.None && impact >= preference;
        }
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

    /// <summary>
    /// Waits for the engine. What it wants to be shown meanwhile is shown on PowerShell's own thread; after Ctrl+C nothing more is
    /// shown, and the engine is still waited for, since it is cleaning up.
    /// </summary>
    /// <param name="work">The work; it hands actions for PowerShell's thread to the first argument.</param>
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
        catch (OperationCanceledException exception) when (CancellationToken.IsCancellationRequested)
        {
            if (exception is ExperimentCanceledException)
            {
                ShowAfterStop(exception.Message);
            }

            throw stopped ?? new PipelineStoppedException();
        }

        catch (ExperimentInterruptedException exception) when (CancellationToken.IsCancellationRequested)
        {
            // Cancelled, and something of the change could not be taken back.
            ShowAfterStop(exception.Message);
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

    // A stopped pipeline takes no warning any more, but the user must know the state of the VM: the text goes straight to the host.
    private void ShowAfterStop(string text)
    {
        try
        {
            Host?.UI?.WriteWarningLine(TerminalText.Of(text));
        }
        catch (Exception exception) when (exception is HostException or NotImplementedException or PipelineStoppedException)
        {
            // A host without a place to write. The journal has the same.
        }
    }

    // A host that is not interactive refuses to ask, each in its own way; PowerShell's console fails with a NullReferenceException where
    // its input has ended (PowerShell 7.6, PromptForChoice).
    private static bool Ask(Func<bool> ask, Func<Exception, KvmTuneException> nobody, bool asks)
    {
        if (asks && StandardInput.IsClosed)
        {
            throw nobody(new InvalidOperationException("The standard input is closed."));
        }

        try
        {
            return ask();
        }
        catch (Exception exception) when (exception is PSInvalidOperationException or HostException or NotImplementedException or NullReferenceException)
        {
            throw nobody(exception);
        }
    }

    private static KvmTuneException NobodyToAsk(string what, Exception cause) => new(
        "NobodyToAsk", KvmTuneErrorCategory.PermissionDenied,
        $"This session cannot ask for confirmation, so this was not done: {what}. Add -Confirm:$false to do it.", cause);

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
