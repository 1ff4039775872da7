// The ways in which a set of VMs is tried to be placed. No greedy way is best on every host, so several are, and the best result counts.
namespace KvmTune.Placement;

/// <summary>One way to place VMs one after the other.</summary>
/// <param name="LargestFirst">Whether the largest VM is placed first, else in the order of the request.</param>
/// <param name="Packs">Whether the fullest place that fits is taken, which keeps large holes; else the emptiest, which spreads the load.</param>
/// <param name="NodeFirst">Whether the node is chosen before the cache: by free memory, then by free CPUs, as OpenStack Nova does.</param>
/// <param name="SetsAside">Whether each node keeps a core for emulator and I/O threads.</param>
internal sealed record PlacementStrategy(bool LargestFirst, bool Packs, bool NodeFirst, bool SetsAside)
{
    /// <summary>
    /// All ways, the one that suits an empty host first: the emptiest cache, with room for emulator threads. Those in the order of the
    /// request without cores set aside are what peers do (OpenStack Nova; least-loaded cache), so the best is never worse than theirs.
    /// </summary>
    public static IReadOnlyList<PlacementStrategy> All { get; } =
    [
        new(LargestFirst: true, Packs: false, NodeFirst: false, SetsAside: true),
        new(LargestFirst: false, Packs: false, NodeFirst: false, SetsAside: true),
        new(LargestFirst: true, Packs: true, NodeFirst: false, SetsAside: true),
        new(LargestFirst: true, Packs: false, NodeFirst: false, SetsAside: false),
        new(LargestFirst: true, Packs: true, NodeFirst: false, SetsAside: false),
        new(LargestFirst: false, Packs: false, NodeFirst: false, SetsAside: false),
        new(LargestFirst: false, Packs: true, NodeFirst: false, SetsAside: false),
        new(LargestFirst: true, Packs: false, NodeFirst: true, SetsAside: false),
        new(LargestFirst: false, Packs: false, NodeFirst: true, SetsAside: false),
    ];
}
