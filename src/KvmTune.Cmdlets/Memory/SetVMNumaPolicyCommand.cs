// Set-VMNumaPolicy: the host NUMA nodes that a VM takes its memory from, and how strictly.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Memory;

/// <summary>
/// Sets the NUMA policy of a VM's memory. In a running VM only the nodes can change, and only in the mode restrictive; memory that is already
/// placed may stay where it is until a restart.
/// </summary>
[Cmdlet(VerbsCommon.Set, "VMNumaPolicy", DefaultParameterSetName = SetSet, SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class SetVMNumaPolicyCommand : VMChangeCmdlet
{
    private const string SetSet = "Set";
    private const string ClearSet = "Clear";

    /// <summary>The host nodes: 0, '0-1' or 0,1.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [CpuSetTransformation]
    [ArgumentCompleter(typeof(HostNodeCompleter))]
    public CpuSet Nodes { get; set; } = CpuSet.Empty;

    /// <summary>
    /// strict (the default): only from these nodes; preferred: from them if possible; interleave: in turns; restrictive: as the control group says.
    /// </summary>
    [Parameter(ParameterSetName = SetSet, ValueFromPipelineByPropertyName = true)]
    [Words("strict", "preferred", "interleave", "restrictive")]
    [ArgumentCompleter(typeof(WordsCompleter))]
    public string Mode { get; set; } = "strict";

    /// <summary>Removes the policy.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ClearSet)]
    public SwitchParameter Clear { get; set; }

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm) =>
    [
        new NumaPolicyChange
        {
            Scope = Scope,
            Mode = Clear ? null : Mode.ToLowerInvariant(),
            NodeSet = Clear ? null : Nodes.ToString(),
            RunningIsRestrictive = vm.Domain.IsActive && DomainXmlReader.Read(vm.Domain.GetXml()).Memory.NumaMode == "restrictive",
        },
    ];
}
