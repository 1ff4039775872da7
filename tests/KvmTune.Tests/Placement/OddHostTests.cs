// Placements on hosts of unusual shapes: memory without CPUs, three kinds of core, many caches a node, clusters, offline and isolated threads,
// one core.
using KvmTune.Placement;
using KvmTune.Tests.Tuning;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Placement;

public sealed class OddHostTests
{
    private const long GiB = 1024 * 1024;

    [Fact]
    public void A_node_of_memory_alone_gets_memory_only_where_the_nodes_of_cpus_have_too_little()
    {
        var host = WithMemoryNode(RuleScene.Grid(2, 8, 1));
        var small = Plan(host, Vm("db01", 4) with { MemoryKiB = 4 * GiB });
        Assert.Single(small.MemoryNodes!.Numbers);
        Assert.Equal(small.Nodes, small.MemoryNodes);
        Assert.DoesNotContain(small.Reasons, reason => reason.Contains("node 2", StringComparison.Ordinal));
        var large = Plan(host, Vm("db01", 4) with { MemoryKiB = 24 * GiB });
        Assert.Single(large.Nodes.Numbers);
        Assert.Equal(2, large.MemoryNodes!.Count);
        Assert.Contains(large.Reasons, reason => reason.Contains("some of it is remote", StringComparison.Ordinal));
        Assert.DoesNotContain(large.Reasons, reason => reason.Contains("and 24 GiB;", StringComparison.Ordinal));
    }

    [Fact]
    public void A_node_without_memory_is_in_no_policy()
    {
        var grid = RuleScene.Grid(2, 8, 1);
        var host = grid with { Nodes = [grid.Nodes[0] with { FreeMemoryKiB = 12 * GiB }, grid.Nodes[1] with { MemoryKiB = 0 }] };
        Assert.Equal(new CpuSet(0), Plan(host, Vm("db01", 4)).Nodes);
        var both = Plan(host, Vm("db01", 12));
        Assert.Equal((new CpuSet("0-1"), new CpuSet(0)), (both.Nodes, both.MemoryNodes));
        var far = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 4)], ReservedCpus = new CpuSet("0-7") }).VMs);
        Assert.Equal((new CpuSet(1), new CpuSet(0)), (far.Nodes, far.MemoryNodes));
    }

    [Theory]
    [InlineData(24, "0", "0-1", true)]
    [InlineData(24, "0", "1", true)]
    [InlineData(24, "0", "0-2", false)]
    [InlineData(8, "0", "0-1", false)]
    [InlineData(48, "0", "0-2", true)]
    public void Memory_that_a_node_cannot_have_may_come_from_the_nearest_others(int gibibytes, string cpu, string nodes, bool isKept)
    {
        var scene = new RuleScene
        {
            Host = WithMemoryNode(RuleScene.Grid(2, 8, 1)),
            Xml = RuleScene.Vm(inside: $"<numatune><memory mode='strict' nodeset='{nodes}'/></numatune>").Replace("1048576", $"{gibibytes * GiB}", StringComparison.Ordinal),
            Change = new VcpuPinChange { Pins = new Dictionary<int, CpuSet?> { [0] = new(cpu) } },
        };
        if (isKept)
        {
            scene.Keeps(CpuRules.PinsWithNumaPolicy);
        }
        else
        {
            scene.Breaks(CpuRules.PinsWithNumaPolicy, $"memory comes from node {nodes}");
        }
    }

    // Performance cores with two threads (0-7), efficiency cores (8-15), and two that save power and have no last-level cache (16-17).
    [Theory]
    [InlineData(4, ThreadPolicy.Prefer, CoreKindChoice.Fast, "0-7", 4)]
    [InlineData(4, ThreadPolicy.Require, CoreKindChoice.Fast, "0-7", 2)]
    [InlineData(4, ThreadPolicy.Isolate, CoreKindChoice.Fast, "0-7", 4)]
    [InlineData(8, ThreadPolicy.Prefer, CoreKindChoice.Fast, "0-7", 4)]
    [InlineData(8, ThreadPolicy.Isolate, CoreKindChoice.Fast, "8-15", 8)]
    [InlineData(2, ThreadPolicy.Prefer, CoreKindChoice.Efficient, "16-17", 2)]
    [InlineData(6, ThreadPolicy.Prefer, CoreKindChoice.Efficient, "8-15", 6)]
    public void Of_three_kinds_of_core_a_vm_gets_one(int vcpus, ThreadPolicy policy, CoreKindChoice kind, string within, int cores)
    {
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = ThreeKinds, VMs = [Vm("db01", vcpus)], ThreadPolicy = policy, CoreKind = kind }).VMs);
        Assert.True(placed.VcpuCpus.IsSubsetOf(new CpuSet(within)), placed.ToString());
        Assert.Equal(cores, placed.VcpuPins.Values.Select(cpu => cpu < 8 ? cpu / 2 : cpu).Distinct().Count());
        Assert.Single(placed.Kinds);
        Assert.False(placed.ServiceCpus.Overlaps(placed.VcpuCpus));
    }

    [Fact]
    public void Vms_get_a_cache_each_on_a_node_of_four()
    {
        var grid = RuleScene.Grid(2, 16, 2);
        var host = grid with { Caches = [.. grid.Cpus.Select(cpu => cpu.Id).Chunk(8).Select((cpus, index) => new HostCache(index, 3, "both", 32 * 1024, CpuSet.Of(cpus)))] };
        var placement = PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [.. Enumerable.Range(0, 6).Select(number => Vm($"vm{number}", 4))] });
        Assert.Empty(PlacementProperties.Broken(placement));
        Assert.All(placement.VMs, vm => Assert.False(vm.CrossesCaches));
        Assert.Equal(6, placement.VMs.Select(vm => vm.Caches[0]).Distinct().Count());
        Assert.All(placement.VMs, vm => Assert.Equal(4, vm.VcpuPins.Values.Select(cpu => cpu / 2).Distinct().Count()));
    }

    [Fact]
    public void A_vm_stays_within_the_fast_cluster_of_an_arm_host_that_reports_no_caches()
    {
        // libvirt reports clusters of four as sockets; the second one is the fast one.
        var grid = RuleScene.Flat(8);
        var host = grid with { Architecture = "aarch64", Nodes = [grid.Nodes[0] with { Cpus = [.. grid.Cpus.Select(cpu => cpu with { Socket = cpu.Id / 4, Speed = cpu.Id < 4 ? 446 : 1024 })] }] };
        var placed = Plan(host, Vm("db01", 3));
        Assert.True(placed.VcpuCpus.IsSubsetOf(new CpuSet("4-7")), placed.ToString());
        Assert.Contains(placed.Reasons, reason => reason.Contains("the host reports no caches", StringComparison.Ordinal));
        Assert.Contains(Plan(host, Vm("db01", 6)).Reasons, reason => reason.Contains("2 kinds of core", StringComparison.Ordinal));
    }

    [Fact]
    public void Threads_that_are_offline_make_cores_of_one_thread()
    {
        var grid = RuleScene.Grid(1, 4, 2);
        var offline = new CpuSet("1,3");
        var host = grid with
        {
            OnlineCpus = grid.OnlineCpus.Except(offline),
            OfflineCpus = offline,
            Nodes = [grid.Nodes[0] with { Cpus = [.. grid.Cpus.Select(cpu => cpu with { Siblings = offline.Contains(cpu.Id) ? new CpuSet(cpu.Id) : cpu.Siblings.Except(offline) })] }],
        };
        var all = Plan(host, Vm("db01", 6));
        Assert.Equal(host.OnlineCpus, all.VcpuCpus);
        Assert.DoesNotContain(all.Reasons, reason => reason.Contains("-ThreadPolicy Require", StringComparison.Ordinal));
        Assert.DoesNotContain(all.Reasons, reason => reason.Contains("-MatchPins", StringComparison.Ordinal));
        var whole = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 4)], ThreadPolicy = ThreadPolicy.Require }).VMs);
        Assert.Equal(new CpuSet("4-7"), whole.VcpuCpus);
        Assert.Contains(whole.Reasons, reason => reason.Contains("-MatchPins", StringComparison.Ordinal));
    }

    [Fact]
    public void One_core_is_shared_by_vcpus_and_emulator_and_no_more()
    {
        var two = Plan(RuleScene.Grid(1, 1, 2), Vm("db01", 2));
        Assert.Equal(new CpuSet("0-1"), two.VcpuCpus);
        Assert.Contains(two.Reasons, reason => reason.Contains("The guest will see that as steal", StringComparison.Ordinal));
        Assert.Equal(new CpuSet(1), Plan(RuleScene.Grid(1, 1, 2), Vm("db01", 1)).ServiceCpus);
        Assert.Equal(new CpuSet(0), Plan(RuleScene.Flat(1), Vm("db01", 1)).ServiceCpus);
        Assert.Equal("HostCpusOvercommitted", Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Flat(1), VMs = [Vm("db01", 2)] }).Refusals).ErrorId);
        Assert.Equal("NoCpuBesideRealTime", Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Flat(1), VMs = [Vm("rt", 1) with { IsRealTime = true }] }).Refusals).ErrorId);
    }

    [Fact]
    public void Cores_of_which_only_some_threads_are_isolated_are_not_given_away_whole()
    {
        var host = RuleScene.Grid(1, 4, 2) with { IsolatedCpus = new CpuSet("3,5,7") };
        Assert.Equal("NoWholeCores", Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 2)], UseIsolatedCpus = true, ThreadPolicy = ThreadPolicy.Isolate }).Refusals).ErrorId);
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [Vm("db01", 3)], UseIsolatedCpus = true }).VMs);
        Assert.Equal(host.IsolatedCpus, placed.VcpuCpus);
        Assert.Equal(new CpuSet("0-1"), placed.ServiceCpus);
    }

    [Fact]
    public void Cores_of_four_threads_are_filled_one_after_the_other_on_a_large_host_too()
    {
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(2, 48, 4), VMs = [Vm("db01", 9)], ThreadPolicy = ThreadPolicy.Require }).VMs);
        Assert.Equal([1, 4, 4], placed.VcpuPins.Values.GroupBy(cpu => cpu / 4).Select(core => core.Count()).Order());
    }

    [Fact]
    public void A_refusal_does_not_advise_what_was_asked_for_already()
    {
        var refused = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Flat(4), VMs = [Vm("db01", 2)], ReservedCpus = new CpuSet("0-3"), AllowOvercommit = true }).Refusals);
        Assert.DoesNotContain("-AllowOvercommit", refused.Message, StringComparison.Ordinal);
        Assert.Contains("4 are reserved", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_vcpu_that_is_not_plugged_in_stays_where_it_is_pinned_if_that_is_as_good()
    {
        var vm = Vm("db01", 4) with
        {
            UnpluggedVcpus = new CpuSet("2-3"),
            CurrentPins = new Dictionary<int, int> { [0] = 4, [1] = 5, [2] = 7, [3] = 6 },
            CurrentServiceCpus = new CpuSet(1),
        };
        var placed = Plan(RuleScene.Flat(8), vm);
        Assert.Equal([4, 5, 7, 6], placed.VcpuPins.OrderBy(pin => pin.Key).Select(pin => pin.Value));
    }

    [Fact]
    public void Advice_can_be_followed_wherever_it_is_given()
    {
        var (packed, shown) = (0, 0);
        for (var number = 0; number < 150; number++)
        {
            var request = new PlacementCases(4711 + number).DrawOdd();
            var placement = PlacementPlanner.Plan(request);
            var require = new Lazy<HostPlacement>(() => PlacementPlanner.Plan(request with { ThreadPolicy = ThreadPolicy.Require }));
            foreach (var placed in placement.VMs)
            {
                if (placed.Reasons.Any(reason => reason.Contains("Set-VMCpuModel -MatchPins", StringComparison.Ordinal)))
                {
                    Assert.True(CpuModelChange.TopologyOfPins(With(placed.VcpuPins), request.Host).Threads > 1, $"case {number}: {placed}");
                    shown++;
                }

                if (placed.Reasons.Any(reason => reason.Contains("-ThreadPolicy Require gives it whole cores", StringComparison.Ordinal)))
                {
                    var whole = require.Value.VMs.First(vm => vm.VMName == placed.VMName);
                    Assert.True(CpuModelChange.TopologyOfPins(With(whole.VcpuPins), request.Host).Threads > 1, $"case {number}: {whole}");
                    packed++;
                }

                if (placed.Reasons.Any(reason => reason.Contains("With -ThreadPolicy Require they share", StringComparison.Ordinal)))
                {
                    Assert.False(require.Value.VMs.First(vm => vm.VMName == placed.VMName).CrossesCaches, $"case {number}");
                    packed++;
                }
            }
        }

        Assert.True(packed > 0 && shown > 0, $"{packed} and {shown} pieces of advice were followed.");
    }

    [Theory]
    [InlineData(2, "0 1 2 3", 2, 2)]
    [InlineData(2, "3 2 7 6", 2, 2)]
    [InlineData(2, "0 2 4 6", 4, 1)]
    [InlineData(4, "0 1 2 3 4 5 6 7", 2, 4)]
    [InlineData(4, "0 1 4 5", 2, 2)]
    [InlineData(2, "0", 1, 1)]
    public void Pins_give_the_topology_that_they_have(int threads, string pins, int cores, int guestThreads) => Assert.Equal(
        new CpuTopology(1, 1, cores, guestThreads), CpuModelChange.TopologyOfPins(With(Pins(pins)), RuleScene.Grid(1, 4, threads)));

    [Theory]
    [InlineData(2, "0 2 1 3")]
    [InlineData(2, "0 0 2 2")]
    [InlineData(2, "0 4 0 4")]
    [InlineData(2, "0 1 2")]
    [InlineData(2, "0 1 2 4")]
    [InlineData(4, "0 1 4 5 2 3")]
    [InlineData(2, "0 99")]
    public void Pins_that_have_none_give_none(int threads, string pins) => Assert.Equal(
        "PinsGiveNoTopology", Assert.Throws<KvmTuneException>(() => CpuModelChange.TopologyOfPins(With(Pins(pins)), RuleScene.Grid(1, 4, threads))).ErrorId);

    [Fact]
    public void Ranges_and_missing_pins_give_no_topology()
    {
        var vm = With(Pins("0 1 2 3"));
        Assert.Throws<KvmTuneException>(() => CpuModelChange.TopologyOfPins(vm with { VcpuPins = new Dictionary<int, CpuSet> { [0] = new("0-1"), [1] = new("0-1"), [2] = new("2-3"), [3] = new("2-3") } }, RuleScene.Grid(1, 4, 2)));
        Assert.Throws<KvmTuneException>(() => CpuModelChange.TopologyOfPins(vm with { MaxVcpus = 6 }, RuleScene.Grid(1, 4, 2)));
    }

    private static Dictionary<int, int> Pins(string pins) => pins.Split(' ').Select((cpu, vcpu) => (vcpu, int.Parse(cpu, System.Globalization.CultureInfo.InvariantCulture))).ToDictionary(pin => pin.vcpu, pin => pin.Item2);

    private static VMConfiguration With(IReadOnlyDictionary<int, int> pins) => DomainXmlReader.Read(RuleScene.Vm("db01", pins.Count)) with
    {
        VcpuPins = pins.ToDictionary(pin => pin.Key, pin => new CpuSet(pin.Value)),
    };

    private static VMPlacement Plan(VMHostTopology host, PlacementVM vm)
    {
        var placement = PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [vm] });
        return Assert.Single(placement.VMs);
    }

    private static PlacementVM Vm(string name, int vcpus) => new() { Name = name, Vcpus = vcpus, MemoryKiB = GiB };

    // A node of 32 GiB without CPUs, farther away than the nodes are from each other.
    private static VMHostTopology WithMemoryNode(VMHostTopology host)
    {
        var id = host.Nodes.Count;
        return host with
        {
            Nodes =
            [
                .. host.Nodes.Select(node => node with { Distances = Enumerable.Range(0, id + 1).ToDictionary(other => other, other => other == node.Id ? 10 : other == id ? 50 : 21) }),
                new HostNode { Id = id, MemoryKiB = 32 * GiB, Cpus = [], Distances = Enumerable.Range(0, id + 1).ToDictionary(other => other, other => other == id ? 10 : 50) },
            ],
        };
    }

    private static VMHostTopology ThreeKinds
    {
        get
        {
            var cpus = Enumerable.Range(0, 18).Select(cpu => new HostCpu(cpu, 0, 0, 0, cpu, cpu < 8 ? CpuSet.Of([cpu / 2 * 2, (cpu / 2 * 2) + 1]) : new CpuSet(cpu))
            {
                Speed = cpu < 8 ? 4_800_000 + (cpu * 10_000) : cpu < 16 ? 3_800_000 : 2_500_000,
            }).ToList();
            var host = RuleScene.Flat(18);
            return host with { Nodes = [host.Nodes[0] with { Cpus = cpus }], Caches = [new HostCache(0, 3, "both", 24 * 1024, new CpuSet("0-15"))] };
        }
    }
}
