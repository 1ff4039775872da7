// The aims of a placement in their order, by which two placements are compared.
using System.Runtime.InteropServices;

namespace KvmTune.Placement;

/// <summary>
/// How far a placement is from its aims, the most important one first. Less is better, and an aim counts only where all aims before it
/// are equal. <c>docs/placement.md</c> has the same order in words.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct PlacementAims : IComparable<PlacementAims>
{
    /// <summary>VMs without a place.</summary>
    public int Refused { get; init; }

    /// <summary>vCPUs on a host CPU that carries another vCPU of the same VM.</summary>
    public int Doubled { get; init; }

    /// <summary>vCPUs on a host CPU that carries a vCPU of another VM.</summary>
    public int Overcommitted { get; init; }

    /// <summary>Over these vCPUs, how many more vCPUs of other VMs each one's host CPU carries: the fewer, the more evenly they are spread.</summary>
    public int Crowded { get; init; }

    /// <summary>Nodes of CPUs and memory beyond the first of each VM, plus one for each VM with cells that is not split along them.</summary>
    public int Nodes { get; init; }

    /// <summary>Kinds of core beyond the first of each VM.</summary>
    public int MixedKinds { get; init; }

    /// <summary>vCPUs on another kind of core than the wanted one, each weighted by how many kinds away it is.</summary>
    public int OtherKind { get; init; }

    /// <summary>
    /// Prefer: guest cores (or single vCPUs) beyond the first on each core, plus each further core of a guest core that is split.
    /// Require: cores in use. Isolate: always 0, since every vCPU has its own core.
    /// </summary>
    public int Cores { get; init; }

    /// <summary>Cores that a VM shares with others.</summary>
    public int SharedCores { get; init; }

    /// <summary>Last-level caches beyond the first of each VM.</summary>
    public int Caches { get; init; }

    /// <summary>How far emulator and I/O threads are from where they should be (<see cref="ServicePlace"/>), over all VMs.</summary>
    public int Services { get; init; }

    /// <summary>vCPUs on CPUs where other VMs have emulator and I/O threads, or vCPUs that are not plugged in.</summary>
    public int Disturbed { get; init; }

    /// <summary>vCPUs on the cores that are kept for the host's own work.</summary>
    public int Reserve { get; init; }

    /// <summary>VMs that leave their nodes, so that memory has to move.</summary>
    public int MovedNodes { get; init; }

    /// <summary>Whether every aim is met.</summary>
    public bool IsPerfect => this == default;

    private (int, int, int, int, int, int, int, int) First => (Refused, Doubled, Overcommitted, Crowded, Nodes, MixedKinds, OtherKind, Cores);

    private (int, int, int, int, int, int) Last => (SharedCores, Caches, Services, Disturbed, Reserve, MovedNodes);

    /// <summary>Adds what one more VM costs.</summary>
    public static PlacementAims operator +(PlacementAims left, PlacementAims right) => Join(left, right, 1);

    /// <summary>Takes away what one VM costs.</summary>
    public static PlacementAims operator -(PlacementAims left, PlacementAims right) => Join(left, right, -1);

    /// <summary>Whether the left one is better.</summary>
    public static bool operator <(PlacementAims left, PlacementAims right) => left.CompareTo(right) < 0;

    /// <summary>Whether the left one is worse.</summary>
    public static bool operator >(PlacementAims left, PlacementAims right) => left.CompareTo(right) > 0;

    /// <summary>Whether the left one is as good or better.</summary>
    public static bool operator <=(PlacementAims left, PlacementAims right) => left.CompareTo(right) <= 0;

    /// <summary>Whether the left one is as good or worse.</summary>
    public static bool operator >=(PlacementAims left, PlacementAims right) => left.CompareTo(right) >= 0;

    /// <summary>The order of placements by their aims, the best first.</summary>
    public int CompareTo(PlacementAims other) => First.CompareTo(other.First) is var first && first != 0 ? first : Last.CompareTo(other.Last);

    private static PlacementAims Join(PlacementAims left, PlacementAims right, int sign) => new()
    {
        Refused = left.Refused + (sign * right.Refused),
        Doubled = left.Doubled + (sign * right.Doubled),
        Overcommitted = left.Overcommitted + (sign * right.Overcommitted),
        Crowded = left.Crowded + (sign * right.Crowded),
        Nodes = left.Nodes + (sign * right.Nodes),
        MixedKinds = left.MixedKinds + (sign * right.MixedKinds),
        OtherKind = left.OtherKind + (sign * right.OtherKind),
        Cores = left.Cores + (sign * right.Cores),
        SharedCores = left.SharedCores + (sign * right.SharedCores),
        Caches = left.Caches + (sign * right.Caches),
        Services = left.Services + (sign * right.Services),
        Disturbed = left.Disturbed + (sign * right.Disturbed),
        Reserve = left.Reserve + (sign * right.Reserve),
        MovedNodes = left.MovedNodes + (sign * right.MovedNodes),
    };
}
