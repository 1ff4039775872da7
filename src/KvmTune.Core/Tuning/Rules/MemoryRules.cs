// Rules about huge pages: what QEMU and libvirt refuse, whether the host has the pages, and what they cost other programs.
using System.Globalization;
using KvmTune.Topology;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.HugePages;

namespace KvmTune.Tuning.Rules;

/// <summary>Rules of the memory area.</summary>
public static class MemoryRules
{
    /// <summary>The memory that QEMU may need beside the guest's, in KiB; libvirt uses the same value for its limit of locked memory.</summary>
    public const long QemuOverheadKiB = 1024 * 1024;

    /// <summary>Pages of 1 GiB need support by the CPU.</summary>
    public static TuningRule GigabytePagesNeedCpuFlag { get; } = new(
        nameof(GigabytePagesNeedCpuFlag), TuningArea.Memory, RuleSeverity.Error,
        "The kernel has pages of 1 GiB only on a CPU with the flag pdpe1gb.",
        "kernel document hugetlbpage",
        static context => !Sizes(context).Contains(PageSize.GigabyteKiB) || context.HostMemory?.HasGigabytePages is not { } hasFlag
            ? null
            : hasFlag
                ? RuleCheck.Kept("/proc/cpuinfo has the flag pdpe1gb")
                : RuleCheck.Broken("Pages of 1 GiB need the CPU flag pdpe1gb, which this host's /proc/cpuinfo does not have. Use -PageSize 2M."));

    /// <summary>The host must support the page size.</summary>
    public static TuningRule HugePagesNeedHostSize { get; } = new(
        nameof(HugePagesNeedHostSize), TuningArea.Memory, RuleSeverity.Error,
        "A page size that the host does not have cannot be mounted: the VM fails at its next start.",
        "libvirt 9.0 qemuGetDomainHupageMemPath",
        static context =>
        {
            var sizes = HostSizes(context);
            var wanted = Sizes(context).Where(size => size != PageSize.GigabyteKiB || context.HostMemory?.HasGigabytePages != false).ToList();
            return sizes.Count == 0 || wanted.Count == 0
                ? null
                : RuleCheck.BrokenBy(
                    [.. wanted.Except(sizes).Select(size => $"The host has no huge pages of {PageSize.Text(size)}")],
                    $"the host has pages of {Texts(wanted)}",
                    $"It has: {string.Join(", ", sizes.Select(PageSize.Short))}.");
        });

    /// <summary>Each page size needs its own hugetlbfs mount.</summary>
    public static TuningRule HugePagesNeedMount { get; } = new(
        nameof(HugePagesNeedMount), TuningArea.Memory, RuleSeverity.Error,
        "QEMU gets huge pages as files of a hugetlbfs with that page size; libvirt looks for the mounts when its daemon starts.",
        "tried on libvirt 9.0.0 with QEMU 7.2",
        static context =>
        {
            if (Sizes(context).Intersect(HostSizes(context)).ToList() is not { Count: > 0 } sizes || context.HostMemory is not { } kernel)
            {
                return null;
            }

            var missing = sizes.Where(size => kernel.Mounts.All(mount => mount.PageSizeKiB != size)).ToList();
            return missing.Count == 0
                ? RuleCheck.Kept($"mounted: {string.Join(", ", kernel.Mounts.Where(mount => sizes.Contains(mount.PageSizeKiB)).Select(mount => mount.Path))}")
                : RuleCheck.Broken($"No hugetlbfs with pages of {Texts(missing)} is mounted. Mount one and restart libvirt's daemon: {string.Join("; ", missing.Select(size => $"mkdir -p /dev/hugepages{PageSize.Short(size)} && mount -t hugetlbfs -o pagesize={PageSize.Short(size)} hugetlbfs /dev/hugepages{PageSize.Short(size)}"))}.");
        });

    /// <summary>Huge pages are allocated when the VM starts, never on demand.</summary>
    public static TuningRule HugePagesNeedImmediateAllocation { get; } = new(
        nameof(HugePagesNeedImmediateAllocation), TuningArea.Memory, RuleSeverity.Error,
        "Huge pages imply preallocation: libvirt refuses them together with allocation on demand.",
        "libvirt 9.0 qemuBuildMemoryBackendProps; tried on libvirt 9.0.0 with QEMU 7.2",
        static context => context.Change is not HugePagesChange { Enabled: true } || context.After.Memory.Allocation is not { } allocation
            ? null
            : allocation == "ondemand"
                ? RuleCheck.Broken("The VM's memory is set to be allocated on demand (<allocation mode='ondemand'/>), which huge pages do not allow. Take that element out of <memoryBacking> first (virsh edit).")
                : RuleCheck.Kept($"allocation mode='{allocation}'"));

    /// <summary>Huge pages need a file as memory source; anonymous memory has no file.</summary>
    public static TuningRule HugePagesNeedFileSource { get; } = new(
        nameof(HugePagesNeedFileSource), TuningArea.Memory, RuleSeverity.Error,
        "Huge pages come from a hugetlbfs file or a memfd: libvirt refuses them with an anonymous source.",
        "libvirt 9.0 qemuValidateDomainDefMemory; tried on libvirt 9.0.0 with QEMU 7.2",
        static context => context.Change is not HugePagesChange { Enabled: true } || context.After.Memory.SourceType is not { } source
            ? null
            : source == "anonymous"
                ? RuleCheck.Broken("The VM's memory is set to be anonymous (<source type='anonymous'/>), which huge pages do not allow. Take that element out of <memoryBacking> first (virsh edit).")
                : RuleCheck.Kept($"source type='{source}'"));

    /// <summary>The memory must fill whole pages.</summary>
    public static TuningRule HugePagesNeedWholePages { get; } = new(
        nameof(HugePagesNeedWholePages), TuningArea.Memory, RuleSeverity.Error,
        "QEMU cannot map part of a page: the memory must be a multiple of the page size.",
        "Proxmox qemu-server, Memory.pm; QEMU memory-backend-file",
        static context =>
        {
            var demands = Demands(context);
            return demands.Count == 0
                ? null
                : RuleCheck.BrokenBy(
                    [
                        .. from demand in demands
                           where demand.MemoryKiB % demand.PageSizeKiB != 0
                           select string.Create(CultureInfo.InvariantCulture, $"{demand.MemoryKiB} KiB of memory are not a multiple of {PageSize.Text(demand.PageSizeKiB)}: the next larger size is {demand.Pages * demand.PageSizeKiB} KiB"),
                    ],
                    $"{string.Join(" and ", demands.Select(demand => PageSize.Rounded(demand.MemoryKiB)))} of memory are whole pages of {Texts(Sizes(context))}",
                    "Give the VM whole pages (virsh setmaxmem), or use smaller pages.");
        });

    /// <summary>The nodeset of a page names guest nodes.</summary>
    public static TuningRule HugePageNodesAreGuestNodes { get; } = new(
        nameof(HugePageNodesAreGuestNodes), TuningArea.Memory, RuleSeverity.Error,
        "The nodeset of a page size means the guest's NUMA cells, not the host's nodes; a guest without cells has only 0.",
        "tried on libvirt 9.0.0 with QEMU 7.2",
        static context =>
        {
            if (context.Change is not HugePagesChange { Enabled: true } || context.After.Memory.HugePages.All(page => page.GuestNodes is null))
            {
                return null;
            }

            var cells = context.After.Cpu.NumaCells;
            var known = cells.Count == 0 ? new CpuSet(0) : CpuSet.Of(cells.Select(cell => cell.Id));
            var unknown = context.After.Memory.HugePages.Aggregate(CpuSet.Empty, (all, page) => all.Union(page.GuestNodes ?? CpuSet.Empty)).Except(known);
            return unknown.IsEmpty
                ? RuleCheck.Kept($"the guest has the nodes {known}")
                : RuleCheck.Broken($"The guest has no node {unknown}: {(cells.Count == 0 ? "it has no NUMA cells, so only 0 can be meant" : $"it has {known}")}. To take the pages from one node of the host, bind the VM's memory to it (numatune).");
        });

    /// <summary>Every node that the VM is bound to must have enough free pages.</summary>
    public static TuningRule HugePagesNeedFreePages { get; } = new(
        nameof(HugePagesNeedFreePages), TuningArea.Memory, RuleSeverity.Error,
        "Pages are taken from the nodes that the memory is bound to: a total over the host hides that one of them has too few.",
        "kubevirt issue 6981; kernel document hugetlbpage",
        static context =>
        {
            if (Sizes(context).Intersect(HostSizes(context)).ToList() is not { Count: > 0 } sizes || HugePageSupply.For(context) is not { } supplies)
            {
                return null;
            }

            // HugePagesNeedHostSize reports a page size that the host does not have.
            supplies = [.. supplies.Where(supply => sizes.Contains(supply.Demand.PageSizeKiB))];
            var missing = supplies.Where(supply => supply.Missing > 0).Select(supply => supply.ToString()).ToList();
            return missing.Count == 0
                ? RuleCheck.Kept(string.Join("; ", supplies))
                : context.Change is HugePagesChange { Reserve: true }
                    ? RuleCheck.Kept($"{string.Join("; ", missing)}; to be reserved first: {string.Join(", ", HugePageGrowth.For(context))}")
                    : RuleCheck.Broken($"The pools have too few free pages; {string.Join("; ", missing)}. Add -Reserve to reserve what is missing, or use Set-HugePagePool.");
        });

    /// <summary>Other programs cannot use the pages of a pool.</summary>
    public static TuningRule HugePagesLeaveHeadroom { get; } = new(
        nameof(HugePagesLeaveHeadroom), TuningArea.Memory, RuleSeverity.Warning,
        "Nothing else can use the pages of a pool, and they cannot be swapped: the host needs memory too.",
        "kernel document hugetlbpage; OpenStack Nova, reserved_huge_pages",
        static context =>
        {
            if (context.Change is not HugePagesChange { Enabled: true, Reserve: true } || HugePageGrowth.For(context) is not { Count: > 0 } growth)
            {
                return null;
            }

            var tight = from entry in growth
                        let free = context.Host.Nodes.First(node => node.Id == entry.Node).FreeMemoryKiB
                        let taken = entry.Pages * entry.PageSizeKiB
                        where free is not null && taken > free * HugePagePools.HeadroomLimit
                        select string.Create(CultureInfo.InvariantCulture, $"{PageSize.Rounded(taken)} of the {PageSize.Rounded(free.Value)} that are free on node {entry.Node} go into the pool");
            return RuleCheck.BrokenBy([.. tight], $"{string.Join(", ", growth)} leave more than a tenth of the free memory", "Leave the host headroom.");
        });

    /// <summary>If the limit for locked memory is too low, the kernel kills the VM.</summary>
    public static TuningRule LockedMemoryNeedsLimit { get; } = new(
        nameof(LockedMemoryNeedsLimit), TuningArea.Memory, RuleSeverity.Warning,
        "Locked memory cannot be swapped out: when QEMU with all it needs exceeds its hard limit, the kernel kills it.",
        "libvirt formatdomain, memoryBacking and memtune; libvirt 9.0 qemuDomainGetMemLockLimitBytes",
        static context => context.Change is not HugePagesChange || !context.After.Memory.Locked || context.After.Memory.HardLimitKiB is not { } limit
            ? null
            : limit < context.After.Memory.MaximumKiB + QemuOverheadKiB
                ? RuleCheck.Broken($"The hard limit of {PageSize.Rounded(limit)} leaves QEMU less than {PageSize.Rounded(QemuOverheadKiB)} beside the guest's {PageSize.Rounded(context.After.Memory.MaximumKiB)} of locked memory: the kernel may kill the VM. Raise it (virsh memtune --hard-limit), or do not lock the memory.")
                : RuleCheck.Kept($"the hard limit is {PageSize.Rounded(limit)}"));

    /// <summary>Transparent huge pages have the same effect without a pool.</summary>
    public static TuningRule TransparentHugePagesAreOn { get; } = new(
        nameof(TransparentHugePagesAreOn), TuningArea.Memory, RuleSeverity.Warning,
        "With transparent huge pages the kernel gives ordinary memory huge pages by itself: a pool may add little, and costs its memory.",
        "RHEL 7 Virtualization Tuning and Optimization Guide, huge pages; kernel document transhuge",
        static context => context.Change is not HugePagesChange { Enabled: true } || context.HostMemory?.TransparentHugePages is not { } mode
            ? null
            : mode == "always"
                ? RuleCheck.Broken("Transparent huge pages are on for all memory (/sys/kernel/mm/transparent_hugepage/enabled: always): the VM may have huge pages already. Measure whether the pool adds to that.")
                : RuleCheck.Kept($"transparent huge pages: {mode}"));

    /// <summary>Without a pool and without transparent huge pages only small pages are left.</summary>
    public static TuningRule OnlySmallPagesLeft { get; } = new(
        nameof(OnlySmallPagesLeft), TuningArea.Memory, RuleSeverity.Warning,
        "Without a pool, only transparent huge pages keep a guest's memory off small pages.",
        "kernel document transhuge",
        static context => context.Change is not HugePagesChange { Enabled: false } || context.HostMemory?.TransparentHugePages is not { } mode
            ? null
            : mode == "never"
                ? RuleCheck.Broken("Transparent huge pages are off (/sys/kernel/mm/transparent_hugepage/enabled: never): the VM's memory will be on small pages only.")
                : RuleCheck.Kept($"transparent huge pages: {mode}"));

    /// <summary>KSM does not merge huge pages.</summary>
    public static TuningRule HugePagesAreNotMerged { get; } = new(
        nameof(HugePagesAreNotMerged), TuningArea.Memory, RuleSeverity.Warning,
        "The kernel's page merging (KSM) does not merge huge pages: the memory that it saved on this VM is needed again.",
        "kernel document ksm; RHEL 7 Virtualization Tuning and Optimization Guide, KSM",
        static context => context.Change is not HugePagesChange { Enabled: true } || context.HostMemory?.MergesPages is not { } merges
            ? null
            : merges
                ? RuleCheck.Broken("The host merges equal pages (/sys/kernel/mm/ksm/run: 1), and this VM's memory will not be merged any more: it takes its full size.")
                : RuleCheck.Kept("the host does not merge pages"));

    /// <summary>All rules of this file.</summary>
    public static IReadOnlyList<TuningRule> All { get; } =
    [
        GigabytePagesNeedCpuFlag, HugePagesNeedHostSize, HugePagesNeedMount, HugePagesNeedImmediateAllocation, HugePagesNeedFileSource,
        HugePagesNeedWholePages, HugePageNodesAreGuestNodes, HugePagesNeedFreePages, HugePagesLeaveHeadroom, LockedMemoryNeedsLimit,
        TransparentHugePagesAreOn, OnlySmallPagesLeft, HugePagesAreNotMerged,
    ];

    // The pages that the VM needs after a change to huge pages; empty for other changes.
    private static IReadOnlyList<HugePageDemand> Demands(RuleContext context) =>
        context.Change is HugePagesChange { Enabled: true } ? HugePageDemand.Of(context.After, HugePageSupply.DefaultSize(context)) : [];

    private static List<long> Sizes(RuleContext context) => [.. Demands(context).Select(demand => demand.PageSizeKiB).Distinct().Order()];

    private static List<long> HostSizes(RuleContext context) =>
        [.. context.HostCpus.Nodes.SelectMany(node => node.PagePools.Select(pool => pool.PageSizeKiB).Order().Skip(1)).Distinct().Order()];

    private static string Texts(IEnumerable<long> sizes) => string.Join(" and ", sizes.Select(PageSize.Text));
}
