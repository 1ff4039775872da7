// Show-VMHostMap: a picture of the host, nodes, caches, cores and siblings, with who sits where and what is shared.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Placement;
using KvmTune.Topology;

namespace KvmTune.Cmdlets.Placement;

/// <summary>Draws a host: as it is now, or as a placement would make it.</summary>
[Cmdlet(VerbsCommon.Show, "VMHostMap", DefaultParameterSetName = HostSet)]
[OutputType(typeof(HostMap))]
public sealed class ShowVMHostMapCommand : CancellableCmdlet
{
    private const string HostSet = "Host";
    private const string PlanSet = "Plan";
    private readonly List<HostPlacement> _placements = [];

    /// <summary>The libvirt URI; by default the host that cmdlets mean when none is named.</summary>
    [Parameter(Position = 0, ParameterSetName = HostSet, ValueFromPipelineByPropertyName = true)]
    [Alias("Uri")]
    [ArgumentCompleter(typeof(ConnectionUriCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ConnectionUri { get; set; }

    /// <summary>Plans of New-VcpuPinPlan: their host is drawn as the whole placement would make it.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PlanSet, ValueFromPipeline = true)]
    public PlacementPlan[] Plan { get; set; } = [];

    /// <summary>Host CPUs that are marked as the host's own.</summary>
    [Parameter(ParameterSetName = HostSet)]
    [CpuSetTransformation]
    [ArgumentCompleter(typeof(HostCpuCompleter))]
    public CpuSet ReservedCpu { get; set; } = CpuSet.Empty;

    /// <summary>Draws with ASCII characters; without it that is done where the output's encoding has no others.</summary>
    [Parameter]
    public SwitchParameter Ascii { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == PlanSet)
        {
            // Plans that were made together bring the same placement: it is drawn once.
            _placements.AddRange(Plan.Select(plan => plan.HostPlacement).Where(placement => !_placements.Exists(known => ReferenceEquals(known, placement))).Distinct());
            return;
        }

        Try(ConnectionUri, () => Write(HostPlacementPlanner.ReadMap(HostConnections.Get(ConnectionUri), ReservedCpu, CancellationToken)));
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        foreach (var placement in _placements)
        {
            Write(HostMap.Of(placement));
        }
    }

    private void Write(HostMap map) => WriteObject(map with { IsAscii = Ascii || !SessionStyle.CanDraw(HostMapPicture.UnicodeStrokes) });
}
