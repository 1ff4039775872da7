// Findings about the pages behind the guest's memory.
using System.Globalization;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.HugePages;

namespace KvmTune.Diagnosis.Findings;

/// <summary>Kinds of findings of the memory area.</summary>
public static class MemoryFindings
{
    /// <summary>
    /// The memory from which a guest is huge, in KiB: 16 GiB are four million small pages. Their page tables alone are 32 MiB, and no
    /// processor's TLB holds them (a second-level TLB has some 1,500 to 3,000 entries).
    /// </summary>
    public const long HugeGuestKiB = 16L * 1024 * 1024;

    private const string Pools = "libvirt: page pools of the host's nodes";

    /// <summary>Small pages, although the host's pool has enough huge ones.</summary>
    public static FindingKind MemoryNotOnHugePages { get; } = new(
        nameof(MemoryNotOnHugePages), TuningArea.Memory, FindingSeverity.Medium, WorkloadKinds.Memory,
        "The host has free huge pages, and the guest's memory is on small ones: each miss of the TLB walks two page tables.",
        "kernel document hugetlbpage; RHEL 7 Virtualization Tuning and Optimization Guide, huge pages",
        static context => IsOnSmallPages(context) && PoolThatFits(context) is { } size
            ?
            [
                new FindingObservation(
                    "memory",
                    [.. Facts(context), .. FreePages(context, size)],
                    $"Try huge pages of {PageSize.Text(size)} for the guest's memory.",
                    FindingRemedy.By(document => Change(context, document, size, reserve: false))),
            ]
            : []);

    /// <summary>A huge guest on small pages, without a pool that it fits in.</summary>
    public static FindingKind HugeGuestWithoutHugePages { get; } = new(
        nameof(HugeGuestWithoutHugePages), TuningArea.Memory, FindingSeverity.Medium, WorkloadKinds.Memory,
        "A guest of many gigabytes has millions of small pages: its page tables are in no cache, and each miss of the TLB walks two of them.",
        "RHEL 7 Virtualization Tuning and Optimization Guide, huge pages; kernel documents hugetlbpage, transhuge",
        static context => IsOnSmallPages(context) && context.Planned.Configuration.Memory.MaximumKiB >= HugeGuestKiB && PoolThatFits(context) is null
            ?
            [
                new FindingObservation(
                    "memory",
                    [.. Facts(context), .. Sizes(context).SelectMany(size => FreePages(context, size))],
                    "Try huge pages for the guest's memory, reserved for it first.",
                    Reserved(context)),
            ]
            : []);

    /// <summary>A balloon that takes memory from the guest and gives none to the host.</summary>
    public static FindingKind BalloonGivesNothingBack { get; } = new(
        nameof(BalloonGivesNothingBack), TuningArea.Memory, FindingSeverity.Medium, WorkloadKinds.Memory,
        "Memory on huge pages, and memory that a passed-through device may write to, stays with the VM: memory that the balloon takes from the guest does not return to the host.",
        "libvirt formatdomain, currentMemory; QEMU virtio-balloon; kernel document vfio",
        static context => context.Planned is var (source, vm) && context.IsQemu && vm.BalloonModel != "none" && vm.Memory.CurrentKiB < vm.Memory.MaximumKiB
            && (vm.Memory.UsesHugePages || vm.HasPassedThroughDevices)
            ?
            [
                new FindingObservation(
                    "memory",
                    [
                        new FindingEvidence("memory", PageSize.Rounded(vm.Memory.MaximumKiB), source),
                        new FindingEvidence("current memory", PageSize.Rounded(vm.Memory.CurrentKiB), source),
                        new FindingEvidence("stays with the VM", vm.Memory.UsesHugePages ? "huge pages" : "passed-through devices", source),
                    ],
                    "Try all of its memory for the guest, or less memory for the VM.",
                    FindingRemedy.None("the size of the memory is not among the settings that are changed here; virsh setmem --config")),
            ]
            : []);

    /// <summary>All kinds of this file.</summary>
    public static IReadOnlyList<FindingKind> All { get; } = [MemoryNotOnHugePages, HugeGuestWithoutHugePages, BalloonGivesNothingBack];

    private static bool IsOnSmallPages(FindingContext context) =>
        context.IsQemu && context.Planned.Configuration.Memory is { UsesHugePages: false, SourceType: not "anonymous", Allocation: not "ondemand", MaximumKiB: > 0 };

    // The huge page sizes of the host, its default one first: the smallest size of a node is its ordinary page.
    private static List<long> Sizes(FindingContext context)
    {
        var preferred = context.HostMemory?.DefaultPageSizeKiB;
        return
        [
            .. context.Host.Nodes.SelectMany(node => node.PagePools.Select(pool => pool.PageSizeKiB).Order().Skip(1)).Distinct()
                .OrderByDescending(size => size == preferred).ThenBy(size => size),
        ];
    }

    private static long? PoolThatFits(FindingContext context) => Sizes(context)
        .Where(size => context.Planned.Configuration.Memory.MaximumKiB % size == 0 && Supply(context, size) is { Count: > 0 } supplies && supplies.All(supply => supply.Missing == 0))
        .Cast<long?>().FirstOrDefault();

    private static IReadOnlyList<HugePageSupply>? Supply(FindingContext context, long size)
    {
        var vm = context.Planned.Configuration;
        var after = vm with { Memory = vm.Memory with { UsesHugePages = true, HugePages = [new HugePageBacking(size, null)] } };
        return HugePageSupply.For(context.ForRules(VcpuPinChange.Of(new Dictionary<int, CpuSet?>()), after));
    }

    private static FindingRemedy Reserved(FindingContext context)
    {
        if (Sizes(context) is not [var size, ..])
        {
            return FindingRemedy.None("the host has no huge pages of any size");
        }

        var free = context.Host.Nodes.Sum(node => node.FreeMemoryKiB);
        var missing = Supply(context, size)?.Sum(supply => supply.Missing * size);
        return free < missing
            ? FindingRemedy.None($"the pool would take {PageSize.Rounded(missing.Value)}, and the host has {PageSize.Rounded(free.Value)} of free memory")
            : FindingRemedy.By(document => Change(context, document, size, reserve: true));
    }

    private static HugePagesChange Change(FindingContext context, DomainDocument document, long size, bool reserve) => new()
    {
        Enabled = true,
        Pages = HugePagesChange.PagesWith(document, size, null),
        Reserve = reserve,
    };

    private static IEnumerable<FindingEvidence> Facts(FindingContext context)
    {
        var (source, vm) = context.Planned;
        yield return new FindingEvidence("memory", PageSize.Rounded(vm.Memory.MaximumKiB), source);
        yield return new FindingEvidence("huge pages", "(not set)", source);
        if (context.HostMemory?.TransparentHugePages is { } transparent)
        {
            yield return new FindingEvidence("transparent huge pages", transparent, "kernel: /sys/kernel/mm/transparent_hugepage/enabled");
        }
    }

    private static IEnumerable<FindingEvidence> FreePages(FindingContext context, long size) =>
        from node in context.Host.Nodes
        from pool in node.PagePools
        where pool.PageSizeKiB == size
        select new FindingEvidence(
            string.Create(CultureInfo.InvariantCulture, $"node {node.Id}, {PageSize.Text(size)} pages"),
            string.Create(CultureInfo.InvariantCulture, $"{pool.Total}, {pool.Free?.ToString(CultureInfo.InvariantCulture) ?? "unknown"} free"),
            Pools);
}
