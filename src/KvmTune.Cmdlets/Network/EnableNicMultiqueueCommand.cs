// Enable-NicMultiqueue: spreads the packets of a NIC over several queues, so that several vCPUs can serve it.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using static KvmTune.NumberText;

namespace KvmTune.Cmdlets.Network;

/// <summary>Gives NICs of a VM several queues. With -Restart the guest enables them, and the settings of host and guest are verified.</summary>
[Cmdlet(VerbsLifecycle.Enable, "NicMultiqueue", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class EnableNicMultiqueueCommand : VMChangeCmdlet
{
    /// <summary>The NICs: hardware addresses, numbers from 0, devices on the host (vnet0), or all; wildcards are allowed. Default: the only one.</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [NamesPart]
    [CellTransformation(IsList = true)]
    [Alias("Mac")]
    [ArgumentCompleter(typeof(NicCompleter))]
    [ValidateNotNullOrEmpty]
    public string[]? Nic { get; set; }

    /// <summary>
    /// The number of queues; a NIC without the setting has one. Default: one for each vCPU, up to the limit of a tap device; unchanged if only ring
    /// sizes or the backend are given.
    /// </summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [Between(1, int.MaxValue)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public int? Queues { get; set; }

    /// <summary>The size of the receive ring: 256, 512 or 1024.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [Between(1, int.MaxValue)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public int? RxQueueSize { get; set; }

    /// <summary>The size of the transmit ring: 256; up to 1024 with vhost-user only.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [CellTransformation]
    [Between(1, int.MaxValue)]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public int? TxQueueSize { get; set; }

    /// <summary>The program that moves the packets: the host's kernel (vhost) or QEMU itself (qemu); default removes the setting.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Words("vhost", "qemu", "default")]
    [ArgumentCompleter(typeof(WordsCompleter))]
    public string? Backend { get; set; }

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm)
    {
        var nics = NicNames.Of(vm, Nic);
        if (nics.Count == 0)
        {
            return [];
        }

        var options = new Dictionary<string, string?>(StringComparer.Ordinal);
        if (Queues is not null || (RxQueueSize is null && TxQueueSize is null && Backend is null))
        {
            var queues = Queues ?? NicQueuesChange.DefaultQueues(PersistentDocument.Of(vm).ToConfiguration(), HostAbilities.Read(vm.Host));
            Add(options, "queues", queues == 1 ? "default" : Text(queues));
        }

        Add(options, "rx_queue_size", RxQueueSize is { } rx ? Text(rx) : null);
        Add(options, "tx_queue_size", TxQueueSize is { } tx ? Text(tx) : null);
        Add(options, "name", Backend?.ToLowerInvariant());
        return
        [
            new NicQueuesChange
            {
                Scope = Scope,
                Nics = nics.ToDictionary(nic => nic.Mac, _ => (IReadOnlyDictionary<string, string?>)options, StringComparer.OrdinalIgnoreCase),
            },
        ];
    }

    private static void Add(Dictionary<string, string?> options, string name, string? value)
    {
        if (value is not null)
        {
            options[name] = value == "default" ? null : value;
        }
    }
}
