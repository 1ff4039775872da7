// Disable-NicMultiqueue: sets a NIC back to one queue.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Network;

/// <summary>Removes queues, ring sizes and backend from NICs of a VM, so that each has one queue and QEMU's default settings.</summary>
[Cmdlet(VerbsLifecycle.Disable, "NicMultiqueue", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class DisableNicMultiqueueCommand : VMChangeCmdlet
{
    /// <summary>The NICs: hardware addresses, numbers from 0, devices on the host (vnet0), or all; wildcards are allowed. Default: the only one.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [NamesPart]
    [CellTransformation(IsList = true)]
    [Alias("Mac")]
    [ArgumentCompleter(typeof(NicCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? Nic { get; set; }

    /// <summary>Keeps ring sizes and backend unchanged.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [FlagTransformation]
    public SwitchParameter QueuesOnly { get; set; }

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm)
    {
        var nics = NicNames.Of(vm, Nic);
        string[] names = QueuesOnly ? ["queues"] : ["queues", "name", "rx_queue_size", "tx_queue_size"];
        return nics.Count == 0
            ? []
            :
            [
                new NicQueuesChange
                {
                    Scope = Scope,
                    Nics = nics.ToDictionary(
                        nic => nic.Mac,
                        _ => (IReadOnlyDictionary<string, string?>)names.ToDictionary(name => name, _ => (string?)null, StringComparer.Ordinal),
                        StringComparer.OrdinalIgnoreCase),
                },
            ];
    }
}
