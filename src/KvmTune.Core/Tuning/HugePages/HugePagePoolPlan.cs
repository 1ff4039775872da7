// The plan for the size of a pool of huge pages, and its result.
using System.Globalization;
using KvmTune.Topology;

namespace KvmTune.Tuning.HugePages;

/// <summary>The plan for setting the size of a pool.</summary>
public sealed record HugePagePoolPlan
{
    /// <summary>The libvirt connection that names the host.</summary>
    public required string ConnectionUri { get; init; }

    /// <summary>The request.</summary>
    public required HugePagePoolRequest Request { get; init; }

    /// <summary>The pools before: one, or one for each node.</summary>
    public required IReadOnlyList<HugePagePool> Before { get; init => field = Items.Of(value); }

    /// <summary>The warnings against the request.</summary>
    public IReadOnlyList<string> Warnings { get; init => field = Items.Of(value); } = Items<string>.None;

    /// <summary>False if the pool already has that size.</summary>
    public bool HasChanges => Before.Sum(pool => pool.Total - (pool.Surplus ?? 0)) != Request.Count;

    /// <summary>The plan in words.</summary>
    public string Title => string.Create(
        CultureInfo.InvariantCulture,
        $"pool of {PageSize.Text(Request.PageSizeKiB)} pages{(Request.Node is { } node ? string.Create(CultureInfo.InvariantCulture, $" on node {node}") : null)}: {Before.Sum(pool => pool.Total)} -> {Request.Count}");

    /// <summary>The equivalent virsh command.</summary>
    public string VirshCommand => VirshText.AllocatePages(ConnectionUri, Request.PageSizeKiB, Request.Count, Request.Node, add: false);

    /// <summary>For example <c>512 pages of 2048 KiB</c>.</summary>
    public override string ToString() => Title;
}

/// <summary>The result of setting the size of a pool.</summary>
public sealed record HugePagePoolResult
{
    /// <summary>The libvirt connection that names the host.</summary>
    public string ConnectionUri => Plan.ConnectionUri;

    /// <summary>The host's name.</summary>
    public string HostName => Plan.Before[0].HostName;

    /// <summary>The page size in KiB.</summary>
    public long PageSizeKiB => Plan.Request.PageSizeKiB;

    /// <summary>The NUMA node; null for the host as a whole.</summary>
    public int? Node => Plan.Request.Node;

    /// <summary>The number of pages before.</summary>
    public long CountBefore => Plan.Before.Sum(pool => pool.Total);

    /// <summary>The number of pages now, including surplus pages.</summary>
    public long Count => After.Sum(pool => pool.Total);

    /// <summary>Whether the pool was changed; false if it already had that size.</summary>
    public bool IsChanged => Plan.HasChanges;

    /// <summary>The plan that was applied.</summary>
    public required HugePagePoolPlan Plan { get; init; }

    /// <summary>The pools as they were read back: one, or one for each node.</summary>
    public required IReadOnlyList<HugePagePool> After { get; init => field = Items.Of(value); }

    /// <summary>The file that keeps the pool's size over a restart of the host; null if that was not requested or is not possible.</summary>
    public string? PersistedTo { get; init; }

    /// <summary>The kernel parameters that reserve the same pages at boot, which is the reliable way (kernel: hugetlbpage).</summary>
    public string KernelCommandLine => HugePages.KernelCommandLine.For(PageSizeKiB, After.ToDictionary(pool => pool.Node, pool => pool.Total));

    /// <summary>The equivalent virsh command.</summary>
    public string VirshCommand => Plan.VirshCommand;

    /// <summary>For example <c>host1: 256 -> 512 pages of 2048 KiB</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{HostName}: {CountBefore} -> {Count} pages of {PageSizeKiB} KiB");
}
