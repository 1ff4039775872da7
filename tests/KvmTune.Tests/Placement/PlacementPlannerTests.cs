// The placement engine on drawn hosts, on the real hosts of libvirt's test data, and beside what peers do on the same hosts.
using System.Collections.Concurrent;
using KvmTune.Placement;
using KvmTune.Tests.Corpus;
using KvmTune.Tests.Tuning;
using KvmTune.Topology;
using Xunit;

namespace KvmTune.Tests.Placement;

public sealed class PlacementPlannerTests
{
    private const int Seed = 20240612;
    private const long GiB = 1024 * 1024;

    [Fact]
    public void The_properties_hold_for_ten_thousand_drawn_hosts()
    {
        var results = new (int Placed, int Refused, string? Broken)[10_000];
        Parallel.For(0, results.Length, number =>
        {
            var placement = PlacementPlanner.Plan(new PlacementCases(Seed + number).Draw());
            results[number] = (placement.VMs.Count, placement.Refusals.Count, PlacementProperties.Broken(placement).FirstOrDefault());
        });
        Assert.Empty(results.Select((result, number) => (result, number)).Where(entry => entry.result.Broken is not null).Select(entry => $"case {entry.number}: {entry.result.Broken}").Take(5));
        Assert.True(results.Sum(result => result.Placed) > 20_000, $"Only {results.Sum(result => result.Placed)} VMs were placed.");
        Assert.True(results.Sum(result => result.Refused) > 1000, $"Only {results.Sum(result => result.Refused)} VMs were refused.");
    }

    [SkippableFact]
    public void The_properties_hold_on_every_real_host_of_the_corpus()
    {
        var hosts = LibvirtCorpus.Capabilities();
        Assert.True(hosts.Count >= 10, $"The corpus has only {hosts.Count} hosts.");
        foreach (var document in hosts)
        {
            var host = CapabilitiesReader.Read(document.Xml, "qemu:///system", document.Name);
            for (var number = 0; number < 20; number++)
            {
                var placement = PlacementPlanner.Plan(new PlacementCases(Seed + number).Draw(host));
                Assert.Empty(PlacementProperties.Broken(placement).Select(wrong => $"{document.Name} {number}: {wrong}"));
            }
        }
    }

    [SkippableFact]
    public void A_single_vm_is_never_left_across_nodes_or_caches_where_a_peer_does_not()
    {
        var compared = 0;
        foreach (var request in Requests(2000).Select(request => request with { VMs = [request.VMs[0]], AllowOvercommit = false }))
        {
            var ours = PlacementPlanner.Plan(request).VMs.SingleOrDefault();
            foreach (var peer in Peers(request))
            {
                if (peer.Place(request.VMs[0]) is { } theirs)
                {
                    compared++;
                    Assert.True(ours is not null, $"{peer.GetType().Name} places what we refuse");
                    Assert.True(theirs.CrossesNodes || !ours.CrossesNodes, $"{peer.GetType().Name} keeps within a node what we do not");
                    Assert.True(theirs.CrossesCaches || !ours.CrossesCaches, $"{peer.GetType().Name} keeps within a cache what we do not");
                }
            }
        }

        Assert.True(compared > 1000, $"Only {compared} places of peers were compared.");
    }

    [SkippableFact]
    public void Of_several_vms_no_more_are_refused_or_left_across_nodes_or_caches_than_by_a_peer()
    {
        var worse = new ConcurrentBag<string>();
        Parallel.ForEach(Requests(2000).Select(request => request with { AllowOvercommit = false }), request =>
        {
            var ours = PlacementPlanner.Plan(request);
            var mine = (ours.Refusals.Count, ours.VMs.Count(vm => vm.CrossesNodes), ours.VMs.Count(vm => vm.CrossesCaches));
            foreach (var peer in Peers(request))
            {
                var places = request.VMs.Select(peer.Place).ToList();
                var theirs = (places.Count(place => place is null), places.Count(place => place?.CrossesNodes == true), places.Count(place => place?.CrossesCaches == true));
                if (mine.CompareTo(theirs) > 0)
                {
                    worse.Add($"{peer.GetType().Name}: {theirs}, ours: {mine} (refused, across nodes, across caches), {request.ThreadPolicy}, {request.VMs.Count} VMs, {request.Host.HostName}");
                }
            }
        });
        Assert.Empty(worse);
    }

    [SkippableFact]
    public void Emulators_are_off_the_vcpus_and_on_their_node_wherever_ovirts_choice_is()
    {
        var compared = 0;
        foreach (var request in Requests(1000).Select(request => request with { AllowOvercommit = false }))
        {
            var ours = PlacementPlanner.Plan(request);
            var vcpus = ours.VMs.SelectMany(vm => vm.VcpuPins.Values).Concat(request.Neighbours.SelectMany(neighbour => neighbour.VcpuPins.Values).SelectMany(pin => pin.Numbers)).ToHashSet();
            var siblings = request.Host.Cpus.ToDictionary(cpu => cpu.Id, cpu => cpu.Siblings);
            foreach (var vm in ours.VMs)
            {
                var theirs = OvirtHeuristic.ServiceCpus(request.Host, vm);
                var isOpen = theirs.Count > 0 && theirs.All(cpu => !request.ReservedCpus.Contains(cpu) && request.Host.IsolatedCpus?.Contains(cpu) != true);
                if (isOpen && theirs.All(cpu => !siblings[cpu].Numbers.Any(vcpus.Contains)))
                {
                    compared++;
                    Assert.DoesNotContain(vm.ServiceCpus.Numbers, cpu => siblings[cpu].Numbers.Any(vcpus.Contains));
                    Assert.Contains(request.Host.Nodes, node => vm.Nodes.Contains(node.Id) && vm.ServiceCpus.IsSubsetOf(node.CpuSet));
                }
            }
        }

        Assert.True(compared > 200, $"Only {compared} choices were compared.");
    }

    [Fact]
    public void A_vm_is_kept_within_one_cache_and_the_emulator_beside_it()
    {
        var host = WithCaches(RuleScene.Grid(nodes: 2, coresPerNode: 8, threads: 2), cpusPerCache: 8);
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 4)] }).VMs);
        Assert.False(placed.CrossesCaches);
        Assert.Equal(4, placed.VcpuPins.Values.Select(cpu => cpu / 2).Distinct().Count());
        Assert.False(placed.ServiceCpus.Overlaps(placed.VcpuCpus));
        Assert.Contains(placed.Reasons, reason => reason.Contains("One thread on each of 4 cores", StringComparison.Ordinal));
        Assert.Empty(placed.Shared);
    }

    [Fact]
    public void Memory_decides_where_cpus_would_do()
    {
        var host = WithFree(RuleScene.Grid(nodes: 2, coresPerNode: 8, threads: 1), 2 * GiB, 12 * GiB);
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 2) with { MemoryKiB = 8 * GiB }] }).VMs);
        Assert.Equal(new CpuSet(1), placed.Nodes);
        Assert.Equal(new CpuSet(1), placed.MemoryNodes);
        Assert.Contains(placed.Reasons, reason => reason.Contains("node 0 has too little memory (2 GiB)", StringComparison.Ordinal));
    }

    [Fact]
    public void Huge_pages_decide_by_the_pool_of_each_node()
    {
        var grid = RuleScene.Grid(nodes: 2, coresPerNode: 8, threads: 1);
        var host = grid with { Nodes = [.. grid.Nodes.Select(node => node with { PagePools = [new PagePool(node.Id, 4, 1, 1), new PagePool(node.Id, 2048, 4096, node.Id * 2048)] })] };
        var vm = Vm("db01", 2) with { MemoryKiB = 2 * GiB, PageSizeKiB = 2048 };
        Assert.Equal(new CpuSet(1), Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [vm] }).VMs).Nodes);
        var refused = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [vm with { MemoryKiB = 5 * GiB }] }).Refusals);
        Assert.Equal("HostMemoryShort", refused.ErrorId);
        Assert.Contains("node 0: 0 KiB, node 1: 4 GiB", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ThreadPolicy.Prefer, 4, "one thread each while there are cores")]
    [InlineData(ThreadPolicy.Require, 2, "whole cores")]
    [InlineData(ThreadPolicy.Isolate, 4, "siblings idle")]
    public void The_thread_policy_decides_how_many_cores_are_taken(ThreadPolicy policy, int cores, string why)
    {
        var request = new PlacementRequest { Host = RuleScene.Grid(1, 8, 2), VMs = [Vm("db01", 4), Vm("db02", 2)], ThreadPolicy = policy };
        var placement = PlacementPlanner.Plan(request);
        Assert.Equal(cores, placement.VMs[0].VcpuPins.Values.Select(cpu => cpu / 2).Distinct().Count());
        Assert.False(placement.VMs[0].VcpuPins.Values.Select(cpu => cpu / 2).Intersect(placement.VMs[1].VcpuPins.Values.Select(cpu => cpu / 2)).Any(), why);
    }

    [Fact]
    public void Threads_of_the_guests_cores_are_laid_on_siblings()
    {
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(1, 8, 2), VMs = [Vm("db01", 4) with { GuestThreads = 2 }] }).VMs);
        Assert.Equal(placed.VcpuPins[0] / 2, placed.VcpuPins[1] / 2);
        Assert.Equal(placed.VcpuPins[2] / 2, placed.VcpuPins[3] / 2);
        Assert.NotEqual(placed.VcpuPins[0] / 2, placed.VcpuPins[2] / 2);
    }

    [Fact]
    public void Overcommit_is_refused_with_the_figures_and_allowed_when_asked_for()
    {
        var request = new PlacementRequest { Host = RuleScene.Flat(4), VMs = [Vm("db01", 5)], ReservedCpus = new CpuSet(0) };
        var refused = Assert.Single(PlacementPlanner.Plan(request).Refusals);
        Assert.Equal("HostCpusOvercommitted", refused.ErrorId);
        Assert.Contains("needs 5 host CPUs of its own, and of the 4 online CPUs of the host 3 are free", refused.Message, StringComparison.Ordinal);
        var placed = Assert.Single(PlacementPlanner.Plan(request with { AllowOvercommit = true }).VMs);
        Assert.Equal(new CpuSet("1-3"), placed.VcpuCpus);
        Assert.NotEmpty(placed.Shared);
        var whole = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(1, 2, 2), VMs = [Vm("db01", 3)], ThreadPolicy = ThreadPolicy.Isolate }).Refusals);
        Assert.Equal("NoWholeCores", whole.ErrorId);
    }

    [Fact]
    public void A_guest_too_large_for_a_node_is_split_along_its_cells()
    {
        var vm = Vm("db01", 12) with { Cells = [new GuestNumaCell(0, new CpuSet("0-5"), GiB / 2), new GuestNumaCell(1, new CpuSet("6-11"), GiB / 2)] };
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(2, 8, 1), VMs = [vm] }).VMs);
        Assert.Equal([0, 1], placed.CellNodes.Keys.Order());
        Assert.Equal(placed.CellNodes[0], placed.VcpuPins[0] / 8);
        Assert.Equal(placed.CellNodes[1], placed.VcpuPins[11] / 8);
        var spread = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(2, 8, 1), VMs = [vm with { Cells = [] }] }).VMs);
        Assert.Contains(spread.Reasons, reason => reason.Contains("give it NUMA cells", StringComparison.Ordinal));
    }

    [Fact]
    public void Isolated_cpus_are_left_alone_or_used_for_vcpus_only()
    {
        var host = RuleScene.Flat(8) with { IsolatedCpus = new CpuSet("4-7") };
        var left = PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 3)] });
        Assert.False(left.VMs[0].VcpuCpus.Overlaps(host.IsolatedCpus));
        Assert.Contains(left.Advice, finding => finding.RuleId == "IsolatedCpusLeftAlone");
        var used = PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 3)], UseIsolatedCpus = true });
        Assert.True(used.VMs[0].VcpuCpus.IsSubsetOf(host.IsolatedCpus));
        Assert.False(used.VMs[0].ServiceCpus.Overlaps(host.IsolatedCpus));
        Assert.DoesNotContain(used.Advice, finding => finding.RuleId == "IsolatedCpusLeftAlone");
    }

    [Fact]
    public void Pinning_is_advised_against_where_it_does_not_pay()
    {
        List<PlacementNeighbour> Unpinned(int count, int vcpus) => [.. Enumerable.Range(0, count).Select(number => new PlacementNeighbour { Name = $"vm{number}", Vcpus = vcpus })];
        var alone = new PlacementRequest { Host = RuleScene.Flat(8), VMs = [Vm("db01", 2)] };
        Assert.Empty(PlacementPlanner.Plan(alone).Advice);
        Assert.Equal(["SmallHostSharedWithUnpinned"], PlacementPlanner.Plan(alone with { Neighbours = Unpinned(1, 2) }).Advice.Select(finding => finding.RuleId));
        Assert.Contains(PlacementPlanner.Plan(alone with { Neighbours = Unpinned(4, 2) }).Advice, finding => finding.RuleId == "PinningLeavesTooFewCpus" && finding.Evidence.Contains("6 host CPUs stay", StringComparison.Ordinal));
        Assert.Contains(PlacementPlanner.Plan(alone with { Neighbours = Unpinned(8, 1) }).Advice, finding => finding.RuleId == "PinningTakesFreedom");
        Assert.Empty(PlacementPlanner.Plan(alone with { Host = RuleScene.Flat(48), Neighbours = Unpinned(7, 2) }).Advice);
    }

    [Fact]
    public void Memory_that_a_vm_holds_comes_back_to_it_when_it_moves()
    {
        var host = WithFree(RuleScene.Grid(2, 4, 1), GiB, GiB);
        var vm = Vm("db01", 2) with { MemoryKiB = 4 * GiB };
        Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [vm] }).Refusals);
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [vm with { HeldMemoryKiB = new Dictionary<int, long> { [1] = 4 * GiB } }] }).VMs);
        Assert.Equal(new CpuSet(1), placed.Nodes);
    }

    private static IEnumerable<PlacementRequest> Requests(int drawn)
    {
        foreach (var document in LibvirtCorpus.Capabilities())
        {
            var host = CapabilitiesReader.Read(document.Xml, "qemu:///system", document.Name);
            for (var number = 0; number < 10; number++)
            {
                yield return new PlacementCases(Seed + number).Draw(host);
            }
        }

        for (var number = 0; number < drawn; number++)
        {
            yield return new PlacementCases(Seed - 1 - number).Draw();
        }
    }

    private static PeerHeuristic[] Peers(PlacementRequest request) => [new NovaHeuristic(request), new LeastLoadedCacheHeuristic(request)];

    private static PlacementVM Vm(string name, int vcpus) => new() { Name = name, Vcpus = vcpus, MemoryKiB = GiB };

    private static VMHostTopology WithFree(VMHostTopology host, params long[] free) =>
        host with { Nodes = [.. host.Nodes.Select((node, index) => node with { FreeMemoryKiB = free[index] })] };

    private static VMHostTopology WithCaches(VMHostTopology host, int cpusPerCache) => host with
    {
        Caches = [.. host.Cpus.Select(cpu => cpu.Id).Chunk(cpusPerCache).Select((cpus, index) => new HostCache(index, 3, "both", 16 * 1024, CpuSet.Of(cpus)))],
    };
}
