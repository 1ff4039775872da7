// The result of a placement: where each VM sits and why, what is shared, which VMs found no place, and whether pinning pays at all.
using KvmTune.Topology;
using KvmTune.Tuning.Rules;

namespace KvmTune.Placement;

/// <summary>A placement of VMs on a host.</summary>
public sealed record HostPlacement
{
    /// <summary>The request.</summary>
    public required PlacementRequest Request { get; init; }

    /// <summary>The VMs that have a place, in the order of the request.</summary>
    public required IReadOnlyList<VMPlacement> VMs { get; init => field = Items.Of(value); }

    /// <summary>The VMs that have none, with the reason.</summary>
    public required IReadOnlyList<PlacementRefusal> Refusals { get; init => field = Items.Of(value); }

    /// <summary>Whether pinning pays on this host, with the evidence: broken findings speak against it.</summary>
    public required IReadOnlyList<RuleFinding> Findings { get; init => field = Items.Of(value); }

    /// <summary>How far it is from its aims.</summary>
    internal PlacementAims Aims { get; init; }

    /// <summary>The findings that speak against pinning here.</summary>
    public IReadOnlyList<RuleFinding> Advice => Findings.Where(finding => !finding.IsKept).ToItems();

    /// <summary>For example <c>host1: 3 VMs placed, 1 without a place</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Request.Host.HostName}: {VMs.Count} VMs placed, {Refusals.Count} without a place");
}

/// <summary>The place of one VM.</summary>
public sealed record VMPlacement
{
    /// <summary>The VM's name.</summary>
    public required string VMName { get; init; }

    /// <summary>The VM's UUID.</summary>
    public required Guid VMId { get; init; }

    /// <summary>The host CPU of each vCPU.</summary>
    public required IReadOnlyDictionary<int, int> VcpuPins { get; init => field = Map.Of(value); }

    /// <summary>The vCPUs among them that are not plugged in.</summary>
    public CpuSet UnpluggedVcpus { get; init; } = CpuSet.Empty;

    /// <summary>All host CPUs of its vCPUs.</summary>
    public CpuSet VcpuCpus => CpuSet.Of(VcpuPins.Values);

    /// <summary>The host CPUs of the vCPUs that are plugged in.</summary>
    internal IReadOnlyDictionary<int, int> PluggedPins =>
        UnpluggedVcpus.IsEmpty ? VcpuPins : VcpuPins.Where(pin => !UnpluggedVcpus.Contains(pin.Key)).ToDictionary(pin => pin.Key, pin => pin.Value);

    /// <summary>The kinds of core of its vCPUs, on a host with several.</summary>
    public IReadOnlyList<CoreKind> Kinds { get; init => field = Items.Of(value); } = Items<CoreKind>.None;

    /// <summary>Whether the emulator and each I/O thread keep their present pins.</summary>
    public bool KeepsServicePins { get; init; }

    /// <summary>The host nodes of its vCPUs.</summary>
    public required CpuSet Nodes { get; init; }

    /// <summary>The last-level caches of its vCPUs.</summary>
    public required IReadOnlyList<CacheDomain> Caches { get; init => field = Items.Of(value); }

    /// <summary>The host CPUs of its emulator and I/O threads; those of its vCPUs where the host has no others left.</summary>
    public required CpuSet ServiceCpus { get; init; }

    /// <summary>The nodes that its memory comes from; null on a host with one node, and where its memory stays where it is.</summary>
    public CpuSet? MemoryNodes { get; init; }

    /// <summary>The host node of each guest cell, where the VM had to be split along its cells.</summary>
    public IReadOnlyDictionary<int, int> CellNodes { get; init => field = Map.Of(value); } = Map<int, int>.None;

    /// <summary>Why it sits there, in words.</summary>
    public IReadOnlyList<string> Reasons { get; init => field = Items.Of(value); } = Items<string>.None;

    /// <summary>What it shares with others, in words; empty for nothing.</summary>
    public IReadOnlyList<string> Shared { get; init => field = Items.Of(value); } = Items<string>.None;

    /// <summary>Whether its vCPUs are on several nodes.</summary>
    public bool CrossesNodes => Nodes.Count > 1;

    /// <summary>Whether its vCPUs are on several last-level caches.</summary>
    public bool CrossesCaches => Caches.Count > 1;

    /// <summary>For example <c>db01: host CPUs 2-5 on nodes 0</c>.</summary>
    public override string ToString() => $"{VMName}: host CPUs {VcpuCpus} on nodes {Nodes}";
}

/// <summary>A VM that found no place.</summary>
/// <param name="VMName">The VM's name.</param>
/// <param name="ErrorId">
/// A fixed word for the reason: <c>HostCpusOvercommitted</c>, <c>NoWholeCores</c>, <c>NoCpuBesideRealTime</c> or <c>HostMemoryShort</c>.
/// </param>
/// <param name="Message">The reason, with the figures, and what to do.</param>
public sealed record PlacementRefusal(string VMName, string ErrorId, string Message)
{
    /// <summary>For example <c>db01: No node has so many CPUs</c>.</summary>
    public override string ToString() => $"{VMName}: {Message}";
}

/// <summary>CPUs of one node that share their last-level cache.</summary>
/// <param name="Node">The node.</param>
/// <param name="Level">The cache's level; null where the host reports no caches, and the CPUs are those of one die.</param>
/// <param name="SizeKiB">The cache's size in KiB; null where the host reports no caches.</param>
/// <param name="Cpus">The CPUs, offline ones left out.</param>
public sealed record CacheDomain(int Node, int? Level, long? SizeKiB, CpuSet Cpus)
{
    /// <summary>For example <c>L3 of 16 MiB (CPUs 0-7)</c>.</summary>
    public override string ToString() => Level is { } level
        ? $"L{level.ToString(System.Globalization.CultureInfo.InvariantCulture)}{(SizeKiB > 0 ? $" of {PageSize.Rounded(SizeKiB.Value)}" : null)} (CPUs {Cpus})"
        : $"die (CPUs {Cpus})";
}
