// Restart-VMDomain: a clean shutdown and a start, so that a VM takes its persistent configuration.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.VM;

/// <summary>Shuts VMs down and starts them; starts one that is off. A reboot inside the guest would keep QEMU and its settings.</summary>
[Cmdlet(VerbsLifecycle.Restart, "VMDomain", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(VMTopology))]
public sealed class RestartVMDomainCommand : RestartingCmdlet
{
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
        if (!ShouldProcess($"{vm.Domain.Name} on {vm.Host.Uri}", "shut down and start"))
        {
            return;
        }

        Await((post, token) => new RestartProgress(this, vm.Domain.Name, vm.Domain.Id).ShowAsync(post, async progress =>
        {
            var options = RestartOptions with { Progress = progress };
            await new VMRestarter(TimeProvider.System, options).RestartAsync(vm.Domain, token);
            return true;
        }));
        WriteObject(VMTopologyReader.Read(vm.Domain, vm.Host.Uri, HostReading.OnlineCpus(vm.Host)));
    });
}
