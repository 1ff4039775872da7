// Restores an object of the engine completely after Export-Clixml, a job or a remote session.
using System.Management.Automation;
using System.Reflection;
using KvmTune.Measurement;

namespace KvmTune.Cmdlets.Serialization;

/// <summary>Restores objects from their serialised form in PowerShell. For PowerShell, not for scripts.</summary>
/// <typeparam name="T">The type of the objects.</typeparam>
[System.ComponentModel.EditorBrowsable(System.ComponentModel.EditorBrowsableState.Never)]
public sealed class DocumentConverter<T> : PSTypeConverter
    where T : class
{
    // Static members of a generic type are intended here: each type has its own getter and name.
#pragma warning disable CA1000
    /// <summary>The type name of a serialised object.</summary>
    public static string SerializedName => $"Deserialized.{typeof(T).FullName}";

    /// <summary>The getter of the property that holds the complete serialised object.</summary>
    public static MethodInfo Getter { get; } = typeof(DocumentConverter<T>).GetMethod(nameof(Document))!;

    /// <summary>An object as text.</summary>
    public static string? Document(PSObject instance) => instance?.BaseObject is T value ? EngineDocument.Write(value) : null;

    /// <summary>The object in a serialised one; null if there is none.</summary>
    /// <exception cref="FormatException">It holds an object of a version that this module does not understand.</exception>
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
