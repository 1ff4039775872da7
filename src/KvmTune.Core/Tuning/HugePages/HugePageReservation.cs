// Adds the huge pages that a VM needs to the host's pools, on the nodes where it needs them.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning.Rules;

namespace KvmTune.Tuning.HugePages;

/// <summary>Pages to add to a pool.</summary>
/// <param name="Node">The NUMA node.</param>
/// <param name="PageSizeKiB">The page size in KiB.</param>
/// <param name="Pages">The number of pages.</param>
public sealed record HugePageGrowth(int Node, long PageSizeKiB, long Pages)
{
    /// <summary>The pages to add for a configuration that lacks huge pages.</summary>
    /// <param name="context">The VM and the host.</param>
    public static IReadOnlyList<HugePageGrowth> For(RuleContext context)
    {
        var growth = new List<HugePageGrowth>();
        foreach (var supply in HugePageSupply.For(context) ?? [])
        {
            growth.AddRange(Spread(supply, context));
        }

        return [.. growth.GroupBy(entry => (entry.Node, entry.PageSizeKiB)).Select(group => new HugePageGrowth(group.Key.Node, group.Key.PageSizeKiB, group.Sum(entry => entry.Pages)))];
    }

    /// <summary>For example <c>256 pages of 2 MiB on node 0</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{PageSize.Pages(Pages, PageSizeKiB)} on node {Node}");

    // All on one node if it has the memory: first a node of the VM's pins, then the node with the most free memory.
    private static IEnumerable<HugePageGrowth> Spread(HugePageSupply supply, RuleContext context)
    {
        var pins = context.After.VcpuPins.Values.Aggregate(CpuSet.Empty, (all, cpus) => all.Union(cpus));
        var missing = supply.Missing;
        var nodes = context.Host.Nodes
            .Where(node => supply.Demand.HostNodes?.Contains(node.Id) != false && node.PagePools.Any(pool => pool.PageSizeKiB == supply.Demand.PageSizeKiB))
            .OrderByDescending(node => node.CpuSet.Overlaps(pins)).ThenByDescending(node => node.FreeMemoryKiB ?? long.MaxValue).ToList();
        foreach (var node in nodes)
        {
            var room = node == nodes[^1] ? missing : Math.Min(missing, (node.FreeMemoryKiB ?? long.MaxValue) / supply.Demand.PageSizeKiB);
            if (room > 0)
            {
                yield return new HugePageGrowth(node.Id, supply.Demand.PageSizeKiB, room);
                missing -= room;
            }
        }
    }
}

/// <summary>Reserves huge pages before a change.</summary>
internal sealed class HugePageReservation(HugePagePools pools, string connectionUri, IReadOnlyList<HugePageGrowth> growth) : HostPreparation
{
    private IReadOnlyList<HugePagePool> _before = [];

    /// <inheritdoc/>
    public override string Title => $"reserve {string.Join(", ", growth)}";

    /// <inheritdoc/>
    public override string VirshCommand => string.Join(
        '\n', growth.Select(entry => VirshText.AllocatePages(connectionUri, entry.PageSizeKiB, entry.Pages, entry.Node, add: true)));

    /// <inheritdoc/>
    public override IReadOnlyList<ReservedPool> Reserves() => [.. Touched(pools.Read()).Select(pool => new ReservedPool(
        pool.Node, pool.PageSizeKiB, pool.Total - (pool.Surplus ?? 0), growth.First(entry => entry.Node == pool.Node && entry.PageSizeKiB == pool.PageSizeKiB).Pages))];

    /// <inheritdoc/>
    public override IReadOnlyList<Verification> Apply()
    {
        _before = pools.Read();
        var verifications = new List<Verification>();
        try
        {
            foreach (var entry in growth)
            {
                var before = _before.First(pool => pool.Node == entry.Node && pool.PageSizeKiB == entry.PageSizeKiB);
                var wanted = before.Total - (before.Surplus ?? 0) + entry.Pages;
                var result = pools.Apply(pools.Plan(new HugePagePoolRequest(entry.PageSizeKiB, wanted, entry.Node)));
                verifications.Add(new Verification(
                    string.Create(CultureInfo.InvariantCulture, $"pool of {PageSize.Text(entry.PageSizeKiB)} pages on node {entry.Node}"),
                    VerifiedBy.Libvirt, "libvirt: capabilities of the host",
                    wanted.ToString(CultureInfo.InvariantCulture),
                    (result.Count - (result.After[0].Surplus ?? 0)).ToString(CultureInfo.InvariantCulture)));
            }
        }
        catch (KvmTuneException)
        {
            TakeBack();
            throw;
        }

        return verifications;
    }

    /// <inheritdoc/>
    public override void TakeBack() => pools.Restore([.. Touched(_before)]);

    private IEnumerable<HugePagePool> Touched(IEnumerable<HugePagePool> all) =>
        all.Where(pool => growth.Any(entry => entry.Node == pool.Node && entry.PageSizeKiB == pool.PageSizeKiB));
}
