// The host's page pools: reading their free pages, and changing their size.
using System.Runtime.InteropServices;

namespace KvmTune.Libvirt;

public sealed unsafe partial class LibvirtConnection
{
    /// <summary>The free pages per NUMA node and page size (<c>virNodeGetFreePages</c>).</summary>
    /// <param name="pageSizesKiB">The page sizes to read, in KiB; the host must have each of them.</param>
    /// <param name="startNode">The first NUMA node.</param>
    /// <param name="nodeCount">The number of nodes from there on; libvirt stops at the last.</param>
    public IReadOnlyList<NodeFreePages> GetFreePages(IReadOnlyList<uint> pageSizesKiB, int startNode, uint nodeCount)
    {
        ArgumentNullException.ThrowIfNull(pageSizesKiB);
        var sizes = pageSizesKiB.ToArray();
        var counts = new ulong[checked(sizes.Length * (int)nodeCount)];
        int filled;
        fixed (uint* sizesPointer = sizes)
        fixed (ulong* countsPointer = counts)
        {
            filled = LibvirtError.Check(
                virNodeGetFreePages(Handle, (uint)sizes.Length, sizesPointer, startNode, nodeCount, countsPointer, 0), Handle);
        }

        var pages = new List<NodeFreePages>(filled);
        for (var i = 0; i < filled; i++)
        {
            pages.Add(new NodeFreePages(startNode + (i / sizes.Length), sizes[i % sizes.Length], counts[i]));
        }

        return pages;
    }

    /// <summary>
    /// Changes the page pools of NUMA nodes (<c>virNodeAllocPages</c>). The kernel may allocate fewer pages: read the pools back.
    /// </summary>
    /// <param name="pages">The number of pages, by page size in KiB.</param>
    /// <param name="startNode">The first NUMA node; -1 for the whole host.</param>
    /// <param name="nodeCount">The number of nodes from there on; each gets these pages.</param>
    /// <param name="mode">Whether the pages are added to the pool, or become its new size.</param>
    /// <returns>The number of pools that libvirt adjusted.</returns>
    public int AllocatePages(IReadOnlyDictionary<uint, ulong> pages, int startNode, uint nodeCount, PageAllocation mode)
    {
        ArgumentNullException.ThrowIfNull(pages);
        var sizes = pages.Keys.ToArray();
        var counts = sizes.Select(size => pages[size]).ToArray();
        fixed (uint* sizesPointer = sizes)
        fixed (ulong* countsPointer = counts)
        {
            return LibvirtError.Check(
                virNodeAllocPages(
                    Handle, (uint)sizes.Length, sizesPointer, countsPointer, startNode, nodeCount, (uint)mode),
                Handle);
        }
    }

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virNodeGetFreePages(
        ConnectionHandle connection, uint sizes, uint* pageSizes, int startNode, uint nodes, ulong* counts, uint flags);

    [LibraryImport(LibvirtLibrary.Libvirt)]
    private static partial int virNodeAllocPages(
        ConnectionHandle connection, uint sizes, uint* pageSizes, ulong* counts, int startNode, uint nodes, uint flags);
}
