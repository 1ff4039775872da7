// For each rule of huge pages, a test that breaks it and one that just keeps it, on the capabilities of a real host with two nodes.
using KvmTune.Hosts;
using KvmTune.Tests.Corpus;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class MemoryRuleTests
{
    private const string TwoCells = "<cpu><numa><cell id='0' cpus='0-1' memory='524288'/><cell id='1' cpus='2-3' memory='524288'/></numa></cpu>";

    private static readonly HostMemoryFacts Kernel = new()
    {
        Mounts = [new HugePageMount("/dev/hugepages", 2048)],
        DefaultPageSizeKiB = 2048,
        TransparentHugePages = "madvise",
        MergesPages = false,
        HasGigabytePages = true,
    };

    [SkippableFact]
    public void A_host_total_does_not_hide_that_the_bound_node_has_too_few_free_pages()
    {
        // 512 pages are needed on node 1; the host has far more.
        var bound = RuleScene.Vm(inside: "<numatune><memory mode='strict' nodeset='1'/></numatune>");
        Scene(Enable(), bound, Host(4000, 511)).Breaks(MemoryRules.HugePagesNeedFreePages, "on node 1", "512 pages of 2 MiB", "free: 511", "-Reserve");
        Scene(Enable(), bound, Host(0, 512)).Keeps(MemoryRules.HugePagesNeedFreePages);

        // "strict" is libvirt's default; in the other modes the kernel may use other nodes.
        Scene(Enable(), bound.Replace("mode='strict' ", string.Empty, StringComparison.Ordinal), Host(4000, 511)).Breaks(MemoryRules.HugePagesNeedFreePages, "on node 1");
        Scene(Enable(), bound.Replace("strict", "restrictive", StringComparison.Ordinal), Host(4000, 511)).Breaks(MemoryRules.HugePagesNeedFreePages, "on node 1");
        Scene(Enable(), bound.Replace("strict", "preferred", StringComparison.Ordinal), Host(4000, 511)).Keeps(MemoryRules.HugePagesNeedFreePages);
    }

    [SkippableFact]
    public void A_vm_that_is_bound_to_no_node_takes_its_pages_from_all()
    {
        Scene(Enable(), RuleScene.Vm(), Host(255, 256)).Breaks(MemoryRules.HugePagesNeedFreePages, "on the host", "free: 511");
        Scene(Enable(), RuleScene.Vm(), Host(256, 256)).Keeps(MemoryRules.HugePagesNeedFreePages);
    }

    [SkippableFact]
    public void Each_guest_cell_needs_its_pages_on_the_nodes_of_its_own_policy()
    {
        var cells = RuleScene.Vm(inside: TwoCells
            + "<numatune><memory mode='strict' nodeset='0-1'/><memnode cellid='1' mode='strict' nodeset='1'/></numatune>");

        // Cell 1 needs 256 pages on node 1; cell 0 takes the remaining pages of either.
        Scene(Enable(), cells, Host(1000, 255)).Breaks(MemoryRules.HugePagesNeedFreePages, "on node 1", "free: 255");
        Scene(Enable(), cells, Host(0, 511)).Breaks(MemoryRules.HugePagesNeedFreePages, "on node 0-1", "free: 255");
        Scene(Enable(), cells, Host(200, 312)).Keeps(MemoryRules.HugePagesNeedFreePages);
    }

    [SkippableFact]
    public void Pages_that_the_running_vm_holds_come_back_when_it_stops()
    {
        var onHugePages = RuleScene.Vm(inside: "<memoryBacking><hugepages><page size='2048' unit='KiB'/></hugepages></memoryBacking>");
        var scene = Scene(Enable() with { Locked = true }, onHugePages, Host(0, 0));

        scene.Breaks(MemoryRules.HugePagesNeedFreePages, "free: 0");
        (scene with { IsRunning = true }).Keeps(MemoryRules.HugePagesNeedFreePages);
    }

    [SkippableFact]
    public void Missing_pages_that_are_to_be_reserved_are_not_missing_and_go_where_the_vm_runs()
    {
        var pinned = RuleScene.Vm(inside: $"<cputune><vcpupin vcpu='0' cpuset='{Host(0, 0).Nodes[1].CpuSet.Numbers[0]}'/></cputune>");
        var check = Judged(Enable() with { Reserve = true }, pinned, Host(0, 100), MemoryRules.HugePagesNeedFreePages);

        Assert.True(check.IsKept);
        Assert.Contains("412 pages of 2 MiB on node 1", check.Evidence, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_reservation_that_leaves_the_node_no_headroom_is_warned_about()
    {
        var bound = RuleScene.Vm(inside: "<numatune><memory mode='strict' nodeset='1'/></numatune>");
        var change = Enable() with { Reserve = true };
        const long GibiKiB = 1024 * 1024;

        Scene(change, bound, WithFreeMemory(Host(0, 0), (GibiKiB * 10 / 9) + 1)).Keeps(MemoryRules.HugePagesLeaveHeadroom);
        Scene(change, bound, WithFreeMemory(Host(0, 0), GibiKiB * 10 / 9)).Breaks(MemoryRules.HugePagesLeaveHeadroom, "1 GiB", "node 1");
        Scene(Enable(), bound, WithFreeMemory(Host(0, 512), 1)).IsSilent(MemoryRules.HugePagesLeaveHeadroom);
    }

    [SkippableFact]
    public void A_page_size_that_the_host_has_not_is_refused()
    {
        Scene(Enable(16384), RuleScene.Vm(), Host(999, 999)).Breaks(MemoryRules.HugePagesNeedHostSize, "16 MiB", "2M, 1G");
        Scene(Enable(1048576), RuleScene.Vm(), Host(999, 999)).Keeps(MemoryRules.HugePagesNeedHostSize);
        Scene(Enable(4), RuleScene.Vm(), Host(999, 999)).Breaks(MemoryRules.HugePagesNeedHostSize, "4 KiB");
    }

    [SkippableFact]
    public void Pages_of_1_GiB_need_the_cpu_flag()
    {
        var scene = Scene(Enable(1048576), RuleScene.Vm(), Host(999, 999));
        (scene with { HostMemory = Kernel with { HasGigabytePages = false } }).Breaks(MemoryRules.GigabytePagesNeedCpuFlag, "pdpe1gb");
        scene.Keeps(MemoryRules.GigabytePagesNeedCpuFlag);
        (scene with { HostMemory = null }).IsSilent(MemoryRules.GigabytePagesNeedCpuFlag);
        (scene with { Change = Enable() }).IsSilent(MemoryRules.GigabytePagesNeedCpuFlag);
    }

    [SkippableFact]
    public void Each_page_size_needs_a_mount_of_its_own()
    {
        var scene = Scene(Enable(1048576), RuleScene.Vm(), Host(999, 999));
        scene.Breaks(MemoryRules.HugePagesNeedMount, "1 GiB", "mount -t hugetlbfs -o pagesize=1G");
        (scene with { HostMemory = Kernel with { Mounts = [.. Kernel.Mounts, new HugePageMount("/dev/hugepages1G", 1048576)] } }).Keeps(MemoryRules.HugePagesNeedMount);
        (scene with { Change = Enable() }).Keeps(MemoryRules.HugePagesNeedMount);
        (scene with { Change = Enable(null) }).Keeps(MemoryRules.HugePagesNeedMount);
        (scene with { HostMemory = null }).IsSilent(MemoryRules.HugePagesNeedMount);
    }

    [Fact]
    public void Memory_that_is_allocated_on_demand_is_refused()
    {
        new RuleScene { Change = Enable(), Xml = Backed("<allocation mode='ondemand'/>") }.Breaks(MemoryRules.HugePagesNeedImmediateAllocation, "ondemand");
        new RuleScene { Change = Enable(), Xml = Backed("<allocation mode='immediate'/>") }.Keeps(MemoryRules.HugePagesNeedImmediateAllocation);
        new RuleScene { Change = Disable(), Xml = Backed("<allocation mode='ondemand'/>") }.IsSilent(MemoryRules.HugePagesNeedImmediateAllocation);
    }

    [Fact]
    public void Anonymous_memory_is_refused()
    {
        new RuleScene { Change = Enable(), Xml = Backed("<source type='anonymous'/>") }.Breaks(MemoryRules.HugePagesNeedFileSource, "anonymous");
        new RuleScene { Change = Enable(), Xml = Backed("<source type='memfd'/>") }.Keeps(MemoryRules.HugePagesNeedFileSource);
        new RuleScene { Change = Disable(), Xml = Backed("<source type='anonymous'/>") }.IsSilent(MemoryRules.HugePagesNeedFileSource);
    }

    [Fact]
    public void Memory_that_does_not_fill_whole_pages_is_refused()
    {
        var odd = RuleScene.Vm().Replace(">1048576<", ">1048577<", StringComparison.Ordinal);
        new RuleScene { Change = Enable(), Xml = odd }.Breaks(MemoryRules.HugePagesNeedWholePages, "1048577 KiB", "2 MiB", "1050624 KiB");
        new RuleScene { Change = Enable() }.Keeps(MemoryRules.HugePagesNeedWholePages);
        new RuleScene { Change = Enable(1048576) }.Keeps(MemoryRules.HugePagesNeedWholePages);

        var oddCell = RuleScene.Vm(inside: TwoCells.Replace("memory='524288'/></numa>", "memory='524289'/></numa>", StringComparison.Ordinal));
        new RuleScene { Change = Enable(), Xml = oddCell }.Breaks(MemoryRules.HugePagesNeedWholePages);
        new RuleScene { Change = Enable(2048, "0"), Xml = oddCell }.Keeps(MemoryRules.HugePagesNeedWholePages);
    }

    [Fact]
    public void The_nodes_of_a_page_size_are_the_guests()
    {
        new RuleScene { Change = Enable(2048, "1") }.Breaks(MemoryRules.HugePageNodesAreGuestNodes, "node 1", "only 0", "numatune");
        new RuleScene { Change = Enable(2048, "0") }.Keeps(MemoryRules.HugePageNodesAreGuestNodes);
        new RuleScene { Change = Enable(2048, "0-1"), Xml = RuleScene.Vm(inside: TwoCells) }.Keeps(MemoryRules.HugePageNodesAreGuestNodes);
        new RuleScene { Change = Enable(2048, "2"), Xml = RuleScene.Vm(inside: TwoCells) }.Breaks(MemoryRules.HugePageNodesAreGuestNodes, "node 2", "0-1");
    }

    [Fact]
    public void Locked_memory_under_a_limit_that_is_too_low_is_warned_about()
    {
        // 1 GiB for the guest and 1 GiB for QEMU.
        static string Limit(long kibibytes) => RuleScene.Vm(inside: $"<memtune><hard_limit unit='KiB'>{kibibytes}</hard_limit></memtune>");
        var change = Enable() with { Locked = true };
        new RuleScene { Change = change, Xml = Limit((2 * 1024 * 1024) - 1) }.Breaks(MemoryRules.LockedMemoryNeedsLimit, "hard-limit");
        new RuleScene { Change = change, Xml = Limit(2 * 1024 * 1024) }.Keeps(MemoryRules.LockedMemoryNeedsLimit);
        new RuleScene { Change = change }.IsSilent(MemoryRules.LockedMemoryNeedsLimit);
        new RuleScene { Change = Enable(), Xml = Limit(1) }.IsSilent(MemoryRules.LockedMemoryNeedsLimit);
    }

    [Fact]
    public void What_transparent_huge_pages_make_of_the_change_is_said()
    {
        var enabling = new RuleScene { Change = Enable(), HostMemory = Kernel };
        (enabling with { HostMemory = Kernel with { TransparentHugePages = "always" } }).Breaks(MemoryRules.TransparentHugePagesAreOn, "always");
        enabling.Keeps(MemoryRules.TransparentHugePagesAreOn);
        (enabling with { HostMemory = null }).IsSilent(MemoryRules.TransparentHugePagesAreOn);

        var disabling = enabling with { Change = Disable() };
        (disabling with { HostMemory = Kernel with { TransparentHugePages = "never" } }).Breaks(MemoryRules.OnlySmallPagesLeft, "never");
        disabling.Keeps(MemoryRules.OnlySmallPagesLeft);
        disabling.IsSilent(MemoryRules.TransparentHugePagesAreOn);
    }

    [Fact]
    public void Page_merging_that_passes_huge_pages_by_is_named()
    {
        new RuleScene { Change = Enable(), HostMemory = Kernel with { MergesPages = true } }.Breaks(MemoryRules.HugePagesAreNotMerged, "ksm/run");
        new RuleScene { Change = Enable(), HostMemory = Kernel }.Keeps(MemoryRules.HugePagesAreNotMerged);
        new RuleScene { Change = Disable(), HostMemory = Kernel with { MergesPages = true } }.IsSilent(MemoryRules.HugePagesAreNotMerged);
    }

    private static HugePagesChange Enable(long? pageSizeKiB = 2048, string? guestNodes = null) => new()
    {
        Enabled = true,
        Pages = HugePagesChange.PagesWith([], pageSizeKiB, guestNodes is null ? null : new CpuSet(guestNodes)),
    };

    private static HugePagesChange Disable() => Enable(null) with { Enabled = false };

    private static string Backed(string inside) => RuleScene.Vm(inside: $"<memoryBacking>{inside}</memoryBacking>");

    private static RuleScene Scene(VMChange change, string xml, VMHostTopology host) => new() { Change = change, Xml = xml, Host = host, HostMemory = Kernel };

    private static RuleCheck Judged(VMChange change, string xml, VMHostTopology host, TuningRule rule)
    {
        var document = DomainDocument.Parse(xml);
        change.Edit(document);
        var facts = new VMFacts(false, true, null, DomainXmlReader.Read(xml));
        return rule.Check(new RuleContext(change, facts, document.ToConfiguration(), () => host, () => VMNeighbours.None, () => Kernel))!;
    }

    // A real host of two nodes, with this many free pages of 2 MiB on each, because libvirt's documents do not report free pages.
    private static VMHostTopology Host(long freeOnNode0, long freeOnNode1)
    {
        var document = LibvirtCorpus.Capabilities().Single(document => document.Name.EndsWith("vircaps-x86_64-resctrl.xml", StringComparison.Ordinal));
        var host = CapabilitiesReader.Read(document.Xml, "qemu:///system", "host");
        Assert.Equal(2, host.Nodes.Count);
        return host with
        {
            Nodes =
            [
                .. host.Nodes.Select((node, index) => node with
                {
                    PagePools = [.. node.PagePools.Select(pool => pool with { Free = pool.PageSizeKiB == 2048 ? index == 0 ? freeOnNode0 : freeOnNode1 : pool.Total })],
                }),
            ],
        };
    }

    private static VMHostTopology WithFreeMemory(VMHostTopology host, long kibibytes) =>
        host with { Nodes = [.. host.Nodes.Select(node => node with { FreeMemoryKiB = kibibytes })] };
}
