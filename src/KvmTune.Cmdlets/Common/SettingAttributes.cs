// The common attributes of parameters for settings: a row of a CSV file has settings as text, and an empty cell counts as not given.
using System.Management.Automation;
using System.Text.RegularExpressions;

namespace KvmTune.Cmdlets.Common;

/// <summary>The words that a parameter takes. An empty text is no error and counts as not given.</summary>
/// <param name="words">The words.</param>
internal sealed class WordsAttribute(params string[] words) : ValidateArgumentsAttribute
{
    /// <summary>The words.</summary>
    public IReadOnlyList<string> Words => words;

    /// <inheritdoc/>
    protected override void Validate(object arguments, EngineIntrinsics engineIntrinsics)
    {
        if (arguments is string { Length: > 0 } text && !words.Contains(text, StringComparer.OrdinalIgnoreCase))
        {
            throw new ValidationMetadataException($"'{text}' is not one of: {string.Join(", ", words)}.");
        }
    }
}

/// <summary>The smallest and the largest number that a parameter takes. Null counts as not given.</summary>
/// <param name="least">The smallest number.</param>
/// <param name="most">The largest number.</param>
internal sealed class BetweenAttribute(int least, int most) : ValidateArgumentsAttribute
{
    /// <inheritdoc/>
    protected override void Validate(object arguments, EngineIntrinsics engineIntrinsics)
    {
        if (arguments is int number && (number < least || number > most))
        {
            throw new ValidationMetadataException(most == int.MaxValue
                ? FormattableString.Invariant($"{number} is less than {least}.")
                : FormattableString.Invariant($"{number} is not between {least} and {most}."));
        }
    }
}

/// <summary>
/// The form of a text, or of each of several texts. The error describes it in words, since PowerShell's own attribute shows the regular
/// expression. Null counts as not given.
/// </summary>
/// <param name="pattern">The regular expression of the whole text.</param>
/// <param name="words">The form in words.</param>
internal sealed class FormAttribute(string pattern, string words) : ValidateArgumentsAttribute
{
    /// <inheritdoc/>
    protected override void Validate(object arguments, EngineIntrinsics engineIntrinsics)
    {
        foreach (var text in arguments as IEnumerable<string?> ?? [arguments as string])
        {
            if (text is not null && !Regex.IsMatch(text, pattern, RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)))
            {
                throw new ValidationMetadataException($"'{text}' does not have the required form: {words}.");
            }
        }
    }
}

/// <summary>Takes an empty text, for example an empty cell of a CSV file, as not given; and a list in one text (0,1) as several values.</summary>
internal sealed class CellTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>Whether a text is a list.</summary>
    public bool IsList { get; init; }

    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData) => (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
    {
        string text when string.IsNullOrWhiteSpace(text) => null,
        string text when IsList && text.Contains(',', StringComparison.Ordinal) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
        _ => inputData,
    };
}

/// <summary>Lets a switch take the words of a CSV file: true, yes, on, 1 and their opposites; an empty cell means no, also one that is null.</summary>
internal sealed class FlagTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) => (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
    {
        string text => new SwitchParameter(text.Trim().ToUpperInvariant() switch
        {
            "TRUE" or "YES" or "ON" or "1" => true,
            "" or "FALSE" or "NO" or "OFF" or "0" => false,
            _ => throw new ArgumentTransformationMetadataException($"'{text}' is neither true nor false."),
        }),
        // PowerShell itself would take it as present.
        null => new SwitchParameter(false),
        _ => inputData,
    };
}

/// <summary>
/// Marks a parameter that names the target of the setting (a disk, a vCPU), not the value: it is also bound from a part of a VM.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class NamesPartAttribute : Attribute;
