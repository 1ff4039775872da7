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
    public string? ConnectionUri { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        // A URI that is given but empty, as by a variable that was never set, is checked here and not when it is bound: then the cmdlet
        // would not run at all, and the script's next line would act on the host that was meant before.
        var uri = MyInvocation.BoundParameters.ContainsKey(nameof(ConnectionUri)) ? ConnectionUri ?? string.Empty : null;
        Try(uri, () => WriteObject(HostConnections.Choose(uri, static host =>
        {
            var connection = host.Read();
            return new VMHostConnection(
                host.Uri, connection.HostName, connection.HypervisorType, connection.HypervisorVersion?.ToString(), connection.LibvirtVersion.ToString(), IsDefault: true);
        })));
    }
}
