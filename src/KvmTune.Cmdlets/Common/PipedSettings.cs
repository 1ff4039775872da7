// Decides which pipeline properties count as settings. Parameters bind to the properties of an object by name.
using System.Management.Automation;
using System.Reflection;
using KvmTune.Topology;

namespace KvmTune.Cmdlets.Common;

/// <summary>
/// Separates requested values from current values. A row of a CSV file is a request. A part of a VM (a disk of Get-VMTopology) has properties
/// of the same names with its current values, so only the part's name is used. An empty cell counts as not given.
/// </summary>
internal sealed class PipedSettings
{
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
    /// <param name="source">The object.</param>
    public void Settle(object? source)
    {
        foreach (var (property, value) in _open)
        {
            if (_cmdlet.MyInvocation.BoundParameters.TryGetValue(property.Name, out var bound)
                && (bound is null or "" || (IsPart(source) && !property.IsDefined(typeof(NamesPartAttribute)))))
            {
                property.SetValue(_cmdlet, value);
                _cmdlet.MyInvocation.BoundParameters.Remove(property.Name);
            }
        }
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

    private static bool IsPart(object? source) => source is VMPart
        || (source is not null && PSObject.AsPSObject(source).TypeNames.Any(name => name.StartsWith("Deserialized.KvmTune.Topology.", StringComparison.Ordinal)));
}
