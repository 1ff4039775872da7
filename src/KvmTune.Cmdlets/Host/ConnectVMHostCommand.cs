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
    // The values by pipeline, or the one by argument.
    private readonly List<string> _uris = [];

    /// <summary>The libvirt URI, for example qemu:///system or qemu+ssh://root@host/system.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("Uri")]
    [ArgumentCompleter(typeof(ConnectionUriCompleter))]
    [OneTextTransformation]
    public string? ConnectionUri { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (MyInvocation.BoundParameters.ContainsKey(nameof(ConnectionUri)))
        {
            _uris.Add(ConnectionUri ?? string.Empty);
        }
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        // An empty URI, for example from a variable without a value, and several URIs are checked here and not by parameter binding: a binding error
        // would keep the cmdlet from running, and the script's next line would act on the earlier default host.
        var uri = _uris.Count > 0 || MyInvocation.ExpectingInput ? string.Join('\n', _uris) : null;
        Try(uri, () => WriteObject(HostConnections.Choose(uri, static host =>
        {
            var connection = host.Read();
            return new VMHostConnection(
                host.Uri, connection.HostName, connection.HypervisorType, connection.HypervisorVersion?.ToString(), connection.LibvirtVersion.ToString(), IsDefault: true);
        })));
    }
}

/// <summary>Makes one text of several values, a line for each: no URI has several lines, so that they are refused as one.</summary>
internal sealed class OneTextTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) => LanguagePrimitives.GetEnumerable(inputData) is { } several
        ? string.Join('\n', several.Cast<object?>().Select(one => LanguagePrimitives.ConvertTo<string>(one)))
        : inputData;
}
