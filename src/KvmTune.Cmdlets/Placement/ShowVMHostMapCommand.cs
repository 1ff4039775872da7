// Show-VMHostMap: a picture of the host with its nodes, caches, cores and siblings, the VMs on them, and the shared parts.
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Cmdlets.Serialization;
using KvmTune.Placement;
using KvmTune.Topology;

namespace KvmTune.Cmdlets.Placement;

/// <summary>Draws a host: its current state, or the state after a placement.</summary>
[Cmdlet(VerbsCommon.Show, "VMHostMap", DefaultParameterSetName = HostSet)]
[OutputType(typeof(HostMap))]
public sealed class ShowVMHostMapCommand : CancellableCmdlet
{
    private const string HostSet = "Host";
    private const string PlanSet = "Plan";
    private readonly List<HostPlacement> _placements = [];

    /// <summary>The libvirt URI; by default the session's default host.</summary>
    [Parameter(Position = 0, ParameterSetName = HostSet, ValueFromPipelineByPropertyName = true)]
    [Alias("Uri")]
    [ArgumentCompleter(typeof(ConnectionUriCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ConnectionUri { get; set; }

    /// <summary>Plans of New-VcpuPinPlan: their host is drawn in its state after the whole placement.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PlanSet, ValueFromPipeline = true)]
    [SavedTransformation]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public PlacementPlan[] Plan { get; set; } = [];

    /// <summary>Host CPUs to mark as reserved for the host.</summary>
    [Parameter(ParameterSetName = HostSet)]
    [CpuSetTransformation]
    [ArgumentCompleter(typeof(HostCpuCompleter))]
    public CpuSet ReservedCpu { get; set; } = CpuSet.Empty;

    /// <summary>Draws with ASCII characters only. This is the default if the output's encoding has no others.</summary>
    [Parameter]
    public SwitchParameter Ascii { get; set; }

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        if (ParameterSetName == PlanSet)
        {
            // Plans that were made together have the same placement: it is drawn once.
            _placements.AddRange(Plan.Select(plan => plan.HostPlacement).Where(placement => !_placements.Exists(known => ReferenceEquals(known, placement))).Distinct());
            return;
        }

        Try(ConnectionUri, () => Write(HostPlacementPlanner.ReadMap(HostConnections.Get(ConnectionUri), ReservedCpu, CancellationToken)));
    }

    /// <inheritdoc/>
    protected override void EndProcessing()
    {
        // Saved plans that were made together each have a copy of the placement.
        foreach (var map in _placements.Select(placement => HostMap.Of(placement)).DistinctBy(map => (map.ConnectionUri, map.ToString())))
        {
            Write(map);
        }
    }

    private void Write(HostMap map) => WriteObject(map with { IsAscii = Ascii || !SessionStyle.CanDraw(HostMapPicture.UnicodeStrokes) });
}
