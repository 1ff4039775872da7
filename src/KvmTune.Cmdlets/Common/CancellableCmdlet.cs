// The base class of all cmdlets: turns Ctrl+C into a token, waits for the engine and shows its messages meanwhile, maps errors in one place.
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

    /// <summary>Like PowerShell's method, but if the session cannot ask, the error names -Confirm:$false.</summary>
    /// <exception cref="KvmTuneException">The session cannot ask (<c>NobodyToAsk</c>).</exception>
    protected internal new bool ShouldProcess(string target, string action) => Ask(
        () => base.ShouldProcess(TerminalText.Line(target), TerminalText.Line(action)), cause => NobodyToAsk($"{action}: {target}", cause), AsksToConfirm);

    /// <inheritdoc cref="ShouldProcess(string, string)"/>
    protected internal new bool ShouldProcess(string verboseDescription, string verboseWarning, string caption) => Ask(
        () => base.ShouldProcess(TerminalText.Of(verboseDescription), TerminalText.Of(verboseWarning), TerminalText.Line(caption)),
        cause => NobodyToAsk(verboseWarning.TrimEnd('?'), cause), AsksToConfirm);

    /// <summary>Asks whether data may be put at risk. Enter means no, and an answer for all holds for the rest of the command.</summary>
    /// <param name="question">The question, with the risk.</param>
    /// <param name="caption">The intended action.</param>
    /// <param name="nobody">The error if the session cannot ask.</param>
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

    // A cmdlet writes to the terminal through these methods, which remove control sequences, so the terminal does not execute them.

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
    /// Waits for the engine. Its messages are shown on PowerShell's own thread. After Ctrl+C no message is shown any more, but the method
    /// still waits for the engine, which is cleaning up.
    /// </summary>
    /// <param name="work">The work; it passes actions for PowerShell's thread to the first argument.</param>
    /// <remarks>
    /// The work begins on PowerShell's thread. Work that never waits, such as a live pin, also ends there; a change of threads would take longer
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
            // Cancelled, and a part of the change could not be taken back.
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

    // A stopped pipeline accepts no warnings, but the user must know the state of the VM: the text goes directly to the PowerShell host.
    private void ShowAfterStop(string text)
    {
        try
        {
            Host?.UI?.WriteWarningLine(TerminalText.Of(text));
        }
        catch (Exception exception) when (exception is HostException or NotImplementedException or PipelineStoppedException)
        {
            // This PowerShell host shows no text. The journal has the same information.
        }
    }

    // A PowerShell host that is not interactive refuses to ask, each with a different exception; PowerShell's console throws a
    // NullReferenceException at the end of its input (PowerShell 7.6, PromptForChoice).
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

    /// <summary>Runs an action for one object. An error is written, and the pipeline continues with the next object.</summary>
    /// <param name="target">The object that the error belongs to.</param>
    /// <param name="action">The action.</param>
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
