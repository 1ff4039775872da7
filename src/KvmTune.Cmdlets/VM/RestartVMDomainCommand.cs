// Restart-VMDomain: a clean shutdown and a start, so that a VM takes its persistent configuration.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.VM;

/// <summary>Shuts VMs down and starts them; a VM that is off is started. A reboot inside the guest would keep QEMU and its settings.</summary>
[Cmdlet(VerbsLifecycle.Restart, "VMDomain", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMTopology))]
public sealed class RestartVMDomainCommand : RestartingCmdlet
{
    /// <summary>Sets the default: the guest reboots.</summary>
    public RestartVMDomainCommand() => RestartBy = RestartBy.Reboot;

    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <inheritdoc/>
    protected override string? Activity => "Restarting the VMs of";

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachVM(VMName, writable: true, vm =>
    {
        PlanCollector.Refuse("Restart-VMDomain");
        var restart = new DomainRestart(vm.Host, vm.Domain, TimeProvider.System);
        var way = restart.WayOf(RestartOptions);
        var action = way.By == RestartBy.Suspend ? $"suspend and resume: {way.Description}"
            : !vm.Domain.IsActive ? "start"
            : way.Reason is { } why ? $"shut down and start ({why})" : "shut down and start";
        if (!ShouldProcess($"{vm.Domain.Name} on {vm.Host.Uri}", action))
        {
            return;
        }

        RestartOutcome? outcome = null;
        Await((post, token) => new RestartProgress(this, vm.Domain.Name, vm.Domain.Id).ShowAsync(post, async progress =>
        {
            var options = RestartOptions with { Progress = progress };
            outcome = await restart.RunAsync(way, options, token);
            return true;
        }));
        foreach (var note in outcome!.Notes)
        {
            WriteWarning($"{vm.Domain.Name}: {note}");
        }

        var topology = new PSObject(VMTopologyReader.Read(vm.Domain, vm.Host.Uri, HostReading.OnlineCpus(vm.Host)));
        topology.Properties.Add(new PSNoteProperty("RestartedBy", outcome.By));
        topology.Properties.Add(new PSNoteProperty("PauseSeconds", outcome.Pause?.TotalSeconds));
        WriteObject(topology);
    });
}
