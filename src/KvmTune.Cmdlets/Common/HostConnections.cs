// The hosts of this PowerShell process: one connection for each URI, shared by all runspaces; and for each runspace the default host for
// cmdlets without `-ConnectionUri`.
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

    // The choice of Connect-VMHost in each runspace. The key is the runspace's event manager, because PowerShell creates a new one when it resets
    // a runspace for reuse: the choice in one iteration of ForEach-Object -Parallel does not hold for the next one.
    private static readonly ConditionalWeakTable<PSEventManager, Choice> Choices = [];

    // The choice in this runspace; null before the first choice and after Disconnect-VMHost.
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

    /// <summary>The URI of the default host, for a cmdlet without -ConnectionUri.</summary>
    /// <exception cref="KvmTuneException">
    /// The last Connect-VMHost failed (<c>NoHostChosen</c>): a script that continues must not change VMs of the same name on another host.
    /// </exception>
    public static string DefaultUri => Chosen switch
    {
        null => HostConnection.DefaultUri,
        { IsOpened: true } choice => choice.Uri,
        var failed => throw new KvmTuneException(
            "NoHostChosen", KvmTuneErrorCategory.ConnectionError,
            $"No host is chosen, because Connect-VMHost {(failed.Uri.Length > 0 ? $"'{TerminalText.Line(failed.Uri)}'" : "with an empty URI")} failed, and nothing was done on another host. Connect to a host (Connect-VMHost), name one (-ConnectionUri), or go back to the usual one (Disconnect-VMHost)."),
    };

    /// <summary>The hosts with an open connection.</summary>
    public static IEnumerable<HostConnection> Opened => Open.Values.Where(host => host.IsOpen);

    /// <summary>The host of a URI; its connection is opened at the first use.</summary>
    public static HostConnection Get(string? uri) => Open.GetOrAdd(string.IsNullOrEmpty(uri) ? DefaultUri : uri, static name => new HostConnection(name));

    /// <summary>Opens a host and makes it the default host. After any failure, there is no default host.</summary>
    /// <param name="uri">The URI; null for the default host, or for libvirt's default URI if the last choice failed.</param>
    /// <param name="open">Opens the host and returns its description.</param>
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

        if (choice.Uri.Contains('\n', StringComparison.Ordinal))
        {
            throw new KvmTuneException(
                "ConnectionUriInvalid", KvmTuneErrorCategory.InvalidArgument,
                $"Connect-VMHost got several lines and takes one URI: {string.Join(", ", choice.Uri.Split('\n').Select(line => $"'{line}'"))}. Choose one host, or name a host for each command with -ConnectionUri.");
        }

        var opened = open(Get(choice.Uri));
        Chosen = choice with { IsOpened = true };
        return opened;
    }

    /// <summary>Closes a host's connections.</summary>
    /// <param name="uri">The URI; null for the default host.</param>
    /// <returns>False if the host was not open.</returns>
    public static bool Close(string? uri)
    {
        var choice = Chosen;
        uri ??= choice?.Uri ?? HostConnection.DefaultUri;
        var isChosen = choice is not null && string.Equals(choice.Uri, uri, StringComparison.Ordinal);
        if (isChosen)
        {
            Chosen = null;
        }

        // If the last choice failed, there is no connection to close: forgetting the choice counts as closing.
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
