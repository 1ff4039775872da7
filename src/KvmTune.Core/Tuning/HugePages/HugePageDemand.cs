// The huge pages that a VM takes from the nodes of the host, and how many of them are missing there.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning.Rules;

namespace KvmTune.Tuning.HugePages;

/// <summary>Huge pages that a VM takes when it starts.</summary>
/// <param name="PageSizeKiB">The page size in KiB.</param>
/// <param name="HostNodes">The nodes that they must come from; null for any.</param>
/// <param name="MemoryKiB">The memory that they are for, in KiB.</param>
public sealed record HugePageDemand(long PageSizeKiB, CpuSet? HostNodes, long MemoryKiB)
{
    /// <summary>The number of pages.</summary>
    public long Pages => (MemoryKiB + PageSizeKiB - 1) / PageSizeKiB;

    /// <summary>
    /// The demands of a configuration. The modes strict and restrictive bind memory to nodes; with other modes the kernel
    /// takes pages elsewhere if these nodes have none (libvirt formatdomain, numatune).
    /// </summary>
    /// <param name="vm">The configuration.</param>
    /// <param name="defaultSizeKiB">The size of pages without a named size; null if unknown: memory without a named size is then left out.</param>
    public static IReadOnlyList<HugePageDemand> Of(VMConfiguration vm, long? defaultSizeKiB)
    {
        if (!vm.Memory.UsesHugePages)
        {
            return [];
        }

        IReadOnlyList<GuestNumaCell> cells = vm.Cpu.NumaCells.Count > 0 ? vm.Cpu.NumaCells : [new GuestNumaCell(0, CpuSet.Empty, vm.Memory.MaximumKiB)];
        return
        [
            .. from cell in cells
               let size = SizeFor(cell.Id, vm.Memory.HugePages, defaultSizeKiB)
               where size is not null
               group cell by (Size: size.Value, Nodes: NodesFor(cell.Id, vm.Memory)) into together
               select new HugePageDemand(together.Key.Size, together.Key.Nodes, together.Sum(cell => cell.MemoryKiB)),
        ];
    }

    // The page entry that names the cell, otherwise the one that names no cell; no entry at all means the default size everywhere.
    private static long? SizeFor(int cell, IReadOnlyList<HugePageBacking> pages, long? defaultSizeKiB) => pages.Count == 0
        ? defaultSizeKiB
        : (pages.FirstOrDefault(page => page.GuestNodes?.Contains(cell) == true) ?? pages.FirstOrDefault(page => page.GuestNodes is null)) is { } page
            ? page.PageSizeKiB ?? defaultSizeKiB
            : null;

    private static CpuSet? NodesFor(int cell, MemoryConfiguration memory)
    {
        var policy = memory.CellPolicies.FirstOrDefault(policy => policy.CellId == cell);
        var (mode, nodes) = policy is null ? (memory.NumaMode, memory.NumaNodes) : (policy.Mode, policy.HostNodes);
        return mode is null or "strict" or "restrictive" ? nodes : null;
    }
}

/// <summary>A demand and the pages that the host has for it.</summary>
/// <param name="Demand">The VM's demand.</param>
/// <param name="Available">The pages that are free for it, and the pages that the running VM returns when it stops.</param>
public sealed record HugePageSupply(HugePageDemand Demand, long Available)
{
    /// <summary>The number of missing pages.</summary>
    public long Missing => Math.Max(Demand.Pages - Available, 0);

    /// <summary>The place of the pages as a phrase.</summary>
    public string Where => Demand.HostNodes is { } nodes ? $"on node {nodes}" : "on the host";

    /// <summary>
    /// The supply for each demand of the configuration after a change. Demands for the fewest nodes are served first. Null if
    /// the host does not report its free pages.
    /// </summary>
    public static IReadOnlyList<HugePageSupply>? For(RuleContext context)
    {
        var pools = context.Host.Nodes.SelectMany(node => node.PagePools).ToList();
        if (pools.Count == 0 || pools.Exists(pool => pool.Free is null))
        {
            return null;
        }

        var size = DefaultSize(context);

        var free = pools.ToDictionary(pool => (pool.Node, pool.PageSizeKiB), pool => pool.Free!.Value);
        var returned = context.VM.Running is { } running ? HugePageDemand.Of(running, size).ToList() : [];
        var supplies = new List<HugePageSupply>();
        foreach (var demand in HugePageDemand.Of(context.After, size).OrderBy(demand => demand.HostNodes?.Count ?? int.MaxValue))
        {
            var back = returned.Where(entry => IsReturnedTo(entry, demand, context.Host.Nodes.Count)).ToList();
            returned = [.. returned.Except(back)];
            var available = back.Sum(entry => entry.Pages);
            foreach (var key in free.Keys.Where(key => key.PageSizeKiB == demand.PageSizeKiB && demand.HostNodes?.Contains(key.Node) != false).ToList())
            {
                var taken = Math.Min(free[key], demand.Pages - available);
                if (taken > 0)
                {
                    free[key] -= taken;
                    available += taken;
                }
            }

            supplies.Add(new HugePageSupply(demand, available));
        }

        return supplies;
    }

    /// <summary>The size of pages without a named size: the kernel's default, otherwise the host's smallest huge one; null if it has none.</summary>
    public static long? DefaultSize(RuleContext context) => context.HostMemory?.DefaultPageSizeKiB ?? DefaultSize(null, context.HostCpus);

    /// <summary>The same of a host.</summary>
    /// <param name="kernel">The local kernel's memory settings; null for another machine.</param>
    /// <param name="host">The host.</param>
    public static long? DefaultSize(HostMemoryFacts? kernel, VMHostTopology host) =>
        kernel?.DefaultPageSizeKiB
        ?? host.Nodes.SelectMany(node => node.PagePools.Select(pool => pool.PageSizeKiB).Order().Skip(1)).Cast<long?>().Min();

    /// <summary>For example <c>needed on node 0: 256 pages of 2 MiB, free: 12</c>.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"needed {Where}: {PageSize.Pages(Demand.Pages, Demand.PageSizeKiB)}, free: {Available}");

    // The running VM returns its pages to the nodes that its memory is bound to; for unbound memory the nodes are unknown.
    private static bool IsReturnedTo(HugePageDemand returned, HugePageDemand demand, int nodes) =>
        returned.PageSizeKiB == demand.PageSizeKiB
        && (nodes == 1 || demand.HostNodes is null || returned.HostNodes?.IsSubsetOf(demand.HostNodes) == true);
}
