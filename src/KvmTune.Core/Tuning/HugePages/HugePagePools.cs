// Reads the host's pools of huge pages and sets their size; then reads back per node how many pages the kernel really provided.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning.HugePages;

/// <summary>A request for the size of a pool.</summary>
/// <param name="PageSizeKiB">The page size in KiB.</param>
/// <param name="Count">The number of pages in the pool.</param>
/// <param name="Node">The NUMA node; null for the whole host, where the kernel spreads the pages over the nodes.</param>
public sealed record HugePagePoolRequest(long PageSizeKiB, long Count, int? Node)
{
    /// <summary>For example <c>512 pages of 2048 KiB</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Count} pages of {PageSizeKiB} KiB{(Node is { } node ? FormattableString.Invariant($" on node {node}") : null)}");
}

/// <summary>The pools of one host.</summary>
public sealed class HugePagePools
{
    /// <summary>The share of a node's free memory above which a pool causes a warning.</summary>
    public const double HeadroomLimit = 0.9;

    /// <summary>The error id for a pool that got fewer pages than requested.</summary>
    public const string PoolShort = "HugePagePoolShort";

    private readonly string _uri;
    private readonly Func<VMHostTopology> _host;
    private readonly Func<HostMemoryFacts?> _kernel;
    private readonly Action<HugePagePoolRequest> _set;

    /// <summary>The pools of a host.</summary>
    public HugePagePools(HostConnection host)
        : this(host.Uri, () => HostReading.Read(host), () => host.IsLocalQemu ? HostMemoryFacts.Read() : null, request => Allocate(host, request))
    {
    }

    /// <summary>The pools of a host that is read by the given functions, for example a host in a test.</summary>
    /// <param name="uri">The libvirt URI.</param>
    /// <param name="host">Reads the host again.</param>
    /// <param name="kernel">Reads the local kernel's data; null if the host is another machine.</param>
    /// <param name="set">Sets a pool to the requested size, or to the size that the kernel has memory for.</param>
    public HugePagePools(string uri, Func<VMHostTopology> host, Func<HostMemoryFacts?> kernel, Action<HugePagePoolRequest> set)
    {
        _uri = uri;
        _host = host;
        _kernel = kernel;
        _set = set;
    }

    /// <summary>Reads the pools of all nodes and sizes again.</summary>
    /// <exception cref="KvmTuneException">The host cannot be reached.</exception>
    public IReadOnlyList<HugePagePool> Read()
    {
        try
        {
            return [.. Merge(_host(), _kernel())];
        }
        catch (LibvirtException exception)
        {
            throw LibvirtErrors.Calling(exception, $"reading the page pools of {_uri}");
        }
    }

    /// <summary>Selects the pools of a size or node.</summary>
    /// <param name="all">All pools.</param>
    /// <param name="pageSizeKiB">The page size in KiB; null for all.</param>
    /// <param name="node">The NUMA node; null for all.</param>
    /// <exception cref="KvmTuneException">The host has no such page size (<c>PageSizeNotSupported</c>) or node (<c>NodeNotFound</c>).</exception>
    public IReadOnlyList<HugePagePool> Select(IReadOnlyList<HugePagePool> all, long? pageSizeKiB, int? node)
    {
        var sizes = all.Select(pool => pool.PageSizeKiB).Distinct().Order().ToList();
        if (pageSizeKiB is { } size && !sizes.Contains(size))
        {
            throw new KvmTuneException(
                "PageSizeNotSupported", KvmTuneErrorCategory.InvalidArgument,
                $"{_uri} has no huge pages of {PageSize.Text(size)}. It has: {(sizes.Count == 0 ? "none" : string.Join(", ", sizes.Select(PageSize.Short)))}.{FlagHint(size)}");
        }

        var pools = all.Where(pool => (pageSizeKiB ?? pool.PageSizeKiB) == pool.PageSizeKiB && (node ?? pool.Node) == pool.Node).ToList();
        return pools.Count > 0 || node is null
            ? pools
            : throw new KvmTuneException(
                "NodeNotFound", KvmTuneErrorCategory.ObjectNotFound,
                string.Create(CultureInfo.InvariantCulture, $"{_uri} has no NUMA node {node}. It has: {CpuSet.Of(all.Select(pool => pool.Node))}."));
    }

    /// <summary>Plans the size of a pool. Nothing is changed.</summary>
    /// <exception cref="KvmTuneException">
    /// The host has no such page size or node, or less memory than requested (<c>HugePagePoolShort</c>): an attempt would take
    /// all free memory from other programs for a moment.
    /// </exception>
    public HugePagePoolPlan Plan(HugePagePoolRequest request)
    {
        var all = Read();
        var pools = Select(all, request.PageSizeKiB, request.Node);
        if (pools.Sum(pool => pool.NodeMemoryKiB) is var memory && request.Count > memory / request.PageSizeKiB)
        {
            throw new KvmTuneException(
                PoolShort, KvmTuneErrorCategory.InvalidArgument,
                $"{PageSize.Pages(request.Count, request.PageSizeKiB)} are more than the {PageSize.Rounded(memory)} of memory {Where(request.Node)}. Nothing was changed.");
        }

        return new HugePagePoolPlan { ConnectionUri = _uri, Request = request, Before = pools, Warnings = [.. Warnings(request, pools)] };
    }

    /// <summary>Sets a pool.</summary>
    /// <exception cref="KvmTuneException">
    /// The kernel provided fewer pages than requested (<c>HugePagePoolShort</c>): the pool has its former size again. Or libvirt refuses.
    /// </exception>
    public HugePagePoolResult Apply(HugePagePoolPlan plan)
    {
        var request = plan.Request;
        _set(request);
        var after = Select(Read(), request.PageSizeKiB, request.Node);
        var got = after.Sum(SetSize);
        if (got < request.Count)
        {
            Restore(plan.Before);
            throw new KvmTuneException(
                PoolShort, KvmTuneErrorCategory.InvalidResult,
                string.Create(CultureInfo.InvariantCulture, $"The kernel found memory for {got} of {PageSize.Pages(request.Count, request.PageSizeKiB)} {Where(request.Node)}{PerNode(after)}. The pool has its former size again. There is too little free memory, or it is too fragmented: stop VMs and programs that are not needed, or reserve the pages at boot ({KernelCommandLine.For(request.PageSizeKiB, Wanted(plan))})."));
        }

        return new HugePagePoolResult { Plan = plan, After = after };
    }

    /// <summary>Returns pools to their former sizes, except for pages that are in use by now.</summary>
    public void Restore(IReadOnlyList<HugePagePool> before)
    {
        foreach (var now in Read())
        {
            var former = before.FirstOrDefault(pool => pool.Node == now.Node && pool.PageSizeKiB == now.PageSizeKiB);
            if (former is not null && SetSize(former) is var size && SetSize(now) != size)
            {
                _set(new HugePagePoolRequest(now.PageSizeKiB, Math.Max(size, now.InUse ?? 0), now.Node));
            }
        }
    }

    // Surplus pages exceed the set size; the kernel removes them by itself.
    private static long SetSize(HugePagePool pool) => pool.Total - (pool.Surplus ?? 0);

    private static string Where(int? node) => node is { } number ? string.Create(CultureInfo.InvariantCulture, $"on node {number}") : "on the host";

    private static string PerNode(IReadOnlyList<HugePagePool> pools) => pools.Count < 2
        ? string.Empty
        : $" ({string.Join(", ", pools.Select(pool => string.Create(CultureInfo.InvariantCulture, $"node {pool.Node}: {SetSize(pool)}")))})";

    private static Dictionary<int, long> Wanted(HugePagePoolPlan plan) => plan.Request.Node is { } node
        ? new Dictionary<int, long> { [node] = plan.Request.Count }
        : plan.Before.ToDictionary(pool => pool.Node, _ => (plan.Request.Count + plan.Before.Count - 1) / plan.Before.Count);

    private static IEnumerable<string> Warnings(HugePagePoolRequest request, IReadOnlyList<HugePagePool> pools)
    {
        var growth = (request.Count - pools.Sum(SetSize)) * request.PageSizeKiB;
        if (growth > 0
            && pools.All(pool => pool.NodeFreeMemoryKiB is not null)
            && pools.Sum(pool => pool.NodeFreeMemoryKiB!.Value) is var free
            && growth > free * HeadroomLimit)
        {
            yield return $"The pool takes {PageSize.Rounded(growth)} of the {PageSize.Rounded(free)} that are free {Where(request.Node)}. Nothing else can use the pages of a pool, and they cannot be swapped: leave the host enough memory.";
        }

        if (pools.Sum(pool => pool.InUse ?? 0) is var used && request.Count < used)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{PageSize.Pages(used, request.PageSizeKiB)} in use {Where(request.Node)}: {used - request.Count} of them become surplus pages, which go back to the kernel only when their VMs stop.");
        }
    }

    private static IEnumerable<HugePagePool> Merge(VMHostTopology topology, HostMemoryFacts? kernel)
    {
        foreach (var node in topology.Nodes.OrderBy(node => node.Id))
        {
            // The smallest size is that of ordinary pages, which have no pool.
            foreach (var pool in node.PagePools.OrderBy(pool => pool.PageSizeKiB).Skip(1))
            {
                var mount = kernel?.Mounts.FirstOrDefault(mount => mount.PageSizeKiB == pool.PageSizeKiB);
                yield return new HugePagePool
                {
                    ConnectionUri = topology.ConnectionUri,
                    HostName = topology.HostName,
                    Node = node.Id,
                    PageSizeKiB = pool.PageSizeKiB,
                    Total = pool.Total,
                    Free = pool.Free,
                    NodeMemoryKiB = node.MemoryKiB,
                    NodeFreeMemoryKiB = node.FreeMemoryKiB,
                    Surplus = kernel?.Pools.FirstOrDefault(entry => entry.Node == node.Id && entry.PageSizeKiB == pool.PageSizeKiB)?.Surplus,
                    ReservedOnHost = kernel?.Reserved.TryGetValue(pool.PageSizeKiB, out var reserved) == true ? reserved : null,
                    MountPoint = mount?.Path,
                    IsMounted = kernel is null ? null : mount is not null,
                    IsDefaultSize = kernel is null ? null : kernel.DefaultPageSizeKiB == pool.PageSizeKiB,
                };
            }
        }
    }

    private string? FlagHint(long pageSizeKiB) => pageSizeKiB == PageSize.GigabyteKiB && _kernel()?.HasGigabytePages == false
        ? " Pages of 1 GiB need the CPU flag pdpe1gb, which /proc/cpuinfo does not have."
        : null;

    // libvirt reads the pool back itself and reports a partial success as an error. The caller reads and checks the result.
    private static void Allocate(HostConnection host, HugePagePoolRequest request)
    {
        try
        {
            host.Write().AllocatePages(
                new Dictionary<uint, ulong> { [checked((uint)request.PageSizeKiB)] = checked((ulong)request.Count) },
                request.Node ?? -1, 1, PageAllocation.Set);
        }
        catch (LibvirtException exception) when (exception.ErrorCode != LibvirtErrorCode.OperationFailed)
        {
            throw LibvirtErrors.Calling(exception, $"setting the pool of {PageSize.Text(request.PageSizeKiB)} pages {Where(request.Node)}");
        }
        catch (LibvirtException)
        {
            // Fewer or, with surplus pages, more than requested.
        }
    }
}
