// Lets a parameter take objects that were saved and read before the import of the module.
using System.Management.Automation;

namespace KvmTune.Cmdlets.Serialization;

/// <summary>Restores saved objects before the binder looks at their type, and so before it binds one of their properties instead.</summary>
internal sealed class SavedTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData) =>
        inputData is object[] several ? several.Select(SerializationTypes.Revive).ToArray() : SerializationTypes.Revive(inputData);
}
