// Pools of huge pages on simulated hosts: pages that the kernel does not give, pages that stay in use, and settings that survive a restart.
using KvmTune.Hosts;
using KvmTune.Journal;
using KvmTune.Tests.Journal;
using KvmTune.Topology;
using KvmTune.Tuning.HugePages;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class HugePagePoolTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kvmtune-pools").FullName;

    [Theory]
    [InlineData(null, "etc/sysctl.d/50-mine.conf", "vm.nr_hugepages=64", 64L)]
    [InlineData(null, "etc/sysctl.conf", "-vm/nr_hugepages = 8", 8L)]
    [InlineData(null, "usr/lib/sysctl.d/10-vendor.conf", "# vm.nr_hugepages = 9", null)]
    [InlineData(null, "etc/tmpfiles.d/pages.conf", "w /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages - - - - 12", 12L)]
    [InlineData(1, "etc/tmpfiles.d/pages.conf", "w! /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages - - - - 7", 7L)]
    [InlineData(0, "etc/tmpfiles.d/pages.conf", "w /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages - - - - 7", null)]
    public void What_a_file_sets_a_pool_to_at_the_next_boot_is_known(int? node, string file, string line, long? expected)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_root, file))!);
        File.WriteAllLines(Path.Combine(_root, file), ["; a comment", line]);

        var boot = new PoolPersistence(new HostMemoryFacts { DefaultPageSizeKiB = 2048 }, _root).AtBoot(new HugePagePoolRequest(2048, 5, node)).SingleOrDefault();

        Assert.Equal(expected, boot?.Count);
        Assert.Equal(expected is null ? null : Path.Combine(_root, file), boot?.File);
    }

    [Fact]
    public void A_later_file_counts_and_one_of_the_same_name_in_etc_hides_the_vendors()
    {
        foreach (var (file, count) in new[] { ("usr/lib/sysctl.d/60-a.conf", 1), ("etc/sysctl.d/60-a.conf", 2), ("usr/lib/sysctl.d/70-b.conf", 3) })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_root, file))!);
            File.WriteAllText(Path.Combine(_root, file), $"vm.nr_hugepages = {count}\n");
        }

        Assert.Equal(3, new PoolPersistence(new HostMemoryFacts { DefaultPageSizeKiB = 2048 }, _root).AtBoot(new HugePagePoolRequest(2048, 5, null)).Single().Count);
    }

    [Fact]
    public void Entries_for_a_node_and_for_the_whole_host_concern_each_other()
    {
        var persistence = new PoolPersistence(new HostMemoryFacts { DefaultPageSizeKiB = 2048 }, _root);
        var node = new HugePagePoolRequest(2048, 512, 0);
        persistence.Write(node);
        Assert.Equal((512, 0), Entry(Assert.Single(persistence.AtBoot(new HugePagePoolRequest(2048, 100, null)))));
        Assert.Empty(persistence.AtBoot(new HugePagePoolRequest(2048, 512, null)));
        Assert.Empty(persistence.AtBoot(node));
        Assert.Empty(persistence.AtBoot(new HugePagePoolRequest(64, 100, null)));

        Directory.CreateDirectory(Path.Combine(_root, "etc/sysctl.d"));
        File.WriteAllText(Path.Combine(_root, "etc/sysctl.d/50-mine.conf"), "vm.nr_hugepages=64\n");
        Assert.Empty(persistence.AtBoot(node));
        Assert.Equal((64, null), Entry(Assert.Single(persistence.AtBoot(node with { Node = 1 }))));
        Assert.Equal([(64, null), (512, 0)], persistence.AtBoot(new HugePagePoolRequest(2048, 100, null)).Select(Entry));

        static (long Count, int? Node) Entry(PoolAtBoot boot) => (boot.Count, boot.Node);
    }

    [Fact]
    public void Lines_for_other_pools_that_a_request_removes_are_known_before()
    {
        var persistence = new PoolPersistence(new HostMemoryFacts { DefaultPageSizeKiB = 2048 }, _root);
        var (whole, node) = (new HugePagePoolRequest(2048, 1024, null), new HugePagePoolRequest(2048, 100, 1));
        Assert.Empty(persistence.Replaced(node));
        var sysctl = persistence.Write(whole)!;
        Assert.Empty(persistence.Replaced(whole with { Count = 5 }));
        Assert.Empty(persistence.Replaced(node with { PageSizeKiB = 64 }));
        Assert.Equal([(sysctl, "vm.nr_hugepages = 1024")], persistence.Replaced(node));

        var tmpfiles = persistence.Write(node)!;
        Assert.Empty(persistence.Replaced(node with { Node = 0 }));
        Assert.Equal((tmpfiles, Entries(tmpfiles).Single()), Assert.Single(persistence.Replaced(whole)));
    }

    [Fact]
    public async Task Undoing_a_pool_a_second_time_records_nothing()
    {
        using var folder = new JournalFolder();
        using var connection = new HostConnection("test:///default");
        var host = new FakeHost();
        var plan = host.Pools.Plan(new HugePagePoolRequest(2048, 100, 0));
        await folder.Journal.RecordHostChangeAsync(
            new HostChangeIntent { ConnectionUri = connection.Uri, Title = "pages", Request = plan.Request, FormerPools = [new HugePagePoolRequest(2048, 0, 0)] },
            () => host.Pools.Apply(plan), _ => { }, CancellationToken.None);
        var entry = Assert.Single(folder.Journal.Entries(new JournalFilter()));
        var undo = new PoolUndo(folder.Journal, connection, host.Pools);

        Assert.Single(await undo.UndoAsync(entry, force: false, _ => { }, CancellationToken.None));
        Assert.Equal(0, host.Pools.Read()[0].Total);
        Assert.Empty(await undo.UndoAsync(folder.Journal.Find(entry.Id), force: false, _ => { }, CancellationToken.None));
        Assert.Equal(2, folder.Journal.Entries(new JournalFilter()).Count);
    }

    [Fact]
    public void A_pool_is_set_and_read_back_on_its_node()
    {
        var host = new FakeHost();
        var result = host.Pools.Apply(host.Pools.Plan(new HugePagePoolRequest(2048, 300, 1)));

        Assert.Equal((0, 300), (result.CountBefore, result.Count));
        Assert.Equal([0L, 300L], host.Pools.Read().Select(pool => pool.Total));
        Assert.Equal("virsh -c qemu:///system allocpages 2048KiB 300 --cellno 1", result.VirshCommand);
        Assert.Equal("hugepagesz=2M hugepages=1:300", result.KernelCommandLine);
    }

    [Fact]
    public void A_pool_for_the_whole_host_is_spread_and_counted_per_node()
    {
        var host = new FakeHost();
        var result = host.Pools.Apply(host.Pools.Plan(new HugePagePoolRequest(2048, 300, null)));

        Assert.Equal(300, result.Count);
        Assert.Equal("hugepagesz=2M hugepages=0:150,1:150", result.KernelCommandLine);
    }

    [Fact]
    public void A_pool_that_ends_short_is_an_error_that_says_what_was_got_and_is_taken_back()
    {
        var host = new FakeHost { Capacity = 200 };
        host.Set(new HugePagePoolRequest(2048, 50, 1));

        var error = Assert.Throws<KvmTuneException>(() => host.Pools.Apply(host.Pools.Plan(new HugePagePoolRequest(2048, 300, 1))));

        Assert.Equal(HugePagePools.PoolShort, error.ErrorId);
        Assert.Contains("200 of 300 pages of 2 MiB on node 1", error.Message, StringComparison.Ordinal);
        Assert.Equal([0L, 50L], host.Pools.Read().Select(pool => pool.Total));
    }

    [Fact]
    public void More_pages_than_the_memory_are_refused_before_anything_is_tried()
    {
        var host = new FakeHost();
        var error = Assert.Throws<KvmTuneException>(() => host.Pools.Plan(new HugePagePoolRequest(2048, (FakeHost.NodeMemoryKiB / 2048) + 1, 0)));

        Assert.Equal(HugePagePools.PoolShort, error.ErrorId);
        Assert.Empty(host.Requests);
        host.Pools.Plan(new HugePagePoolRequest(2048, FakeHost.NodeMemoryKiB / 2048, 0));
    }

    [Fact]
    public void A_pool_that_takes_nearly_all_free_memory_is_warned_about()
    {
        var host = new FakeHost();
        var limit = (long)(FakeHost.FreeKiB * HugePagePools.HeadroomLimit) / 2048;

        Assert.Empty(host.Pools.Plan(new HugePagePoolRequest(2048, limit, 0)).Warnings);
        Assert.Contains("leave the host enough memory", Assert.Single(host.Pools.Plan(new HugePagePoolRequest(2048, limit + 1, 0)).Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Shrinking_below_what_is_in_use_leaves_surplus_pages_and_says_so()
    {
        var host = new FakeHost();
        host.Set(new HugePagePoolRequest(2048, 100, 0));
        host.InUse = 60;

        Assert.Empty(host.Pools.Plan(new HugePagePoolRequest(2048, 60, 0)).Warnings);
        var plan = host.Pools.Plan(new HugePagePoolRequest(2048, 59, 0));
        Assert.Contains("1 of them become surplus", Assert.Single(plan.Warnings), StringComparison.Ordinal);

        var result = host.Pools.Apply(plan);
        Assert.Equal(60, result.Count);
        Assert.Equal(1, result.After[0].Surplus);
        Assert.False(host.Pools.Plan(new HugePagePoolRequest(2048, 59, 0)).HasChanges);
    }

    [Fact]
    public void What_is_in_use_meanwhile_stays_when_a_pool_is_taken_back()
    {
        var host = new FakeHost();
        var before = host.Pools.Read();
        host.Set(new HugePagePoolRequest(2048, 100, 0));
        host.InUse = 60;

        host.Pools.Restore(before);

        Assert.Equal(60, host.Pools.Read()[0].Total);
    }

    [Fact]
    public void A_page_size_or_node_that_is_not_there_is_an_error()
    {
        var host = new FakeHost();
        var size = Assert.Throws<KvmTuneException>(() => host.Pools.Plan(new HugePagePoolRequest(1048576, 1, 0)));
        Assert.Equal("PageSizeNotSupported", size.ErrorId);
        Assert.Contains("It has: 2M", size.Message, StringComparison.Ordinal);
        Assert.Contains("pdpe1gb", size.Message, StringComparison.Ordinal);
        Assert.Equal("NodeNotFound", Assert.Throws<KvmTuneException>(() => host.Pools.Plan(new HugePagePoolRequest(2048, 1, 2))).ErrorId);
    }

    [Fact]
    public void The_whole_host_is_kept_by_a_sysctl_file_and_a_node_by_a_tmpfiles_entry_never_by_both()
    {
        var persistence = new PoolPersistence(new HostMemoryFacts { DefaultPageSizeKiB = 2048 }, _root);
        const string Node1 = "w /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages - - - - 300";

        var sysctl = persistence.Write(new HugePagePoolRequest(2048, 512, null));
        Assert.Equal(Path.Combine(_root, "etc/sysctl.d/90-kvmtune-hugepages.conf"), sysctl);
        Assert.Equal(["vm.nr_hugepages = 512"], Entries(sysctl));

        var tmpfiles = persistence.Write(new HugePagePoolRequest(2048, 300, 1));
        persistence.Write(new HugePagePoolRequest(2048, 100, 0));
        persistence.Write(new HugePagePoolRequest(2048, 300, 1));
        Assert.False(File.Exists(sysctl));
        Assert.Equal([Node1.Replace("node1", "node0", StringComparison.Ordinal).Replace("300", "100", StringComparison.Ordinal), Node1], Entries(tmpfiles));

        persistence.Write(new HugePagePoolRequest(64, 16, null));
        Assert.Equal(3, Entries(tmpfiles).Length);

        persistence.Write(new HugePagePoolRequest(2048, 512, null));
        Assert.Equal(["w /sys/kernel/mm/hugepages/hugepages-64kB/nr_hugepages - - - - 16"], Entries(tmpfiles));

        Assert.Null(persistence.Write(new HugePagePoolRequest(64, 0, null)));
        Assert.False(File.Exists(tmpfiles));
    }

    [Fact]
    public void Writing_the_same_again_changes_no_file_and_foreign_lines_stay()
    {
        var persistence = new PoolPersistence(new HostMemoryFacts { DefaultPageSizeKiB = 2048 }, _root);
        var file = persistence.Write(new HugePagePoolRequest(2048, 512, null))!;
        File.AppendAllText(file, "vm.swappiness = 10\n");
        var before = File.GetLastWriteTimeUtc(file);

        persistence.Write(new HugePagePoolRequest(2048, 512, null));
        Assert.Equal(["vm.swappiness = 10", "vm.nr_hugepages = 512"], Entries(file));
        persistence.Write(new HugePagePoolRequest(2048, 512, null));
        Assert.Equal(["vm.swappiness = 10", "vm.nr_hugepages = 512"], Entries(file));
        Assert.True(before <= File.GetLastWriteTimeUtc(file));
        Assert.Empty(Directory.EnumerateFiles(Path.GetDirectoryName(file)!, "*.new"));
    }

    [Fact]
    public void Pages_of_1_GiB_are_left_to_the_kernel_command_line()
    {
        Assert.True(PoolPersistence.IsPossible(2048));
        Assert.False(PoolPersistence.IsPossible(PageSize.GigabyteKiB));
        Assert.Equal("hugepagesz=1G hugepages=0:1,1:2", KernelCommandLine.For(PageSize.GigabyteKiB, new Dictionary<int, long> { [1] = 2, [0] = 1 }));
        Assert.Equal("hugepagesz=1G hugepages=3", KernelCommandLine.For(PageSize.GigabyteKiB, new Dictionary<int, long> { [0] = 3 }));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static string[] Entries(string? file) => [.. File.ReadAllLines(file!).Where(line => !line.StartsWith('#'))];

    // A host of two nodes whose kernel has memory for a given number of pages on each, and keeps the used pages of node 0.
    private sealed class FakeHost
    {
        public const long NodeMemoryKiB = 4 * 1024 * 1024;
        public const long FreeKiB = 2 * 1024 * 1024;

        private readonly long[] _sizes = [0, 0];

        public FakeHost() => Pools = new HugePagePools("qemu:///system", Topology, Kernel, Set);

        public HugePagePools Pools { get; }

        public long Capacity { get; init; } = long.MaxValue;

        public long InUse { get; set; }

        public List<HugePagePoolRequest> Requests { get; } = [];

        public void Set(HugePagePoolRequest request)
        {
            Requests.Add(request);
            for (var node = 0; node < 2; node++)
            {
                if ((request.Node ?? node) == node)
                {
                    _sizes[node] = Math.Min(request.Count / (request.Node is null ? 2 : 1), Capacity);
                }
            }
        }

        private long Total(int node) => Math.Max(_sizes[node], Used(node));

        private long Used(int node) => node == 0 ? InUse : 0;

        private HostMemoryFacts Kernel() => new()
        {
            HasGigabytePages = false,
            Pools = [.. Enumerable.Range(0, 2).Select(node => new KernelPagePool(node, 2048, Total(node), Total(node) - Used(node), Total(node) - _sizes[node]))],
        };

        private VMHostTopology Topology() => new()
        {
            ConnectionUri = "qemu:///system",
            HostName = "host",
            OnlineCpus = new CpuSet("0-1"),
            Nodes =
            [
                .. Enumerable.Range(0, 2).Select(node => new HostNode
                {
                    Id = node,
                    MemoryKiB = NodeMemoryKiB,
                    FreeMemoryKiB = FreeKiB,
                    Cpus = [],
                    PagePools = [new PagePool(node, 4, 1000, 10), new PagePool(node, 2048, Total(node), Total(node) - Used(node))],
                }),
            ],
        };
    }
}
