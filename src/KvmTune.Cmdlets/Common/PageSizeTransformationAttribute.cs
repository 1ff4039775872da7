// Lets a parameter take a page size as 2M, 1G, 2048K, or as a number of KiB.
using System.Globalization;
using System.Management.Automation;
using KvmTune.Topology;

namespace KvmTune.Cmdlets.Common;

/// <summary>Turns sizes with a unit, and numbers of KiB, into KiB.</summary>
internal sealed class PageSizeTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        var value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        try
        {
            return value is "" ? null : value is object[] several ? several.Select(ToKiB).ToArray() : ToKiB(value);
        }
        catch (FormatException exception)
        {
            throw new ArgumentTransformationMetadataException(exception.Message, exception);
        }
    }

    private static long ToKiB(object? value) =>
        PageSize.Parse(Convert.ToString(value is PSObject wrapped ? wrapped.BaseObject : value, CultureInfo.InvariantCulture) ?? string.Empty);
}
