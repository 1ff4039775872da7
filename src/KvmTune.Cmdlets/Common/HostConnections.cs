// The hosts of this PowerShell process: one connection for each URI, shared by all cmdlets, and the one that is meant when none is named.
using System.Collections.Concurrent;
using System.Management.Automation;
using KvmTune.Hosts;

namespace KvmTune.Cmdlets.Common;

/// <summary>The open hosts. libvirt's connections may be used by several threads, so all runspaces share them.</summary>
internal sealed class HostConnections : IModuleAssemblyCleanup
{
    private static readonly ConcurrentDictionary<string, HostConnection> Open = new(StringComparer.Ordinal);

    /// <summary>The URI that Connect-VMHost made the default; null before.</summary>
    public static string? ChosenUri { get; set; }

    /// <summary>The URI that is meant when a cmdlet names none.</summary>
    public static string DefaultUri => ChosenUri ?? HostConnection.DefaultUri;

    /// <summary>The hosts that have been used.</summary>
    public static IEnumerable<HostConnection> All => Open.Values;

    /// <summary>The host of a URI; it is opened when it is first used.</summary>
    public static HostConnection Get(string? uri) => Open.GetOrAdd(string.IsNullOrEmpty(uri) ? DefaultUri : uri, static name => new HostConnection(name));

    /// <summary>Closes a host's connections.</summary>
    /// <returns>False when it was not open.</returns>
    public static bool Close(string uri)
    {
        if (string.Equals(ChosenUri, uri, StringComparison.Ordinal))
        {
            ChosenUri = null;
        }

        if (!Open.TryRemove(uri, out var host))
        {
            return false;
        }

        host.Dispose();
        return true;
    }

    /// <summary>Closes everything when the module is removed.</summary>
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        foreach (var uri in Open.Keys)
        {
            Close(uri);
        }
    }
}
