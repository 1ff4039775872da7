// Tells PowerShell how to serialise the objects of pipelines. A types file cannot do this: it finds no type in the module's own load
// context.
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using KvmTune.Diagnosis;
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Experiments;
using KvmTune.Journal;
using KvmTune.Measurement;
using KvmTune.Optimization;
using KvmTune.Placement;
using KvmTune.Statistics;
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Serialization;

/// <summary>Adds the type data at the import of the module, and restores objects that were read before the import.</summary>
public sealed class SerializationTypes : IModuleAssemblyInitializer
{
    /// <summary>The property that holds the complete serialised object.</summary>
    public const string DocumentName = "Document";

    /// <summary>The property in which PowerShell names the computer of a remote session's object; it stays with the object.</summary>
    public const string ComputerName = "PSComputerName";

    // Each type with the properties that a reader without this module sees, and the parts that can be taken out before the import. The document
    // also holds all of it. Any other object that names a VM or host (a host's pool) is used by that name and needs no entry here.
    private static readonly Serialized[] All =
    [
        Serialized.Of<VMPerformance>(["Median", "StartedAt", "ElapsedSeconds", "Notes"]),
        Serialized.Of<VMComparison>(["Verdict", "Sentence", "IsProvisional", "IsDirectionOnly", "Notes"], ["Baseline", "Candidate"]),
        Serialized.Of<VMExperiment>(
            ["Title", "Verdict", "Decision", "Reason", "StartedAt", "ElapsedSeconds", "ExperimentId", "Notes"], ["Baseline", "Candidate", "Comparison", "Change"]),
        Serialized.Of<VMCalibration>(["Runs", "NoisePercent", "PairNoisePercent", "Sentence"], ["Performance", "PairCheck", "SequenceCheck"]),
        Serialized.Of<PlacementPlan>(["Title", "Nodes", "Pins", "HasChanges", "RequiresRestart", "VirshCommand"]),
        Serialized.Of<VMTuningPlan>(["Title", "HasChanges", "RequiresRestart", "VirshCommand"]),
        Serialized.Of<VMTuningResult>(["Title", "Outcome", "AppliedAt", "JournalId", "VirshCommand", "Notes"], ["Plan"]),
        Serialized.Of<VMTuningFinding>(["Severity", "Area", "Id", "Subject", "Suggestion", "Reason"], ["Plan"]),
        Serialized.Of<VMBottleneckReport>(["Verdict", "Cause", "Subject", "IntervalSeconds"]),
        Serialized.Of<VMOptimization>(["Workload", "Outcome", "Reason", "StartedAt", "ElapsedSeconds"]),
        Serialized.Of<JournalEntry>(["Id", "Title", "StartedAt", "Outcome"]),
        Serialized.Of<VMTopology>(["State", "VcpuCount", "Pins", "Pages", "IsPersistent"]),
        Serialized.Of<VMHostTopology>(["HostName", "CpuModel", "CoreCount", "MemoryKiB"]),
        Serialized.Of<VcpuTopology>(["Number", "IsOnline", "Pin", "HostCpu", "CpuTimeSeconds"]),
        Serialized.Of<IOThreadTopology>(["Id", "Pin"]),
        Serialized.Of<DiskConfiguration>(["Target", "Bus", "Format", "Cache", "IO", "IOThread", "Queues", "Source"]),
        Serialized.Of<NicConfiguration>(["Mac", "Model", "Queues", "Source"]),
        Serialized.Of<HostMap>(["HostName", "IsPlanned"]),
        Serialized.Of<ComparisonPlot>(["Title"]),
        Serialized.Of<VMPerformanceSample>(["Time", "IntervalSeconds", "CpuPercent"]),
        Serialized.Of<TuningCheckpoint>(["Name", "MadeAt", "User"]),
    ];

    // Emitted types that have moments but are not serialised completely.
    private static readonly Type[] Shown = [typeof(MeasuredRun), typeof(ExperimentStep), typeof(MeasurementSummary)];

    /// <summary>The object in a serialised one; the same object if it is not of this module.</summary>
    /// <exception cref="KvmTuneException">Its version is not one that this module understands (<c>DocumentNotUnderstood</c>).</exception>
    public static object? Revive(object? value)
    {
        // An object has the names of its base types too, after its own.
        if (value is not PSObject { BaseObject: PSCustomObject } serialized
            || serialized.TypeNames.Select(name => Array.Find(All, type => string.Equals(type.Name, name, StringComparison.OrdinalIgnoreCase))).FirstOrDefault(type => type is not null) is not { } known)
        {
            return value;
        }

        try
        {
            return known.Revive(serialized) ?? value;
        }
        catch (FormatException exception)
        {
            throw new KvmTuneException(
                "DocumentNotUnderstood", KvmTuneErrorCategory.InvalidResult,
                $"The saved {known.Type.Name} cannot be read: {exception.Message} Read it with the version that wrote it.", exception);
        }
    }

    /// <summary>The object itself, or the restored object of a serialised one.</summary>
    /// <exception cref="KvmTuneException">Its version is not one that this module understands (<c>DocumentNotUnderstood</c>).</exception>
    public static object Living(PSObject item) => Revive(item) is { } living and not PSObject ? living : item.BaseObject;

    /// <summary>A property of the object in a serialised one: the type data of serialised objects calls this method.</summary>
    public static object? Property(PSObject serialized, string name) => PSObject.AsPSObject(Living(serialized)).Properties[name]?.Value;

    /// <inheritdoc/>
    public void OnImport()
    {
        // The command is given as a class: to find it by name, PowerShell would load its whole module, which takes tens of milliseconds.
        var update = new CmdletInfo(
            "Update-TypeData", System.Type.GetType("Microsoft.PowerShell.Commands.UpdateTypeDataCommand, Microsoft.PowerShell.Commands.Utility", throwOnError: true));
        using var shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
        shell.AddCommand(update)
            .AddParameter("TypeData", All.SelectMany(type => type.Data()).Concat(Shown.Select(ShownMoments)).ToArray())
            .AddParameter("Force", true)
            .Invoke();
    }

    private static TypeData ShownMoments(Type type)
    {
        var data = new TypeData(type.FullName!);
        foreach (var moment in IsoMoments.MembersOf(type))
        {
            data.Members.Add(moment.Name, moment);
        }

        return data;
    }

    private sealed record Serialized(Type Type, string Name, Type Converter, System.Reflection.MethodInfo Getter, Func<PSObject, object?> Revive, string[] Readable, string[] Parts)
    {
        public static Serialized Of<T>(string[] readable, string[]? parts = null)
            where T : class =>
            new(typeof(T), DocumentConverter<T>.SerializedName, typeof(DocumentConverter<T>), DocumentConverter<T>.Getter, DocumentConverter<T>.Revive, readable, parts ?? []);

        public IEnumerable<TypeData> Data()
        {
            // A date, an enum or a set of CPUs would come back in a form that cannot be sorted or compared, so only the document holds these.
            string[] kept = ["VMName", "VMId", "ConnectionUri", .. Readable.Where(IsPlain), .. Parts, DocumentName, ComputerName];
            var living = new TypeData(Type.FullName!)
            {
                TypeConverter = Converter,
                SerializationMethod = "SpecificProperties",

                // If a script's output has many types, PowerShell shows these properties in place of the view.
                DefaultDisplayPropertySet = new PropertySetData(["VMName", .. Readable]),
                PropertySerializationSet = new PropertySetData(kept),
            };
            foreach (var moment in IsoMoments.MembersOf(Type))
            {
                living.Members.Add(moment.Name, moment);
            }

            living.Members.Add(DocumentName, new CodePropertyData(DocumentName, Getter, null) { IsHidden = true });

            // A remote session's objects are not restored automatically, because its type table is not this session's. A property outside
            // the sent ones is read from the document on access.
            var serialized = new TypeData(Name) { TargetTypeForDeserialization = Type };
            foreach (var name in Type.GetProperties().Select(property => property.Name).Except(kept.Except(Parts, StringComparer.Ordinal), StringComparer.Ordinal))
            {
                serialized.Members.Add(
                    name, new ScriptPropertyData(name, ScriptBlock.Create($"[{typeof(SerializationTypes).FullName}]::{nameof(Property)}($this, '{name}')")));
            }

            return [living, serialized];
        }

        private bool IsPlain(string property) =>
            Type.GetProperty(property)!.PropertyType is { IsEnum: false } type && Nullable.GetUnderlyingType(type) is not { IsEnum: true } && type != typeof(DateTimeOffset) && type != typeof(CpuSet);
    }
}
