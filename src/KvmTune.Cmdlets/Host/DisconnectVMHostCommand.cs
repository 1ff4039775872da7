// Disconnect-VMHost: closes a host's connections.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;

namespace KvmTune.Cmdlets.Host;

/// <summary>Closes the connections to a host. VMs are not changed; a later cmdlet for this host opens it again.</summary>
[Cmdlet(VerbsCommunications.Disconnect, "VMHost")]
[OutputType(typeof(void))]
public sealed class DisconnectVMHostCommand : CancellableCmdlet
{
    /// <summary>The libvirt URI; by default the session's default host.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [Alias("Uri")]
    [ArgumentCompleter(typeof(ConnectionUriCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ConnectionUri { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        Try(ConnectionUri, () =>
        {
            if (!HostConnections.Close(ConnectionUri))
            {
                var open = string.Join(", ", HostConnections.Opened.Select(host => host.Uri));
                throw new KvmTuneException(
                    "HostNotConnected", KvmTuneErrorCategory.ObjectNotFound,
                    $"There is no connection to {ConnectionUri ?? HostConnections.DefaultUri}. Connected: {(open.Length > 0 ? open : "none")}.");
            }
        });
    }
}
