// Lets an object of the engine come back whole from Export-Clixml, from a job or from another computer.
using System.Management.Automation;
using System.Reflection;
using KvmTune.Measurement;

namespace KvmTune.Cmdlets.Serialization;

/// <summary>Makes objects of what PowerShell's serialisation leaves of them. For PowerShell, not for scripts.</summary>
/// <typeparam name="T">The type of the objects.</typeparam>
[System.ComponentModel.EditorBrowsable(System.ComponentModel.EditorBrowsableState.Never)]
public sealed class DocumentConverter<T> : PSTypeConverter
    where T : class
{
    // Static members of a generic type are the point here: each type has a getter and a name of its own.
#pragma warning disable CA1000
    /// <summary>The type name of a serialised object.</summary>
    public static string SerializedName => $"Deserialized.{typeof(T).FullName}";

    /// <summary>The getter of the property that a serialised object keeps everything in.</summary>
    public static MethodInfo Getter { get; } = typeof(DocumentConverter<T>).GetMethod(nameof(Document))!;

    /// <summary>An object as text.</summary>
    public static string? Document(PSObject instance) => instance?.BaseObject is T value ? EngineDocument.Write(value) : null;

    /// <summary>The object in a serialised one; null where it is none.</summary>
    /// <exception cref="FormatException">It is one, of a version that is not understood.</exception>
    public static T? Revive(PSObject serialized)
    {
        if (serialized?.Properties[SerializationTypes.DocumentName]?.Value?.ToString() is not { } document)
        {
            return null;
        }

        var value = EngineDocument.Read<T>(document);
        if (serialized.Properties[SerializationTypes.ComputerName]?.Value is { } computer)
        {
            PSObject.AsPSObject(value).Properties.Add(new PSNoteProperty(SerializationTypes.ComputerName, computer));
        }

        return value;
    }
#pragma warning restore CA1000

    /// <inheritdoc/>
    public override bool CanConvertFrom(PSObject sourceValue, Type destinationType) =>
        destinationType == typeof(T)
        && sourceValue?.TypeNames.Contains(SerializedName, StringComparer.OrdinalIgnoreCase) == true
        && sourceValue.Properties[SerializationTypes.DocumentName] is not null;

    /// <inheritdoc/>
    public override bool CanConvertFrom(object sourceValue, Type destinationType) => CanConvertFrom(PSObject.AsPSObject(sourceValue), destinationType);

    /// <inheritdoc/>
    public override object ConvertFrom(PSObject sourceValue, Type destinationType, IFormatProvider formatProvider, bool ignoreCase) =>
        Revive(sourceValue) ?? throw new PSInvalidCastException($"The object holds no {typeof(T).Name}.");

    /// <inheritdoc/>
    public override object ConvertFrom(object sourceValue, Type destinationType, IFormatProvider formatProvider, bool ignoreCase) =>
        ConvertFrom(PSObject.AsPSObject(sourceValue), destinationType, formatProvider, ignoreCase);

    /// <inheritdoc/>
    public override bool CanConvertTo(object sourceValue, Type destinationType) => false;

    /// <inheritdoc/>
    public override object ConvertTo(object sourceValue, Type destinationType, IFormatProvider formatProvider, bool ignoreCase) =>
        throw new PSInvalidCastException($"A {typeof(T).Name} is converted to nothing else.");
}
