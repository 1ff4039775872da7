// The placement engine on random hosts, on the real hosts of libvirt's test data, and compared with other programs' rules on the same hosts.
using System.Collections.Concurrent;
using System.Globalization;
using KvmTune.Placement;
using KvmTune.Tests.Corpus;
using KvmTune.Tests.Tuning;
using KvmTune.Topology;
using Xunit;

namespace KvmTune.Tests.Placement;

public sealed class PlacementPlannerTests
{
    // To test with other random hosts: KVMTUNE_TEST_SEED=1 dotnet test --filter PlacementPlannerTests
    private static readonly int Seed = int.Parse(Environment.GetEnvironmentVariable("KVMTUNE_TEST_SEED") ?? "20240612", CultureInfo.InvariantCulture);
    private const long GiB = 1024 * 1024;
    private const int OddDraws = 100;

    [Fact]
    public void The_properties_hold_for_drawn_hosts()
    {
        var results = new (int Placed, int Refused, string? Broken)[Draws(3000)];
        Parallel.For(0, results.Length, number =>
        {
            var placement = PlacementPlanner.Plan(new PlacementCases(Seed + number).Draw());
            results[number] = (placement.VMs.Count, placement.Refusals.Count, PlacementProperties.Broken(placement).FirstOrDefault());
        });
        Assert.Empty(results.Select((result, number) => (result, number)).Where(entry => entry.result.Broken is not null).Select(entry => $"case {entry.number}: {entry.result.Broken}").Take(5));
        Assert.True(results.Sum(result => result.Placed) > 2 * results.Length, $"Only {results.Sum(result => result.Placed)} VMs were placed.");
        Assert.True(results.Sum(result => result.Refused) > results.Length / 10, $"Only {results.Sum(result => result.Refused)} VMs were refused.");
    }

    [Fact]
    public void The_properties_hold_on_odd_hosts_and_where_vms_are_pinned_already()
    {
        var results = new string?[OddDraws];
        Parallel.For(0, results.Length, number =>
        {
            var placement = PlacementPlanner.Plan(new PlacementCases(Seed + number).DrawOdd());
            results[number] = PlacementProperties.Broken(placement).FirstOrDefault();
        });
        Assert.Empty(results.Select((broken, number) => (broken, number)).Where(entry => entry.broken is not null).Select(entry => $"case {entry.number}: {entry.broken}").Take(5));
    }

    [SkippableFact]
    public void The_properties_hold_on_every_real_host_of_the_corpus()
    {
        var hosts = LibvirtCorpus.Capabilities();
        Assert.True(hosts.Count >= 10, $"The corpus has only {hosts.Count} hosts.");
        foreach (var document in hosts)
        {
            var host = CapabilitiesReader.Read(document.Xml, "qemu:///system", document.Name);
            for (var number = 0; number < Draws(20) + 3; number++)
            {
                var placement = PlacementPlanner.Plan(new PlacementCases(Seed + number).Draw(host));
                Assert.Empty(PlacementProperties.Broken(placement).Select(wrong => $"{document.Name} {number}: {wrong}"));
            }
        }
    }

    [Fact]
    public void On_small_hosts_no_placement_is_better_than_ours_by_exhaustive_search()
    {
        var worse = new ConcurrentBag<string>();
        var ordinary = Draws(4000);
        Parallel.For(0, ordinary + OddDraws, number =>
        {
            var request = new PlacementCases(Seed + number).DrawSmall(hasMemoryNode: number >= ordinary);
            var exhaustive = new ExhaustivePlacement(request);
            var (best, ours) = (exhaustive.Best(), exhaustive.Judge(PlacementPlanner.Plan(request)));
            if (best.Zip(ours).Select(pair => pair.First.CompareTo(pair.Second)).FirstOrDefault(difference => difference != 0) < 0)
            {
                worse.Add($"case {number}: best {string.Join(' ', best)}, ours {string.Join(' ', ours)}, {request.ThreadPolicy}, {string.Join(", ", request.VMs.Select(vm => $"{vm.Vcpus} vCPUs"))} on {request.Host.OnlineCpus}");
            }
        });
        Assert.True(worse.IsEmpty, $"{worse.Count}: {string.Join(Environment.NewLine, worse.Take(8))}");
    }

    [Fact]
    public void The_order_of_the_vms_makes_no_difference()
    {
        for (var number = 0; number < Draws(400); number++)
        {
            var request = new PlacementCases(Seed + number).Draw();
            var shuffled = request.VMs.ToArray();
            new Random(number).Shuffle(shuffled);
            Assert.Equal(Words(PlacementPlanner.Plan(request)), Words(PlacementPlanner.Plan(request with { VMs = shuffled })));
        }
    }

    [Fact]
    public void Asked_again_where_all_sit_as_planned_it_moves_nothing()
    {
        for (var number = 0; number < Draws(400); number++)
        {
            var request = new PlacementCases(Seed + number).Draw();
            var first = PlacementPlanner.Plan(request);
            var again = PlacementPlanner.Plan(request with { VMs = [.. request.VMs.Select(vm => first.VMs.FirstOrDefault(placed => placed.VMName == vm.Name) is { } placed ? AsPlaced(vm, placed) : vm)] });
            Assert.True(Words(first).SequenceEqual(Words(again)), $"case {number}: {first.Aims}, then {again.Aims}: {string.Join("; ", Words(first).Except(Words(again)))} becomes {string.Join("; ", Words(again).Except(Words(first)))}");
        }
    }

    [SkippableFact]
    public void Peers_are_never_better_by_the_order_of_aims()
    {
        var (worse, compared) = (new ConcurrentBag<string>(), 0);
        // Read before the parallel loop: a skip of this test inside Parallel.ForEach would be reported as a failure.
        PlacementRequest[] requests = [.. Requests(Draws(1500)).Select(request => request with
        {
            AllowOvercommit = false,
            VMs = [.. request.VMs.Select(vm => vm with { UnpluggedVcpus = CpuSet.Empty, IsRealTime = false, Cells = [] })],
        })];
        Parallel.ForEach(requests, request =>
        {
            var ours = PlacementPlanner.Plan(request).Aims;
            foreach (var peer in Peers(request))
            {
                Interlocked.Increment(ref compared);
                var theirs = PeerAims(request, peer);
                if (theirs < (ours with { Services = 0, Disturbed = 0, Reserve = 0, MovedNodes = 0 }))
                {
                    worse.Add($"{peer.GetType().Name}: {theirs}, ours: {ours}, {request.ThreadPolicy}, {request.VMs.Count} VMs, {request.Host.HostName}");
                }
            }
        });
        Assert.True(compared > Draws(1000), $"Only {compared} were compared.");
        Assert.True(worse.IsEmpty, $"{worse.Count}: {string.Join(Environment.NewLine, worse.Take(5))}");
    }

    [SkippableFact]
    public void Emulators_are_off_the_vcpus_and_on_their_node_wherever_ovirts_choice_is()
    {
        var compared = 0;
        foreach (var request in Requests(Draws(1000)).Select(request => request with { AllowOvercommit = false }))
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

        Assert.True(compared >= Draws(160), $"Only {compared} choices were compared.");
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

    [Theory]
    [InlineData(2, 3, "0,4", 4, 2, 1)]
    [InlineData(4, 3, "0,1,8,9", 8, 4, 1)]
    [InlineData(4, 4, "0,5,6,10", 12, 4, 2)]
    public void Guest_cores_are_split_as_little_as_possible(int threads, int cores, string taken, int vcpus, int guestThreads, int split)
    {
        var neighbour = new PlacementNeighbour { Name = "web01", Vcpus = 1, VcpuPins = new Dictionary<int, CpuSet> { [0] = new(taken) } };
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(1, cores, threads), VMs = [Vm("db01", vcpus) with { GuestThreads = guestThreads }], Neighbours = [neighbour] }).VMs);
        Assert.Equal(split, placed.VcpuPins.GroupBy(pin => pin.Key / guestThreads).Sum(guest => guest.Select(pin => pin.Value / threads).Distinct().Count() - 1));
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
    public void Hundreds_of_VMs_on_a_few_CPUs_are_spread_evenly_and_what_they_share_is_counted_beyond_a_few_names()
    {
        var placement = PlacementPlanner.Plan(new PlacementRequest
        {
            Host = RuleScene.Flat(4),
            VMs = [.. Enumerable.Range(0, 300).Select(number => Vm($"web{number:000}", 2) with { MemoryKiB = 0 })],
            AllowOvercommit = true,
        });
        Assert.Equal([150, 150, 150, 150], placement.VMs.SelectMany(vm => vm.VcpuPins.Values).GroupBy(cpu => cpu).OrderBy(vcpus => vcpus.Key).Select(vcpus => vcpus.Count()));
        Assert.All(placement.VMs, vm => Assert.Contains(vm.Shared, shared => shared.EndsWith(", 141 more vCPUs", StringComparison.Ordinal)));
        Assert.All(placement.VMs, vm => Assert.Contains(vm.Shared, shared => shared.EndsWith(" and 296 more VMs", StringComparison.Ordinal)));
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
    public void Cells_go_where_each_has_its_memory_and_where_none_has_the_plan_says_so()
    {
        var grid = RuleScene.Grid(2, 8, 1);
        var host = grid with { Nodes = [.. grid.Nodes.Select(node => node with { MemoryKiB = 32 * GiB, FreeMemoryKiB = node.Id == 0 ? 19 * GiB : 6 * GiB })] };
        var vm = Vm("db01", 12) with { MemoryKiB = 20 * GiB, Cells = [new GuestNumaCell(0, new CpuSet("0-5"), 4 * GiB), new GuestNumaCell(1, new CpuSet("6-11"), 16 * GiB)] };
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [vm] }).VMs);
        Assert.Equal((1, 0), (placed.CellNodes[0], placed.CellNodes[1]));
        Assert.True(CpuSet.Of(Enumerable.Range(0, 6).Select(vcpu => placed.VcpuPins[vcpu])).IsSubsetOf(new CpuSet("8-15")));
        var torn = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = WithFree(host, 13 * GiB, 13 * GiB), VMs = [vm] }).VMs);
        Assert.Empty(torn.CellNodes);
        Assert.Contains(torn.Reasons, reason => reason.Contains("Its 2 NUMA cells cannot each be on one of them", StringComparison.Ordinal));
        Assert.DoesNotContain(torn.Reasons, reason => reason.Contains("give it NUMA cells", StringComparison.Ordinal));
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

    [Fact]
    public void The_vcpus_of_one_vm_are_apart_also_where_others_are_overcommitted()
    {
        var placement = PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Flat(4), VMs = [Vm("a", 4), Vm("b", 4)], AllowOvercommit = true });
        Assert.All(placement.VMs, vm => Assert.Equal(new CpuSet("0-3"), vm.VcpuCpus));
        Assert.Contains(placement.VMs[0].Reasons, reason => reason.Contains("4 vCPUs on 4 host CPUs", StringComparison.Ordinal));
    }

    [Fact]
    public void Cores_come_before_the_emulators_own_core_and_before_one_cache()
    {
        var full = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(1, 4, 2), VMs = [Vm("db01", 4)] }).VMs);
        Assert.Equal(4, full.VcpuPins.Values.Select(cpu => cpu / 2).Distinct().Count());
        Assert.Contains(full.Reasons, reason => reason.Contains("siblings of vCPUs", StringComparison.Ordinal));
        Assert.Contains(full.Reasons, reason => reason.Contains("is usually left to the host", StringComparison.Ordinal));
        var host = WithCaches(RuleScene.Grid(1, 8, 2), cpusPerCache: 8);
        var spread = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 6)] }).VMs);
        Assert.Equal(6, spread.VcpuPins.Values.Select(cpu => cpu / 2).Distinct().Count());
        Assert.Contains(spread.Reasons, reason => reason.Contains("cores of their own come before one cache", StringComparison.Ordinal));
        var whole = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 6)], ThreadPolicy = ThreadPolicy.Require }).VMs);
        Assert.Single(whole.Caches);
    }

    [Fact]
    public void A_topology_is_advised_only_where_the_pins_give_one()
    {
        string Advice(int vcpus) => Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(1, 4, 2), VMs = [Vm("db01", vcpus)] }).VMs).Reasons.Single(reason => reason.Contains("sibling threads are used", StringComparison.Ordinal));
        Assert.Contains("-MatchPins", Advice(8), StringComparison.Ordinal);
        Assert.Contains("no topology of equal cores", Advice(6), StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_is_never_more_than_a_node_has()
    {
        var grid = RuleScene.Grid(2, 4, 1);
        var host = grid with { Nodes = [.. grid.Nodes.Select(node => node with { FreeMemoryKiB = 10 * GiB })] };
        var vm = DomainXmlReader.Read(RuleScene.Vm().Replace("1048576", (10 * GiB).ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal));
        var held = PlacementReader.Estimate(vm, host, kernel: null);
        Assert.Equal(10 * GiB, held.Sum(entry => entry.MemoryKiB));
        Assert.All(held, entry => Assert.True(entry.MemoryKiB <= 6 * GiB));
        var request = new PlacementRequest { Host = host, VMs = [Vm("db01", 2) with { MemoryKiB = 20 * GiB, HeldMemoryKiB = new Dictionary<int, long> { [0] = 20 * GiB, [1] = 20 * GiB } }] };
        var placed = Assert.Single(PlacementPlanner.Plan(request).VMs);
        Assert.Equal(new CpuSet("0-1"), placed.MemoryNodes);
        Assert.DoesNotContain(placed.Reasons, reason => reason.Contains("30 GiB", StringComparison.Ordinal));
    }

    [Fact]
    public void A_vm_gets_one_kind_of_core_the_fast_one_unless_told_otherwise()
    {
        // Two performance cores with siblings (0-3) and four efficiency cores (4-7).
        var grid = RuleScene.Grid(1, 8, 1);
        var host = grid with
        {
            Nodes = [.. grid.Nodes.Select(node => node with { Cpus = [.. node.Cpus.Select(cpu => cpu with { Speed = cpu.Id < 4 ? 5_200_000 - (cpu.Id * 50_000) : 3_900_000, Siblings = cpu.Id < 4 ? CpuSet.Of([cpu.Id / 2 * 2, (cpu.Id / 2 * 2) + 1]) : new CpuSet(cpu.Id) })] })],
        };
        Assert.Equal(["0-3", "4-7"], host.CoreKinds.Select(kind => kind.Cpus.ToString()));
        CpuSet Cpus(int vcpus, CoreKindChoice kind) => Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", vcpus)], CoreKind = kind }).VMs).VcpuCpus;
        Assert.True(Cpus(2, CoreKindChoice.Fast).IsSubsetOf(new CpuSet("0-3")));
        Assert.Equal(new CpuSet("0-3"), Cpus(4, CoreKindChoice.Fast));
        Assert.True(Cpus(2, CoreKindChoice.Efficient).IsSubsetOf(new CpuSet("4-7")));
        var mixed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 6)] }).VMs);
        Assert.Equal(2, mixed.Kinds.Count);
        Assert.Contains(mixed.Reasons, reason => reason.Contains("2 kinds of core", StringComparison.Ordinal));
    }

    [Fact]
    public void The_kernels_types_of_core_are_kinds_and_favoured_cores_are_none()
    {
        // Arrow Lake: performance cores up to 5.2 GHz, two favoured ones of 5.4, efficiency cores up to 4.6 GHz, and two that save power.
        var flat = RuleScene.Flat(12);
        VMHostTopology Host(Func<int, string?> type) => flat with
        {
            Nodes = [flat.Nodes[0] with
            {
                Cpus = [.. flat.Cpus.Select(cpu => cpu with
                {
                    Speed = cpu.Id < 2 ? 5_400_000 : cpu.Id < 6 ? 5_200_000 : cpu.Id < 10 ? 4_600_000 : 2_500_000,
                    CoreType = type(cpu.Id),
                })],
            }],
        };
        var host = Host(cpu => cpu < 6 ? "core" : cpu < 10 ? "atom" : "lowpower");
        Assert.Equal(["CPUs 0-5 (cpu_core, up to 5400 MHz)", "CPUs 6-9 (cpu_atom, up to 4600 MHz)", "CPUs 10-11 (cpu_lowpower, up to 2500 MHz)"], host.CoreKinds.Select(kind => kind.ToString()));
        Assert.Equal(["0-9", "10-11"], Host(_ => null).CoreKinds.Select(kind => kind.Cpus.ToString()));
        CpuSet Cpus(CoreKindChoice kind, string reserved) => Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 3)], CoreKind = kind, ReservedCpus = new CpuSet(reserved) }).VMs).VcpuCpus;
        Assert.Equal("1-3", Cpus(CoreKindChoice.Fast, "11").ToString());
        Assert.Equal("6-8", Cpus(CoreKindChoice.Efficient, "10-11").ToString());
    }

    [Fact]
    public void A_host_that_reports_no_nodes_is_one_node_with_one_kind_of_core()
    {
        var host = RuleScene.Flat(4) with { Nodes = [], Caches = [] };
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 3)] }).VMs);
        Assert.Equal(3, placed.VcpuCpus.Count);
        Assert.Equal(host.OnlineCpus, Assert.Single(placed.Kinds).Cpus);
    }

    [Fact]
    public void The_larger_cache_of_one_die_is_a_kind_of_its_own()
    {
        var host = RuleScene.Flat(8) with { Caches = [new HostCache(0, 3, "both", 32 * 1024, new CpuSet("0-3")), new HostCache(1, 3, "both", 96 * 1024, new CpuSet("4-7"))] };
        Assert.Equal(["4-7", "0-3"], host.CoreKinds.Select(kind => kind.Cpus.ToString()));
        Assert.True(Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 3)] }).VMs).VcpuCpus.IsSubsetOf(new CpuSet("4-7")));
    }

    [Fact]
    public void Real_time_vcpus_share_with_nobody()
    {
        var request = new PlacementRequest { Host = RuleScene.Flat(4), VMs = [Vm("rt", 2) with { IsRealTime = true }, Vm("db01", 4)], AllowOvercommit = true };
        var placement = PlacementPlanner.Plan(request);
        Assert.Empty(PlacementProperties.Broken(placement));
        Assert.False(placement.VMs[0].VcpuCpus.Overlaps(placement.VMs[1].VcpuCpus));
        var refused = Assert.Single(PlacementPlanner.Plan(request with { VMs = [Vm("rt", 4) with { IsRealTime = true }] }).Refusals);
        Assert.Equal("NoCpuBesideRealTime", refused.ErrorId);
    }

    [Fact]
    public void Real_time_vcpus_share_with_nobody_once_they_are_plugged_in()
    {
        var neighbour = new PlacementNeighbour { Name = "rt", Vcpus = 4, VcpuPins = new Dictionary<int, CpuSet> { [0] = new(4), [1] = new(5) }, UnpluggedCpus = new CpuSet("6-7"), IsRealTime = true };
        var refused = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Flat(8), VMs = [Vm("db01", 6)], Neighbours = [neighbour] }).Refusals);
        Assert.Contains("of the 8 online CPUs of the host 4 are free: 4 carry pinned vCPUs", refused.Message, StringComparison.Ordinal);
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Flat(8), VMs = [Vm("db01", 4) with { CurrentServiceCpus = new CpuSet(7) }], Neighbours = [neighbour] }).VMs);
        Assert.Equal((new CpuSet("0-3"), new CpuSet("0-3")), (placed.VcpuCpus, placed.ServiceCpus));
        var whole = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(1, 4, 2), VMs = [Vm("db01", 4)], ThreadPolicy = ThreadPolicy.Require, Neighbours = [neighbour with { VcpuPins = new Dictionary<int, CpuSet> { [0] = new(4) }, UnpluggedCpus = new CpuSet(6) }] }).VMs);
        Assert.Equal(new CpuSet("0-3"), whole.VcpuCpus);
        var other = new PlacementNeighbour { Name = "web01", Vcpus = 1, VcpuPins = new Dictionary<int, CpuSet> { [0] = new(0) }, ServicePins = new Dictionary<string, CpuSet> { ["emulator"] = new("1-2") } };
        var beside = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Flat(5), VMs = [Vm("rt", 3) with { UnpluggedVcpus = new CpuSet(2), IsRealTime = true }], Neighbours = [other] }).VMs);
        Assert.Equal(new CpuSet("3-4"), beside.VcpuCpus);
        var both = PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Flat(6), VMs = [Vm("rt", 3) with { UnpluggedVcpus = new CpuSet(2), IsRealTime = true }, Vm("db01", 6) with { UnpluggedVcpus = new CpuSet("1-5") }] });
        Assert.Empty(PlacementProperties.Broken(both));
        Assert.False(both.VMs[0].VcpuCpus.Overlaps(both.VMs[1].VcpuCpus));
    }

    [Fact]
    public void Vcpus_that_are_not_plugged_in_take_nothing_from_those_that_are()
    {
        var placement = PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Flat(4), VMs = [Vm("db01", 4) with { UnpluggedVcpus = new CpuSet("2-3") }, Vm("db02", 2)] });
        Assert.Empty(placement.Refusals);
        Assert.Empty(PlacementProperties.Broken(placement));
        Assert.All(placement.VMs, vm => Assert.DoesNotContain(vm.Shared, shared => shared.StartsWith("host CPU", StringComparison.Ordinal)));
        Assert.Contains(placement.VMs[0].Reasons, reason => reason.Contains("vCPU 2-3 are not plugged in", StringComparison.Ordinal));
    }

    [Fact]
    public void The_host_keeps_a_core_as_long_as_there_are_others()
    {
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(1, 8, 2), VMs = [Vm("db01", 7)] }).VMs);
        Assert.False(placed.VcpuCpus.Overlaps(new CpuSet("0-1")));
        Assert.Equal(new CpuSet("0-1"), placed.ServiceCpus);
    }

    [Theory]
    [InlineData(16, 4, 8, ThreadPolicy.Prefer, null, 2, "0-1")]
    [InlineData(16, 4, 8, ThreadPolicy.Prefer, "0", 2, "0-1")]
    [InlineData(16, 4, 8, ThreadPolicy.Isolate, null, 2, "0-1")]
    [InlineData(32, 8, 16, ThreadPolicy.Prefer, null, 2, "0-1")]
    [InlineData(16, 4, 16, ThreadPolicy.Require, null, 2, "0-1")]
    [InlineData(16, 4, 16, ThreadPolicy.Require, "0-1", 2, "0-1")]
    public void As_few_caches_as_possible_are_used_and_of_these_the_quiet_ones(int cores, int coresPerCache, int vcpus, ThreadPolicy policy, string? emulator, int caches, string left)
    {
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest
        {
            Host = WithCaches(RuleScene.Grid(1, cores, 2), 2 * coresPerCache),
            VMs = [Vm("db01", vcpus)],
            ThreadPolicy = policy,
            Neighbours = emulator is null ? [] : [new PlacementNeighbour { Name = "web01", Vcpus = 1, ServicePins = new Dictionary<string, CpuSet> { ["emulator"] = new(emulator) } }],
        }).VMs);
        Assert.Equal(caches, placed.Caches.Count);
        Assert.False(placed.VcpuCpus.Overlaps(new CpuSet(left)), placed.ToString());
        Assert.True(placed.ServiceCpus.IsSubsetOf(new CpuSet(left)), placed.ServiceCpus.ToString());
    }

    // 32 cores under caches of four, some with neighbours: the caches with most idle cores are the fewest that suffice.
    [Fact]
    public void As_few_caches_as_possible_are_used_beside_neighbours()
    {
        for (var number = 0; number < Draws(800); number++)
        {
            var random = new Random(Seed + number);
            var taken = Enumerable.Range(0, 32).Where(_ => random.NextDouble() < 0.4).ToList();
            var idle = Enumerable.Range(0, 32).Except(taken).ToList();
            if (idle.Count < 2)
            {
                continue;
            }

            var vcpus = random.Next(1, idle.Count + 1);
            var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest
            {
                Host = WithCaches(RuleScene.Grid(1, 32, 2), 8),
                VMs = [Vm("db01", vcpus)],
                Neighbours = [.. taken.Select(core => new PlacementNeighbour { Name = $"web{core}", Vcpus = 1, VcpuPins = new Dictionary<int, CpuSet> { [0] = new(2 * core) } })],
            }).VMs);

            // The first idle core is kept for the host where as few caches suffice without it.
            var (all, quiet) = (Fewest(idle), Fewest([.. idle.Skip(1)]));
            Assert.Equal((vcpus, all), (placed.VcpuPins.Values.Select(cpu => cpu / 2).Distinct().Count(), placed.Caches.Count));
            Assert.DoesNotContain(placed.VcpuPins.Values, cpu => taken.Contains(cpu / 2));
            Assert.True(quiet > all || !placed.VcpuPins.Values.Any(cpu => cpu / 2 == idle[0]), $"case {number}: {placed}");

            int Fewest(List<int> cores)
            {
                var rooms = cores.GroupBy(core => core / 4).Select(cache => cache.Count()).OrderDescending().ToList();
                return cores.Count < vcpus ? int.MaxValue : Enumerable.Range(1, rooms.Count).First(count => rooms.Take(count).Sum() >= vcpus);
            }
        }
    }

    [Fact]
    public void The_reason_of_a_move_is_the_vms_own_where_it_is_alone_in_the_plan()
    {
        string Move(VMHostTopology host, PlacementVM vm, string neighbour) => Assert.Single(PlacementPlanner.Plan(new PlacementRequest
        {
            Host = host,
            VMs = [vm],
            Neighbours = [new PlacementNeighbour { Name = "web01", Vcpus = 1, VcpuPins = new Dictionary<int, CpuSet> { [0] = new(neighbour) } }],
        }).VMs).Reasons[^1];
        Assert.Equal("Moving gains: now 1 vCPU on cores of other VMs' vCPUs.", Move(RuleScene.Grid(1, 8, 2), Vm("db01", 1) with { CurrentPins = new Dictionary<int, int> { [0] = 2 } }, "3"));
        Assert.Equal("Moving gains: now 2 vCPUs on another node than the memory.", Move(RuleScene.Grid(2, 8, 1), Vm("db01", 2) with { CurrentPins = new Dictionary<int, int> { [0] = 1, [1] = 2 }, CurrentNodes = new CpuSet(1) }, "3"));
        Assert.Equal("Moving gains: now emulator and I/O threads on another node.", Move(RuleScene.Grid(2, 2, 1), Vm("db01", 1) with { CurrentPins = new Dictionary<int, int> { [0] = 1 } }, "0"));
        Assert.Equal("Moving gains: now 1 vCPU on another core than the rest of its guest core.", Move(RuleScene.Grid(1, 8, 2), Vm("db01", 2) with { GuestThreads = 2, CurrentPins = new Dictionary<int, int> { [0] = 4, [1] = 6 } }, "0"));
    }

    [Fact]
    public void Every_move_of_a_vm_that_is_alone_in_the_plan_has_its_reason()
    {
        var moved = 0;
        for (var number = 0; number < Draws(2000); number++)
        {
            var request = new PlacementCases(Seed + number).DrawOdd() with { AllowOvercommit = false };
            request = request with { VMs = [request.VMs[0]] };

            // Its present place is one that another plan gave it.
            var other = PlacementPlanner.Plan(request with { ThreadPolicy = (ThreadPolicy)(number % 3), CoreKind = (CoreKindChoice)(number / 3 % 3), ReservedCpus = new CpuSet(request.Host.OnlineCpus.Numbers[0]), Neighbours = [.. request.Neighbours.Take(1)] });
            if (other.VMs is [var present] && PlacementPlanner.Plan(request with { VMs = [AsPlaced(request.VMs[0], present)] }).VMs is [var placed] && placed.VcpuPins.Any(pin => present.VcpuPins[pin.Key] != pin.Value && placed.PluggedPins.ContainsKey(pin.Key)))
            {
                Assert.True(placed.Reasons[^1].StartsWith("Moving gains: now ", StringComparison.Ordinal), $"case {number}: {present} to {placed}: {placed.Reasons[^1]}");
                moved++;
            }
        }

        Assert.True(moved > Draws(200), $"Only {moved} VMs moved.");
    }

    [Fact]
    public void A_vm_that_sits_well_stays_and_what_moving_gains_is_said()
    {
        var vm = Vm("db01", 2) with { CurrentPins = new Dictionary<int, int> { [0] = 13, [1] = 6 }, CurrentServiceCpus = new CpuSet(10) };
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(1, 8, 2), VMs = [vm] }).VMs);
        Assert.Equal((13, 6, true), (placed.VcpuPins[0], placed.VcpuPins[1], placed.KeepsServicePins));
        Assert.Contains(placed.Reasons, reason => reason.Contains("none moves", StringComparison.Ordinal));
        var moved = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(1, 8, 2), VMs = [vm with { CurrentPins = new Dictionary<int, int> { [0] = 12, [1] = 13 } }] }).VMs);
        Assert.Contains(moved.Reasons, reason => reason.Contains("Moving gains: now 1 vCPU on a sibling thread", StringComparison.Ordinal));
    }

    // Every draw has a fixed seed: each run of the tests uses the first ones, `test all` uses all of them.
    private static int Draws(int all) => Tier.IsAll ? all : all / 40;

    private static PlacementVM AsPlaced(PlacementVM vm, VMPlacement placed) => vm with
    {
        CurrentPins = placed.VcpuPins,
        CurrentServiceCpus = placed.ServiceCpus,
        CurrentNodes = placed.MemoryNodes ?? placed.Nodes,
    };

    private static List<string> Words(HostPlacement placement) => placement.VMs.OrderBy(vm => vm.VMName, StringComparer.Ordinal)
        .Select(vm => $"{vm.VMName}: {string.Join(' ', vm.VcpuPins.OrderBy(pin => pin.Key).Select(pin => $"{pin.Key}:{pin.Value}"))}, {vm.ServiceCpus}, {vm.MemoryNodes}")
        .Concat(placement.Refusals.Select(refusal => refusal.VMName).Order(StringComparer.Ordinal)).ToList();

    private static PlacementAims PeerAims(PlacementRequest request, PeerHeuristic peer)
    {
        var layout = HostLayout.Of(request.Host);
        var (state, aims) = (new PlacementState(layout, request), default(PlacementAims));
        foreach (var vm in request.VMs)
        {
            if (peer.Place(vm) is not { } found)
            {
                aims += new PlacementAims { Refused = 1 };
                continue;
            }

            var place = new Place([.. found.Cpus.Order()], [(layout.Cpus[found.Cpus[0]].Core.Node, vm.MemoryKiB)], new Dictionary<int, int>());
            aims += state.Measure(vm, place);
            state.Take(vm, place);
        }

        return aims with { Disturbed = 0, Reserve = 0, MovedNodes = 0 };
    }

    private static IEnumerable<PlacementRequest> Requests(int drawn)
    {
        foreach (var document in LibvirtCorpus.Capabilities())
        {
            var host = CapabilitiesReader.Read(document.Xml, "qemu:///system", document.Name);
            for (var number = 0; number < Draws(10) + 2; number++)
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
