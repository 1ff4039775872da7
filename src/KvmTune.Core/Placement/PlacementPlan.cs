// A placement as a plan: the change of one VM, applied or tried like any other, with its reasons and its picture.
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;

namespace KvmTune.Placement;

/// <summary>The planned placement of one VM.</summary>
public sealed record PlacementPlan : VMTuningPlan, IJsonOnDeserialized
{
    /// <summary>Joins a plan with the placement that it carries out.</summary>
    /// <param name="plan">The plan of the change.</param>
    /// <param name="host">The placement of all VMs that were placed together.</param>
    [SetsRequiredMembers]
    public PlacementPlan(VMTuningPlan plan, HostPlacement host)
        : base(plan) => HostPlacement = host;

    [JsonConstructor]
    internal PlacementPlan()
    {
    }

    /// <summary>The VM's place, with its reasons.</summary>
    public VMPlacement Placement => HostPlacement.VMs.First(vm => vm.VMId == VMId);

    /// <summary>The placement of all VMs that were placed together, for the picture of the host.</summary>
    public required HostPlacement HostPlacement { get; init; }

    /// <summary>The host CPU of each vCPU, for example <c>0:2 1:3</c>.</summary>
    public string Pins => string.Join(
        ' ', Placement.VcpuPins.OrderBy(pin => pin.Key).Select(pin => string.Create(CultureInfo.InvariantCulture, $"{pin.Key}:{pin.Value}")));

    /// <summary>The host nodes of the vCPUs.</summary>
    public CpuSet Nodes => Placement.Nodes;

    /// <summary>Why the VM sits there.</summary>
    public IReadOnlyList<string> Reasons => Placement.Reasons;

    /// <summary>What it shares with others.</summary>
    public IReadOnlyList<string> Shared => Placement.Shared;

    /// <summary>What speaks against pinning on this host at all.</summary>
    public IReadOnlyList<RuleFinding> Advice => HostPlacement.Advice;

    /// <summary>The change that gives a VM its place.</summary>
    /// <param name="vm">The VM.</param>
    /// <param name="placement">Its place.</param>
    /// <param name="onlineCpus">The host's online CPUs.</param>
    /// <param name="scope">Where it is made.</param>
    public static PlacementChange ToChange(VMTopology vm, VMPlacement placement, CpuSet onlineCpus, ChangeScope scope)
    {
        ArgumentNullException.ThrowIfNull(vm);
        ArgumentNullException.ThrowIfNull(placement);
        var configuration = vm.Configured ?? vm.Current;
        return new PlacementChange
        {
            Scope = scope,
            VcpuPins = new VcpuPinChange
            {
                Pins = placement.VcpuPins.ToDictionary(pin => pin.Key, pin => (CpuSet?)new CpuSet(pin.Value)),
            },
            EmulatorPin = placement.KeepsServicePins ? null : new EmulatorPinChange
            {
                Pins = new Dictionary<int, CpuSet?> { [EmulatorPinChange.Emulator] = placement.ServiceCpus },
            },
            IOThreadPins = placement.KeepsServicePins || configuration.IOThreadIds.Count == 0 ? null : new IOThreadPinChange
            {
                HostCpus = onlineCpus,
                Pins = configuration.IOThreadIds.ToDictionary(thread => thread, _ => (CpuSet?)placement.ServiceCpus),
            },
            NumaPolicy = Policy(vm, configuration, placement),
        };
    }

    // A saved plan can say anything: the placement that is shown must be the one that its change makes, on a host that can be drawn.
    void IJsonOnDeserialized.OnDeserialized()
    {
        var pins = HostPlacement.VMs.FirstOrDefault(vm => vm.VMId == VMId)?.VcpuPins;
        if (pins is null || Change is not PlacementChange change || change.VcpuPins.Pins.Count != pins.Count
            || pins.Any(pin => !change.VcpuPins.Pins.TryGetValue(pin.Key, out var cpus) || cpus != CpuSet.Of([pin.Value])))
        {
            throw new JsonException($"The placement of '{VMName}' is not the one of its change.");
        }

        if (HostPlacement.Request.VMs.Any(vm => vm.Vcpus is < 0 or > CpuSet.MaxNumber))
        {
            throw new JsonException("A VM of the placement has a number of vCPUs that no VM can have.");
        }

        try
        {
            _ = HostMap.Of(HostPlacement);
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or KeyNotFoundException)
        {
            throw new JsonException("The host of the placement cannot be drawn.", exception);
        }
    }

    // A mode that is set stays. A policy that the running VM and its configuration already have is left out: then the pins can be live.
    private static NumaPolicyChange? Policy(VMTopology vm, VMConfiguration configuration, VMPlacement placement)
    {
        if (placement.MemoryNodes is not { } nodes)
        {
            return null;
        }

        // libvirt takes the mode preferred for one node only.
        var mode = configuration.Memory.NumaMode is { } set && (set != "preferred" || nodes.Count == 1) ? set : "strict";
        var cells = placement.CellNodes.Count > 0
            ? placement.CellNodes
            : configuration.Memory.CellPolicies.ToDictionary(policy => policy.CellId, _ => -1);
        var isThere = cells.Count == 0 && new[] { vm.Running, vm.Configured }.OfType<VMConfiguration>()
            .All(document => document.Memory.NumaNodes == nodes && (document.Memory.NumaMode ?? "strict") == mode && document.Memory.NumaPlacement != "auto");
        return isThere ? null : new NumaPolicyChange
        {
            Mode = mode,
            NodeSet = nodes.ToString(),
            CellPolicies = cells.OrderBy(cell => cell.Key).Select(cell => new NumaCellPolicy(cell.Key, mode, cell.Value < 0 ? nodes.ToString() : new CpuSet(cell.Value).ToString())).ToList(),
            RunningIsRestrictive = vm.Running?.Memory.NumaMode == "restrictive",
        };
    }
}
