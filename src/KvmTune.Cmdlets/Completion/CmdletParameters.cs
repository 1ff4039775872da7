// Finds the property behind a parameter of one of this module's cmdlets, for completers that use its attributes.
using System.Management.Automation;
using System.Reflection;

namespace KvmTune.Cmdlets.Completion;

/// <summary>Finds the property behind a parameter.</summary>
internal static class CmdletParameters
{
    /// <summary>The property; null if there is none.</summary>
    public static PropertyInfo? Find(string command, string parameter) => typeof(CmdletParameters).Assembly.GetTypes()
        .Where(type => type.GetCustomAttribute<CmdletAttribute>() is { } cmdlet && command.EndsWith($"{cmdlet.VerbName}-{cmdlet.NounName}", StringComparison.OrdinalIgnoreCase))
        .Select(type => type.GetProperty(parameter, BindingFlags.Instance | BindingFlags.Public | BindingFlags.IgnoreCase))
        .FirstOrDefault(property => property is not null);
}
