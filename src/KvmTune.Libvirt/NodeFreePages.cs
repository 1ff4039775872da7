// The free pages of one size on one NUMA node, and the ways to change a pool.
namespace KvmTune.Libvirt;

/// <summary>The free pages of one size on one NUMA node.</summary>
/// <param name="Node">The NUMA node.</param>
/// <param name="PageSizeKiB">The size of a page in KiB.</param>
/// <param name="Free">The number of free pages.</param>
public sealed record NodeFreePages(int Node, uint PageSizeKiB, ulong Free);

/// <summary>The way in which a number of pages changes a pool.</summary>
public enum PageAllocation
{
    /// <summary>The pages are added to the pool.</summary>
    Add = 0,

    /// <summary>The pool gets exactly this number of pages.</summary>
    Set = 1,
}
