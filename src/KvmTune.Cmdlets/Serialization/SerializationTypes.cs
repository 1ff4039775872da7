// Tells PowerShell how measurements are serialised. A types file cannot: it finds no type in the module's own load context.
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using KvmTune.Measurement;

namespace KvmTune.Cmdlets.Serialization;

/// <summary>Adds the type data when the module is imported.</summary>
public sealed class SerializationTypes : IModuleAssemblyInitializer
{
    // What a reader without this module sees; all of it is in the document besides.
    private static readonly string[] Readable =
    [
        nameof(VMPerformance.VMName), nameof(VMPerformance.VMId), nameof(VMPerformance.ConnectionUri), nameof(VMPerformance.StartedAt),
        nameof(VMPerformance.Elapsed), nameof(VMPerformance.Notes),
    ];

    /// <inheritdoc/>
    public void OnImport()
    {
        var living = new TypeData(typeof(VMPerformance).FullName!)
        {
            TypeConverter = typeof(VMPerformanceConverter),
            SerializationMethod = "SpecificProperties",
            PropertySerializationSet = new PropertySetData([.. Readable, VMPerformanceConverter.DocumentName]),
        };
        living.Members.Add(
            VMPerformanceConverter.DocumentName,
            new CodePropertyData(VMPerformanceConverter.DocumentName, VMPerformanceConverter.Getter, null) { IsHidden = true });
        var serialized = new TypeData(VMPerformanceConverter.SerializedName)
        {
            TargetTypeForDeserialization = typeof(VMPerformance),
        };
        using var shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
        shell.AddCommand("Microsoft.PowerShell.Utility\\Update-TypeData")
            .AddParameter("TypeData", new[] { living, serialized })
            .AddParameter("Force", true)
            .Invoke();
    }
}
