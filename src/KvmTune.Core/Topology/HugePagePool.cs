// The huge pages of one size on one node of a host, as counted by libvirt and, if the host is this machine, by the kernel.
namespace KvmTune.Topology;

/// <summary>A pool of huge pages. Other programs cannot use its memory, and it cannot be swapped (kernel: hugetlbpage).</summary>
public sealed record HugePagePool
{
    /// <summary>The libvirt connection that names the host.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The host's name.</summary>
    public required string HostName { get; init; }

    /// <summary>The NUMA node.</summary>
    public required int Node { get; init; }

    /// <summary>The page size in KiB.</summary>
    public required long PageSizeKiB { get; init; }

    /// <summary>The number of pages in the pool, including surplus pages.</summary>
    public required long Total { get; init; }

    /// <summary>The number of free pages; null if the driver does not report it.</summary>
    public long? Free { get; init; }

    /// <summary>The number of pages in use; null if the driver does not report it.</summary>
    public long? InUse => Free is { } free ? Math.Max(Total - free, 0) : null;

    /// <summary>
    /// The number of pages beyond the size that the pool was set to: pages in use that return to the kernel as soon as they are
    /// free. Null if the host is not this machine.
    /// </summary>
    public long? Surplus { get; init; }

    /// <summary>
    /// The number of free pages of this size, on all nodes together, that are already promised to mappings. Null if the host is not this machine.
    /// </summary>
    public long? ReservedOnHost { get; init; }

    /// <summary>Where a hugetlbfs of this page size is mounted; null if there is none, or the host is not this machine.</summary>
    public string? MountPoint { get; init; }

    /// <summary>Whether a hugetlbfs of this page size is mounted, which a VM needs. Null if the host is not this machine.</summary>
    public bool? IsMounted { get; init; }

    /// <summary>Whether this is the kernel's default size of huge pages. Null if the host is not this machine.</summary>
    public bool? IsDefaultSize { get; init; }

    /// <summary>The memory that the pool takes, in KiB.</summary>
    public long MemoryKiB => Total * PageSizeKiB;

    /// <summary>The node's memory in KiB, all pools included.</summary>
    public required long NodeMemoryKiB { get; init; }

    /// <summary>The node's free memory outside the pools in KiB; null if the driver does not report it.</summary>
    public long? NodeFreeMemoryKiB { get; init; }

    /// <summary>The pool's memory in GiB.</summary>
    public double MemoryGiB => MemoryKiB / (double)PageSize.GigabyteKiB;

    /// <summary>For example <c>node 0: 512 pages of 2048 KiB</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"node {Node}: {Total} pages of {PageSizeKiB} KiB");
}
