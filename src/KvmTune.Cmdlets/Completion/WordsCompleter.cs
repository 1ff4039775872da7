// Completes a parameter that takes one of a few words.
using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using System.Reflection;
using KvmTune.Cmdlets.Common;

namespace KvmTune.Cmdlets.Completion;

/// <summary>The words of the parameter's own attribute.</summary>
public sealed class WordsCompleter : IArgumentCompleter
{
    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        var typed = (wordToComplete ?? string.Empty).Trim('\'', '"');
        return Words(commandName, parameterName)
            .Where(word => word.StartsWith(typed, StringComparison.OrdinalIgnoreCase))
            .Select(word => new CompletionResult(word, word, CompletionResultType.ParameterValue, word));
    }

    private static IReadOnlyList<string> Words(string command, string parameter) =>
        CmdletParameters.Find(command, parameter)?.GetCustomAttribute<WordsAttribute>()?.Words ?? [];
}
