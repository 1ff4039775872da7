// Why two measurements cannot be compared.
namespace KvmTune.Statistics;

/// <summary>Why a comparison was refused. The names serve as fixed error ids.</summary>
[JsonText(typeof(EnumName))]
public enum ComparisonRefusal
{
    /// <summary>Baseline and candidate are the same measurement.</summary>
    SameMeasurement,

    /// <summary>The measurements are of different VMs.</summary>
    DifferentVM,

    /// <summary>The measurements ran different work.</summary>
    DifferentWorkload,

    /// <summary>The measurements have different metrics.</summary>
    DifferentMetrics,

    /// <summary>The measurements were made under different conditions; <see cref="ComparisonOptions.Force"/> compares them anyway.</summary>
    DifferentConditions,

    /// <summary>The options do not fit these measurements.</summary>
    InvalidComparison,
}

/// <summary>Two measurements cannot be compared. The message names what differs and what to do.</summary>
public sealed class ComparisonException : KvmTuneException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="refusal">The reason; its name is the error id.</param>
    /// <param name="message">What differs, with the values, and what to do.</param>
    /// <param name="differences">Each difference as a phrase, for example <c>host kernel 6.1 against 6.12</c>.</param>
    public ComparisonException(ComparisonRefusal refusal, string message, IReadOnlyList<string>? differences = null)
        : base(
            refusal.ToString(),
            refusal is ComparisonRefusal.InvalidComparison or ComparisonRefusal.SameMeasurement ? KvmTuneErrorCategory.InvalidArgument : KvmTuneErrorCategory.InvalidOperation,
            message)
    {
        Refusal = refusal;
        Differences = differences ?? [];
    }

    /// <summary>The reason.</summary>
    public ComparisonRefusal Refusal { get; }

    /// <summary>Each difference as a phrase, for example <c>host kernel 6.1 against 6.12</c>.</summary>
    public IReadOnlyList<string> Differences { get; }
}
