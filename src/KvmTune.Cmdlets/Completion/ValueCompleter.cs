// Completes parameters with open values: times and ages by examples, all others by the typed text only, so that PowerShell does not offer
// files.
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Reflection;
using KvmTune.Cmdlets.Common;

namespace KvmTune.Cmdlets.Completion;

/// <summary>Examples for times, and the typed text for anything else.</summary>
public sealed class ValueCompleter : IArgumentCompleter
{
    private static readonly string[] Times = ["10s", "30s", "2m", "5m", "1h"];
    private static readonly string[] Ages = ["1h", "12h", "1d", "7d", "30d"];

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var typed = wordToComplete ?? string.Empty;
        var property = CmdletParameters.Find(commandName, parameterName);
        string[] examples = property?.IsDefined(typeof(DurationTransformationAttribute)) == true ? Times
            : property?.IsDefined(typeof(MomentTransformationAttribute)) == true ? Ages
            : [];
        var fitting = Array.FindAll(examples, example => example.StartsWith(typed, StringComparison.OrdinalIgnoreCase));
        return fitting.Length > 0
            ? fitting.Select(example => new CompletionResult(example, example, CompletionResultType.ParameterValue, example))
            // Without any result PowerShell would offer the files of the current folder.
            : [new CompletionResult(typed.Length > 0 ? typed : " ", typed.Length > 0 ? typed : "(a value)", CompletionResultType.ParameterValue, "There is no list of what this parameter takes.")];
    }
}
