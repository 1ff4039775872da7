// The hosts of this PowerShell process: one connection for each URI, shared by all cmdlets, and the one that is meant when none is named.
using System.Collections.Concurrent;
using System.Management.Automation;
using KvmTune.Hosts;

namespace KvmTune.Cmdlets.Common;

/// <summary>The open hosts. libvirt's connections may be used by several threads, so all runspaces share them.</summary>
internal sealed class HostConnections : IModuleAssemblyCleanup
{
    private static readonly ConcurrentDictionary<string, HostConnection> Open = new(StringComparer.Ordinal);

    // The URI that Connect-VMHost was given last; null before, and after Disconnect-VMHost.
    private static Choice? _choice;

    /// <summary>The URI that is meant when a cmdlet names none.</summary>
    /// <exception cref="KvmTuneException">
    /// The last Connect-VMHost failed (<c>NoHostChosen</c>): a script that goes on must not change VMs of the same name on another host.
    /// </exception>
    public static string DefaultUri => _choice switch
    {
        null => HostConnection.DefaultUri,
        { IsOpened: true } choice => choice.Uri,
        var failed => throw new KvmTuneException(
            "NoHostChosen", KvmTuneErrorCategory.ConnectionError,
            $"No host is chosen, because Connect-VMHost {(failed.Uri.Length > 0 ? $"'{failed.Uri}'" : "with an empty URI")} failed, and nothing is done on another one instead. Connect to a host (Connect-VMHost), name one (-ConnectionUri), or go back to the usual one (Disconnect-VMHost)."),
    };

    /// <summary>The hosts with an open connection.</summary>
    public static IEnumerable<HostConnection> Opened => Open.Values.Where(host => host.IsOpen);

    /// <summary>The host of a URI; it is opened when it is first used.</summary>
    public static HostConnection Get(string? uri) => Open.GetOrAdd(string.IsNullOrEmpty(uri) ? DefaultUri : uri, static name => new HostConnection(name));

    /// <summary>Opens a host and makes it the one that is meant. However it fails, no host is meant afterwards.</summary>
    /// <param name="uri">The URI; null for the host that is meant, or the usual one where the last choice failed.</param>
    /// <param name="open">Opens it and says what it is.</param>
    public static T Choose<T>(string? uri, Func<HostConnection, T> open)
    {
        var choice = new Choice(uri ?? (_choice is { IsOpened: true } last ? last.Uri : HostConnection.DefaultUri));
        _choice = choice;
        if (string.IsNullOrWhiteSpace(choice.Uri))
        {
            throw new KvmTuneException(
                "ConnectionUriInvalid", KvmTuneErrorCategory.InvalidArgument,
                "The URI of the host is empty. Use a libvirt URI such as qemu:///system, qemu+ssh://user@host/system or test:///default.");
        }

        var opened = open(Get(choice.Uri));
        _choice = choice with { IsOpened = true };
        return opened;
    }

    /// <summary>Closes a host's connections.</summary>
    /// <param name="uri">The URI; null for the host that is meant.</param>
    /// <returns>False when it was not open.</returns>
    public static bool Close(string? uri)
    {
        var choice = _choice;
        uri ??= choice?.Uri ?? HostConnection.DefaultUri;
        var isChosen = choice is not null && string.Equals(choice.Uri, uri, StringComparison.Ordinal);
        if (isChosen)
        {
            _choice = null;
        }

        // A choice that failed is given up, which is all that there is to close.
        var wasOpen = isChosen && !choice!.IsOpened;
        if (Open.TryRemove(uri, out var host))
        {
            wasOpen |= host.IsOpen;
            host.Dispose();
        }

        return wasOpen;
    }

    /// <summary>Closes everything when the module is removed.</summary>
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        foreach (var uri in Open.Keys)
        {
            Close(uri);
        }

        _choice = null;
    }

    private sealed record Choice(string Uri, bool IsOpened = false);
}
