// Lets a measurement come back whole from Export-Clixml, from a job or from another computer.
using System.Management.Automation;
using System.Reflection;
using KvmTune.Measurement;

namespace KvmTune.Cmdlets.Serialization;

/// <summary>Makes measurements of what PowerShell's serialisation leaves of them. For PowerShell, not for scripts.</summary>
[System.ComponentModel.EditorBrowsable(System.ComponentModel.EditorBrowsableState.Never)]
public sealed class VMPerformanceConverter : PSTypeConverter
{
    /// <summary>The type name of a serialised measurement.</summary>
    public const string SerializedName = "Deserialized.KvmTune.Measurement.VMPerformance";

    /// <summary>The property that a serialised measurement keeps everything in.</summary>
    public const string DocumentName = "Document";

    /// <summary>The getter of <see cref="DocumentName"/>.</summary>
    public static MethodInfo Getter { get; } = typeof(VMPerformanceConverter).GetMethod(nameof(Document))!;

    /// <summary>A measurement as text.</summary>
    public static string? Document(PSObject instance) => instance?.BaseObject is VMPerformance performance ? PerformanceDocument.Write(performance) : null;

    /// <summary>The measurement in a serialised one; null where it is none.</summary>
    /// <exception cref="FormatException">It is one, of a version that is not understood.</exception>
    public static VMPerformance? Revive(object? value) =>
        value is PSObject serialized
            && serialized.TypeNames.Contains(SerializedName, StringComparer.OrdinalIgnoreCase)
            && serialized.Properties[DocumentName]?.Value?.ToString() is { } document
            ? PerformanceDocument.Read(document)
            : null;

    /// <inheritdoc/>
    public override bool CanConvertFrom(PSObject sourceValue, Type destinationType) =>
        destinationType == typeof(VMPerformance) && sourceValue?.Properties[DocumentName] is not null;

    /// <inheritdoc/>
    public override bool CanConvertFrom(object sourceValue, Type destinationType) => CanConvertFrom(PSObject.AsPSObject(sourceValue), destinationType);

    /// <inheritdoc/>
    public override object ConvertFrom(PSObject sourceValue, Type destinationType, IFormatProvider formatProvider, bool ignoreCase) =>
        Revive(sourceValue) ?? throw new PSInvalidCastException("The object holds no measurement.");

    /// <inheritdoc/>
    public override object ConvertFrom(object sourceValue, Type destinationType, IFormatProvider formatProvider, bool ignoreCase) =>
        ConvertFrom(PSObject.AsPSObject(sourceValue), destinationType, formatProvider, ignoreCase);

    /// <inheritdoc/>
    public override bool CanConvertTo(object sourceValue, Type destinationType) => false;

    /// <inheritdoc/>
    public override object ConvertTo(object sourceValue, Type destinationType, IFormatProvider formatProvider, bool ignoreCase) =>
        throw new PSInvalidCastException("A measurement is converted to nothing else.");
}
