// The hosts of this PowerShell process: one connection for each URI, shared by all runspaces; and for each runspace the one that is cmdlets without `-ConnectionUri`.
using System.Collections.Concurrent;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Runtime.CompilerServices;
using KvmTune.Hosts;

namespace KvmTune.Cmdlets.Common;

/// <summary>The open hosts. libvirt's connections may be used by several threads, so all runspaces share them.</summary>
internal sealed class HostConnections : IModuleAssemblyCleanup
{
    private static readonly ConcurrentDictionary<string, HostConnection> Open = new(StringComparer.Ordinal);

    // What Connect-VMHost chose, in each runspace. The key is the runspace's event manager, which PowerShell makes again when it resets a
    // runspace to use it again: what one turn of ForEach-Object -Parallel chose is not what the next one means.
    private static readonly ConditionalWeakTable<PSEventManager, Choice> Choices = [];

    // What was chosen in this runspace; null before, and after Disconnect-VMHost.
    private static Choice? Chosen
    {
        get => Runspace.DefaultRunspace?.Events is { } runspace && Choices.TryGetValue(runspace, out var choice) ? choice : null;
        set
        {
            if (Runspace.DefaultRunspace?.Events is not { } runspace)
            {
                throw new InvalidOperationException("A host can be chosen in a runspace only.");
            }

            Choices.Remove(runspace);
            if (value is not null)
            {
                Choices.Add(runspace, value);
            }
        }
    }

    /// <summary>The URI that is meant when a cmdlet names none.</summary>
    /// <exception cref="KvmTuneException">
    /// The last Connect-VMHost failed (<c>NoHostChosen</c>): a script that goes on must not change VMs of the same name on another host.
    /// </exception>
    public static string DefaultUri => Chosen switch
    {
        null => HostConnection.DefaultUri,
        { IsOpened: true } choice => choice.Uri,
        var failed => throw new KvmTuneException(
            "NoHostChosen", KvmTuneErrorCategory.ConnectionError,
            $"No host is chosen, because Connect-VMHost {(failed.Uri.Length > 0 ? $"'{failed.Uri}'" : "with an empty URI")} failed, and nothing was done on another host. Connect to a host (Connect-VMHost), name one (-ConnectionUri), or go back to the usual one (Disconnect-VMHost)."),
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
        var choice = new Choice(uri ?? (Chosen is { IsOpened: true } last ? last.Uri : HostConnection.DefaultUri));
        Chosen = choice;
        if (string.IsNullOrWhiteSpace(choice.Uri))
        {
            throw new KvmTuneException(
                "ConnectionUriInvalid", KvmTuneErrorCategory.InvalidArgument,
                "The URI of the host is empty. Use a libvirt URI such as qemu:///system, qemu+ssh://user@host/system or test:///default.");
        }

        var opened = open(Get(choice.Uri));
        Chosen = choice with { IsOpened = true };
        return opened;
    }

    /// <summary>Closes a host's connections.</summary>
    /// <param name="uri">The URI; null for the host that is meant.</param>
    /// <returns>False when it was not open.</returns>
    public static bool Close(string? uri)
    {
        var choice = Chosen;
        uri ??= choice?.Uri ?? HostConnection.DefaultUri;
        var isChosen = choice is not null && string.Equals(choice.Uri, uri, StringComparison.Ordinal);
        if (isChosen)
        {
            Chosen = null;
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

        Choices.Clear();
    }

    private sealed record Choice(string Uri, bool IsOpened = false);
}
