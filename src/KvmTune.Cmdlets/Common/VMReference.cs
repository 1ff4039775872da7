// How a user names a VM: by name, wildcard or UUID, or by any object of this module that belongs to a VM.
using System.Globalization;
using System.Management.Automation;
using KvmTune.Cmdlets.Serialization;
using KvmTune.Measurement;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Common;

/// <summary>A parameter's value for a VM, or for several by a wildcard.</summary>
public sealed class VMReference
{
    /// <summary>Creates a reference by name.</summary>
    /// <param name="nameOrPattern">A name, a UUID, or a wildcard pattern.</param>
    public VMReference(string nameOrPattern) => Name = nameOrPattern;

    private VMReference(string name, Guid? id, string? connectionUri, object source)
    {
        Name = name;
        Id = id;
        ConnectionUri = connectionUri;
        Source = source;
    }

    /// <summary>The name or pattern.</summary>
    public string Name { get; }

    /// <summary>The UUID, if the object had one.</summary>
    public Guid? Id { get; }

    /// <summary>The connection, if the object had one.</summary>
    public string? ConnectionUri { get; }

    /// <summary>The object that named the VM; null for a bare name.</summary>
    public object? Source { get; }

    /// <summary>The measurement in the object, which a change takes as its baseline.</summary>
    public VMPerformance? Performance => Source as VMPerformance;

    /// <summary>The change in the object, which a measurement follows.</summary>
    public VMTuningResult? Change => Source as VMTuningResult;

    /// <summary>Converts an object to a reference.</summary>
    /// <exception cref="ArgumentException">The object names no VM.</exception>
    public static VMReference From(object? value)
    {
        // A saved object that was read before the import of this module has the same content as a living one: a measurement has its workload.
        value = SerializationTypes.Revive(value);
        var bare = value is PSObject { BaseObject: not PSCustomObject } wrapped ? wrapped.BaseObject : value;
        switch (bare)
        {
            case VMReference reference:
                return reference;
            case string { Length: > 0 } name:
                return new VMReference(name);
            case Guid id:
                return new VMReference(id.ToString());
            case int or long:
                // A VM can have the name '1', and PowerShell parses the bare word as a number.
                return new VMReference(Convert.ToString(bare, CultureInfo.InvariantCulture)!);
        }

        if (value is not null)
        {
            var properties = PSObject.AsPSObject(value).Properties;
            if ((properties["VMName"] ?? properties["VM"] ?? properties["Name"])?.Value?.ToString() is { Length: > 0 } named)
            {
                Guid? id = Guid.TryParse(properties["VMId"]?.Value?.ToString(), out var parsed) ? parsed : null;
                return new VMReference(named, id, properties["ConnectionUri"]?.Value?.ToString(), bare!);
            }
        }

        throw new ArgumentException(
            value is null or ""
                ? "A VM name must not be empty."
                : $"An object of type {bare?.GetType().Name} names no VM: it has no VMName, VM or Name.",
            nameof(value));
    }

    /// <summary>Whether the reference matches the recorded name or UUID of a VM, which may no longer exist.</summary>
    /// <param name="vmName">The recorded name; empty for none.</param>
    /// <param name="vmId">The recorded UUID; null for none.</param>
    internal bool Means(string vmName, Guid? vmId) => Id is { } id
        ? vmId == id
        : string.Equals(TerminalText.Line(Name), vmName, StringComparison.Ordinal)
            || (vmName.Length > 0 && new WildcardPattern(Name, WildcardOptions.IgnoreCase).IsMatch(vmName))
            || (Guid.TryParse(Name, out var named) && vmId == named);

    /// <summary>The name or pattern.</summary>
    public override string ToString() => Name;
}

/// <summary>Lets parameters take names, patterns, UUIDs and objects alike.</summary>
internal sealed class VMReferenceTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        try
        {
            var bare = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
            return bare is object[] several ? several.Select(VMReference.From).ToArray() : new[] { VMReference.From(inputData) };
        }
        catch (ArgumentException exception)
        {
            throw new ArgumentTransformationMetadataException(ErrorRecords.Plain(exception), exception);
        }
    }
}
