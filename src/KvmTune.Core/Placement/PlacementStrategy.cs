// The ways in which a set of VMs is tried to be placed. No greedy way is best on every host, so several are, and the best result counts.
namespace KvmTune.Placement;

/// <summary>By what the place of a VM is chosen among those that fit.</summary>
internal enum PlaceChoice
{
    /// <summary>The emptiest cache, with distinct cores first: the load is spread.</summary>
    Emptiest,

    /// <summary>The fullest cache, with distinct cores first: large holes are kept for large VMs.</summary>
    Fullest,

    /// <summary>The cache with most free threads and nothing else, as least-loaded-cache schedulers do it.</summary>
    LeastLoaded,

    /// <summary>The node with most free memory, then with most free CPUs, as OpenStack Nova does it; then the cache in it.</summary>
    NodeByMemory,
}

/// <summary>One way to place VMs one after the other.</summary>
/// <param name="LargestFirst">
/// Whether the largest VM is placed first. Else it goes by the order of the request, and VMs that no node can hold are left for the end,
/// so that they take nothing from those that fit.
/// </param>
/// <param name="Choice">By what a place is chosen.</param>
/// <param name="SetsAside">Whether each node keeps a core for emulator and I/O threads.</param>
internal sealed record PlacementStrategy(bool LargestFirst, PlaceChoice Choice, bool SetsAside)
{
    /// <summary>All ways, the one that suits an empty host first. The peers' ways are among them, so that the best is not worse than theirs.</summary>
    public static IReadOnlyList<PlacementStrategy> All { get; } =
    [
        new(LargestFirst: true, PlaceChoice.Emptiest, SetsAside: true),
        new(LargestFirst: false, PlaceChoice.Emptiest, SetsAside: true),
        new(LargestFirst: true, PlaceChoice.Fullest, SetsAside: true),
        new(LargestFirst: true, PlaceChoice.Emptiest, SetsAside: false),
        new(LargestFirst: true, PlaceChoice.Fullest, SetsAside: false),
        new(LargestFirst: false, PlaceChoice.Emptiest, SetsAside: false),
        new(LargestFirst: false, PlaceChoice.Fullest, SetsAside: false),
        new(LargestFirst: false, PlaceChoice.LeastLoaded, SetsAside: false),
        new(LargestFirst: false, PlaceChoice.NodeByMemory, SetsAside: false),
    ];
}
