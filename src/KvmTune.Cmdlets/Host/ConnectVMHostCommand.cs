// Connect-VMHost: opens a host and makes it the one that other cmdlets mean.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;

namespace KvmTune.Cmdlets.Host;

/// <summary>Opens a host and makes it the default of this session.</summary>
[Cmdlet(VerbsCommunications.Connect, "VMHost")]
[OutputType(typeof(VMHostConnection))]
public sealed class ConnectVMHostCommand : CancellableCmdlet
{
    /// <summary>The libvirt URI, for example qemu:///system or qemu+ssh://root@host/system.</summary>
    [Parameter(Position = 0)]
    [Alias("Uri")]
    [ArgumentCompleter(typeof(ConnectionUriCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ConnectionUri { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        var uri = ConnectionUri ?? HostConnections.DefaultUri;
        Try(uri, () =>
        {
            var host = HostConnections.Get(uri);
            var connection = host.Read();
            var result = new VMHostConnection(
                uri, connection.HostName, connection.HypervisorType, connection.HypervisorVersion, connection.LibvirtVersion, IsDefault: true);
            HostConnections.ChosenUri = uri;
            WriteObject(result);
        });
    }
}
