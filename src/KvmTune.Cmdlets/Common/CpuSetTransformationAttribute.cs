// Lets a parameter take host CPUs or NUMA nodes as 2, '2-3,^8' or 2,3.
using System.Globalization;
using System.Management.Automation;
using KvmTune.Topology;

namespace KvmTune.Cmdlets.Common;

/// <summary>Turns numbers, lists of numbers and libvirt's list syntax into a <see cref="CpuSet"/>.</summary>
internal sealed class CpuSetTransformationAttribute : ArgumentTransformationAttribute
{
    /// <summary>Whether an empty text counts as not given, instead of an error.</summary>
    public bool IsOptional { get; init; }

    /// <summary>Converts a value to a CPU set.</summary>
    /// <exception cref="FormatException">The value is not a CPU set.</exception>
    public static CpuSet ToCpuSet(object? value) => (value is PSObject wrapped ? wrapped.BaseObject : value) switch
    {
        CpuSet set => set,
        object[] several => CpuSet.Parse(string.Join(',', several.Select(ToCpuSet))),
        null => throw new FormatException("A list of numbers is needed, for example 2 or 0-3,^1."),
        var other => CpuSet.Parse(Convert.ToString(other, CultureInfo.InvariantCulture)!),
    };

    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        try
        {
            return IsOptional && inputData is null or "" ? null : ToCpuSet(inputData);
        }
        catch (FormatException exception)
        {
            throw new ArgumentTransformationMetadataException(exception.Message, exception);
        }
    }
}
