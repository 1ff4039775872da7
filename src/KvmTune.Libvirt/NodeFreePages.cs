// The free pages of one size on one NUMA node, and how a pool is to change.
namespace KvmTune.Libvirt;

/// <summary>The free pages of one size on one NUMA node.</summary>
/// <param name="Node">The NUMA node.</param>
/// <param name="PageSizeKiB">The size of a page in KiB.</param>
/// <param name="Free">How many are free.</param>
public sealed record NodeFreePages(int Node, uint PageSizeKiB, ulong Free);

/// <summary>How a number of pages changes a pool.</summary>
public enum PageAllocation
{
    /// <summary>The pages are added to those that the pool has.</summary>
    Add = 0,

    /// <summary>The pool is to have just as many pages.</summary>
    Set = 1,
}
