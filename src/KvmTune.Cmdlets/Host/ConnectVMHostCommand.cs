// Connect-VMHost: opens a host and makes it the default host of other cmdlets.
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
    public string? ConnectionUri { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        // An empty URI, for example from a variable without a value, is checked here and not by parameter binding: a binding error would keep the
        // cmdlet from running, and the script's next line would act on the earlier default host.
        var uri = MyInvocation.BoundParameters.ContainsKey(nameof(ConnectionUri)) ? ConnectionUri ?? string.Empty : null;
        Try(uri, () => WriteObject(HostConnections.Choose(uri, static host =>
        {
            var connection = host.Read();
            return new VMHostConnection(
                host.Uri, connection.HostName, connection.HypervisorType, connection.HypervisorVersion?.ToString(), connection.LibvirtVersion.ToString(), IsDefault: true);
        })));
    }
}
