// The huge pages of one size on one node of a host, as libvirt and, where the host is this machine, the kernel count them.
namespace KvmTune.Topology;

/// <summary>A pool of huge pages. What is in it is lost to everything else and cannot be swapped (kernel: hugetlbpage).</summary>
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

    /// <summary>How many pages the pool has, surplus pages included.</summary>
    public required long Total { get; init; }

    /// <summary>How many of them are free; null when the driver does not say.</summary>
    public long? Free { get; init; }

    /// <summary>How many of them are in use; null when the driver does not say.</summary>
    public long? InUse => Free is { } free ? Math.Max(Total - free, 0) : null;

    /// <summary>
    /// How many of them are beyond the size that the pool was set to: pages in use that go back to the kernel as soon as they are
    /// free. Null when the host is not this machine.
    /// </summary>
    public long? Surplus { get; init; }

    /// <summary>How many free pages of this size, on all nodes together, are promised to mappings already. Null when the host is not this machine.</summary>
    public long? ReservedOnHost { get; init; }

    /// <summary>Where a hugetlbfs of this page size is mounted; null when there is none, or the host is not this machine.</summary>
    public string? MountPoint { get; init; }

    /// <summary>Whether a hugetlbfs of this page size is mounted, which a VM needs. Null when the host is not this machine.</summary>
    public bool? IsMounted { get; init; }

    /// <summary>Whether it is the size that is cmdlets without `-ConnectionUri`. Null when the host is not this machine.</summary>
    public bool? IsDefaultSize { get; init; }

    /// <summary>The memory that the pool takes, in KiB.</summary>
    public long MemoryKiB => Total * PageSizeKiB;

    /// <summary>The node's memory in KiB, all pools included.</summary>
    public required long NodeMemoryKiB { get; init; }

    /// <summary>The node's free memory outside the pools in KiB; null when the driver does not say.</summary>
    public long? NodeFreeMemoryKiB { get; init; }

    /// <summary>The pool's memory in GiB.</summary>
    public double MemoryGiB => MemoryKiB / (double)PageSize.GigabyteKiB;

    /// <summary>For example <c>node 0: 512 pages of 2048 KiB</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"node {Node}: {Total} pages of {PageSizeKiB} KiB");
}
