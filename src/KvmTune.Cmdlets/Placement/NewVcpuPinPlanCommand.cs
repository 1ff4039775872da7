// New-VcpuPinPlan: a placement of VMs on their host, as plans to apply, try or draw.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Placement;
using KvmTune.Topology;
using KvmTune.Tuning;

namespace KvmTune.Cmdlets.Placement;

/// <summary>Computes a placement for VMs and explains it. Nothing is changed.</summary>
[Cmdlet(VerbsCommon.New, "VcpuPinPlan")]
[OutputType(typeof(PlacementPlan))]
public sealed class NewVcpuPinPlanCommand : VMCmdlet
{
    private readonly List<(HostConnection Host, VMTopology VM)> _vms = [];
    private readonly HashSet<(HostConnection Host, Guid VMId)> _known = [];

    /// <summary>The VMs: names, wildcards, UUIDs, or objects of this module. All VMs of the pipeline are placed together.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [Alias("VM")]
    [VMReferenceTransformation]
    [ArgumentCompleter(typeof(VMNameCompleter))]
    public VMReference[] VMName { get; set; } = [];

    /// <summary>Prefer (the default): distinct cores before siblings; Require: whole cores; Isolate: one thread a core.</summary>
    [Parameter]
    public ThreadPolicy ThreadPolicy { get; set; }

    /// <summary>The kind of core, on a host with several kinds: Fast (the default), Efficient, or Any, which mixes them.</summary>
    [Parameter]
    public CoreKindChoice CoreKind { get; set; }

    /// <summary>Host CPUs that stay reserved for the host: 0, '0-1' or 0,1.</summary>
    [Parameter]
    [CpuSetTransformation]
    [ArgumentCompleter(typeof(HostCpuCompleter))]
    public CpuSet ReservedCpu { get; set; } = CpuSet.Empty;

    /// <summary>Puts vCPUs only on the CPUs that the kernel isolates, one on each. Without it isolated CPUs stay unused.</summary>
    [Parameter]
    public SwitchParameter UseIsolatedCpu { get; set; }

    /// <summary>Allows several vCPUs on one host CPU if there are too few.</summary>
    [Parameter]
    public SwitchParameter AllowOvercommit { get; set; }

    /// <summary>
    /// Keeps the NUMA policy and pins threads only, on the node that the policy names: this needs no restart of a running VM.
    /// </summary>
    [Parameter]
    public SwitchParameter KeepNumaPolicy { get; set; }

    /// <summary>
    /// Where the change is made: in the running VM (Live), in its persistent configuration (Config), or in both. Default: wherever it is possible.
    /// </summary>
    [Parameter]
    public ChangeScope Scope { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord() => ForEachVM(VMName, writable: false, vm =>
    {
        if (_known.Add((vm.Host, vm.Domain.Id)))
        {
            _vms.Add((vm.Host, VMTopologyReader.Read(vm.Domain, vm.Host.Uri, HostReading.OnlineCpus(vm.Host))));
        }
    });

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach (var group in _vms.GroupBy(entry => entry.Host))
        {
            Try(group.Key.Uri, () => Write(group.Key, [.. group.Select(entry => entry.VM)]));
        }
    }

    private void Write(HostConnection host, IReadOnlyList<VMTopology> vms)
    {
        var options = new PlacementOptions
        {
            ThreadPolicy = ThreadPolicy,
            CoreKind = CoreKind,
            ReservedCpus = ReservedCpu,
            UseIsolatedCpus = UseIsolatedCpu,
            AllowOvercommit = AllowOvercommit,
            KeepsNumaPolicy = KeepNumaPolicy,
            Scope = Scope,
        };
        var planned = new HostPlacementPlanner(host).Plan(vms, options, CancellationToken);
        // Advice is about the host: once a session and VM, in one paragraph. Applying a plan does not repeat it.
        var advice = planned.Placement.Advice.Where(finding => SessionWarnings.IsFirst(planned.Plans, finding.RuleId)).ToList();
        if (advice.Count > 0)
        {
            WriteWarning($"{host.Uri}: {string.Join(' ', advice.Select(PlanApplication.Warning))}");
        }

        foreach (var refusal in planned.Placement.Refusals)
        {
            WriteError(ErrorRecords.Make(new KvmTuneException(refusal.ErrorId, KvmTuneErrorCategory.InvalidOperation, refusal.Message), refusal.VMName));
        }

        foreach (var plan in planned.Plans)
        {
            foreach (var reason in plan.Reasons)
            {
                WriteVerbose($"{plan.VMName}: {reason}");
            }

            WriteObject(plan);
        }
    }
}
