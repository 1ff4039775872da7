// Decides which pipeline properties count as settings. Parameters bind to the properties of an object by name.
using System.Management.Automation;
using System.Reflection;
using KvmTune.Topology;

namespace KvmTune.Cmdlets.Common;

/// <summary>
/// Separates requested values from current values. A row of a CSV file is a request. An object of this module describes what is: a sample has
/// the present rates, a disk of Get-VMTopology its present cache mode, under the names of parameters. Of those only a part's name is used (the
/// disk's target). An empty cell counts as not given.
/// </summary>
internal sealed class PipedSettings
{
    private static readonly string PartName = typeof(VMPart).FullName!;

    private readonly List<(PropertyInfo Property, object? Default)> _open;
    private readonly PSCmdlet _cmdlet;

    /// <summary>Create it before the first object arrives: parameters that are already bound were on the command line.</summary>
    public PipedSettings(PSCmdlet cmdlet)
    {
        _cmdlet = cmdlet;
        ForgetEmptyOnes();
        _open = !cmdlet.MyInvocation.ExpectingInput ? [] :
        [
            .. Settings().Where(property => !cmdlet.MyInvocation.BoundParameters.ContainsKey(property.Name)).Select(property => (property, property.GetValue(cmdlet))),
        ];
    }

    /// <summary>Resets the parameters whose values from the current object do not count.</summary>
    /// <param name="source">The object; null if it is not known.</param>
    /// <returns>The error if a mandatory parameter has no value then; null for none.</returns>
    public KvmTuneException? Settle(object? source)
    {
        KvmTuneException? missing = null;
        var (describes, isPart) = (Is(source, "KvmTune."), Is(source, PartName));
        foreach (var (property, value) in _open)
        {
            if (_cmdlet.MyInvocation.BoundParameters.TryGetValue(property.Name, out var bound)
                && (bound is null or "" || (describes && !(isPart && property.IsDefined(typeof(NamesPartAttribute))))))
            {
                property.SetValue(_cmdlet, value);
                _cmdlet.MyInvocation.BoundParameters.Remove(property.Name);
                missing ??= describes && IsMandatory(property) ? Missing(property.Name, source!) : null;
            }
        }

        return missing;
    }

    private IEnumerable<PropertyInfo> Settings() => _cmdlet.GetType().GetProperties()
        .Where(property => property.GetCustomAttributes<ParameterAttribute>().Any(parameter => parameter.ValueFromPipelineByPropertyName && !parameter.ValueFromPipeline));

    // A script can also pass an empty cell itself: -Cache $row.Cache.
    private void ForgetEmptyOnes()
    {
        var bound = _cmdlet.MyInvocation.BoundParameters;
        if (!bound.Values.Any(value => value is null or ""))
        {
            return;
        }

        var fresh = Activator.CreateInstance(_cmdlet.GetType());
        foreach (var property in Settings().Where(property => bound.TryGetValue(property.Name, out var value) && value is null or ""))
        {
            property.SetValue(_cmdlet, property.GetValue(fresh));
            bound.Remove(property.Name);
        }

        (fresh as IDisposable)?.Dispose();
    }

    private bool IsMandatory(PropertyInfo property) => property.GetCustomAttributes<ParameterAttribute>()
        .Any(parameter => parameter.Mandatory && (parameter.ParameterSetName == ParameterAttribute.AllParameterSets || parameter.ParameterSetName == _cmdlet.ParameterSetName));

    private static KvmTuneException Missing(string parameter, object source) => new(
        "SettingMissing", KvmTuneErrorCategory.InvalidArgument,
        $"-{parameter} is missing. The {PSObject.AsPSObject(source).TypeNames[0].Split('.')[^1]} on the pipeline describes the VM as it is: its {parameter} is not taken as a setting. Add -{parameter}.");

    // Whether a type of the object has a name with this start, in a serialised object too.
    private static bool Is(object? source, string start) => source is not null && PSObject.AsPSObject(source).TypeNames
        .Any(name => name.StartsWith(start, StringComparison.Ordinal) || name.StartsWith($"Deserialized.{start}", StringComparison.Ordinal));
}
