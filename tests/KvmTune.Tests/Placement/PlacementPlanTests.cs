// The change that carries out a placement, a VM's input to a placement, and the picture of it.
using System.Text.Json.Nodes;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Placement;
using KvmTune.Tests.Tuning;
using KvmTune.Topology;
using KvmTune.Tuning;
using Xunit;

namespace KvmTune.Tests.Placement;

public sealed class PlacementPlanTests
{
    private const long GiB = 1024 * 1024;

    [Fact]
    public void The_memory_follows_the_vcpus_in_the_mode_that_it_has()
    {
        Assert.Equal(("strict", "1"), Policy(Change(Vm(string.Empty))));
        Assert.Equal(("preferred", "1"), Policy(Change(Vm("<numatune><memory mode='preferred' nodeset='0'/></numatune>"))));
        var running = Change(Vm("<numatune><memory mode='restrictive' nodeset='0'/></numatune>"));
        Assert.True(running.NumaPolicy!.RunningIsRestrictive);
        Assert.True(running.CanBeLive);
        Assert.False(Change(Vm(string.Empty)).CanBeLive);
    }

    [Fact]
    public void A_policy_that_is_there_already_is_left_alone_so_that_the_pins_are_live()
    {
        var change = Change(Vm("<numatune><memory mode='strict' nodeset='1'/></numatune>"));
        Assert.Null(change.NumaPolicy);
        Assert.True(change.CanBeLive);
        var one = PlacementPlan.ToChange(Vm(string.Empty), Place() with { MemoryNodes = null }, new CpuSet("0-7"), ChangeScope.Auto);
        Assert.Null(one.NumaPolicy);
    }

    [Fact]
    public void Cells_get_the_nodes_that_they_were_split_over()
    {
        var place = Place() with { MemoryNodes = new CpuSet("0-1"), CellNodes = new Dictionary<int, int> { [0] = 1, [1] = 0 } };
        var policy = PlacementPlan.ToChange(Vm(string.Empty), place, new CpuSet("0-7"), ChangeScope.Auto).NumaPolicy!;
        Assert.Equal(["1", "0"], policy.CellPolicies.Select(cell => cell.NodeSet));
        Assert.Contains("guest cell 1 from host node 0", policy.Title, StringComparison.Ordinal);
        var preferred = Vm("<numatune><memory mode='preferred' nodeset='0'/></numatune>");
        Assert.Equal("strict", PlacementPlan.ToChange(preferred, place, new CpuSet("0-7"), ChangeScope.Auto).NumaPolicy!.Mode);
    }

    [Fact]
    public void A_neighbours_pins_count_as_they_run_and_as_they_are_configured()
    {
        var vm = Vm("<cputune><vcpupin vcpu='0' cpuset='2'/><vcpupin vcpu='1' cpuset='0-7'/><emulatorpin cpuset='1'/></cputune>");
        var configured = DomainXmlReader.Read(RuleScene.Vm("db01", 2, "<cputune><vcpupin vcpu='0' cpuset='3'/></cputune>"));
        var neighbour = PlacementReader.ToNeighbour(vm with { Configured = configured }, new CpuSet("0-7"));
        Assert.Equal(new CpuSet("2-3"), Assert.Single(neighbour.VcpuPins).Value);
        Assert.Equal(new CpuSet(1), neighbour.ServicePins["emulator"]);
    }

    [Fact]
    public void What_a_vm_holds_is_added_up_by_node_and_page_size()
    {
        var held = HeldMemory.FromNumaMaps(
            "7f00 default anon=3 dirty=3 N0=1 N1=2 kernelpagesize_kB=4\n7f80 bind:1 file=/dev/hugepages/x huge N1=5 kernelpagesize_kB=2048\n");
        Assert.Equal([new HeldMemory(0, null, 4), new HeldMemory(1, null, 8), new HeldMemory(1, 2048, 10240)], held);
    }

    [Fact]
    public void Memory_that_stays_ties_a_vm_to_its_node()
    {
        var vm = PlacementReader.ToVM(Vm("<numatune><memory mode='strict' nodeset='0'/></numatune>"), RuleScene.Grid(2, 4, 1), null, keepsMemory: true, []);
        Assert.Equal(new CpuSet(0), vm.RequiredNodes);
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = RuleScene.Grid(2, 4, 1), VMs = [vm] }).VMs);
        Assert.Equal(new CpuSet(0), placed.Nodes);
        Assert.Null(placed.MemoryNodes);
    }

    [Fact]
    public void Memory_that_stays_on_a_node_without_cpus_ties_a_vm_to_the_nearest_node_with_some()
    {
        var grid = RuleScene.Grid(2, 4, 1);
        var host = grid with { Nodes = [.. grid.Nodes, new HostNode { Id = 2, MemoryKiB = 16 * GiB, Cpus = [], Distances = new Dictionary<int, int> { [0] = 23, [1] = 13, [2] = 10 } }] };
        var vm = PlacementReader.ToVM(Vm("<numatune><memory mode='strict' nodeset='2'/></numatune>"), host, null, keepsMemory: true, []);
        var placed = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [vm] }).VMs);
        Assert.Equal(new CpuSet(1), placed.Nodes);
        Assert.Null(placed.MemoryNodes);
        Assert.Contains(placed.Reasons, reason => reason.Contains("it is the nearest with CPUs to node 2, where its memory stays", StringComparison.Ordinal));
        Assert.Contains("The NUMA policy is left as it is: node 2.", placed.Reasons);
        var refused = Assert.Single(PlacementPlanner.Plan(new PlacementRequest { Host = host, VMs = [vm with { Vcpus = 5 }] }).Refusals);
        Assert.Contains("of the 4 online CPUs of node 1, the nearest with CPUs to node 2, where its memory stays, 4 are free", refused.Message, StringComparison.Ordinal);
        Assert.Equal(new CpuSet("1-2"), PlacementReader.ToVM(Vm("<numatune><memory mode='strict' nodeset='1-2'/></numatune>"), host, null, keepsMemory: true, []).RequiredNodes);
        Assert.Null(PlacementReader.ToVM(Vm(string.Empty), host with { Nodes = [] }, null, keepsMemory: true, []).RequiredNodes);
    }

    [Fact]
    public void Huge_pages_without_a_size_have_the_kernels_default_and_their_pools_are_no_memory_in_use()
    {
        var grid = RuleScene.Grid(2, 4, 1);
        var host = grid with
        {
            Nodes = [.. grid.Nodes.Select(node => node with { FreeMemoryKiB = 6 * GiB, PagePools = [new PagePool(node.Id, 4, 1, 1), new PagePool(node.Id, 2048, 2048, 2048), new PagePool(node.Id, 1048576, 4, 3)] })],
        };
        var kernel = new HostMemoryFacts { DefaultPageSizeKiB = 1048576 };
        var vm = Vm("<memoryBacking><hugepages/></memoryBacking>");
        Assert.Equal((1048576, 2048), (PlacementReader.ToVM(vm, host, kernel, keepsMemory: false, []).PageSizeKiB, PlacementReader.ToVM(vm, host, null, keepsMemory: false, []).PageSizeKiB));
        Assert.Equal([new HeldMemory(0, 1048576, GiB / 2), new HeldMemory(1, 1048576, GiB / 2)], PlacementReader.Estimate(vm.Running!, host, kernel));

        // Of 16 GiB 6 are free and 8 are in pools.
        var large = DomainXmlReader.Read(RuleScene.Vm().Replace("1048576", $"{10 * GiB}", StringComparison.Ordinal));
        Assert.Equal([new HeldMemory(0, null, 2 * GiB), new HeldMemory(1, null, 2 * GiB)], PlacementReader.Estimate(large, host, kernel));
    }

    [Fact]
    public void The_picture_shows_who_sits_where_and_what_is_shared()
    {
        var request = new PlacementRequest
        {
            Host = RuleScene.Grid(2, 4, 2) with { OfflineCpus = CpuSet.Empty, IsolatedCpus = new CpuSet("14-15") },
            VMs = [new PlacementVM { Name = "db01", Vcpus = 2, MemoryKiB = GiB }],
            Neighbours = [new PlacementNeighbour { Name = "web01", Vcpus = 1, VcpuPins = new Dictionary<int, CpuSet> { [0] = new(0) } }, new PlacementNeighbour { Name = "idle", Vcpus = 1 }],
            ReservedCpus = new CpuSet("8-9"),
        };
        var map = HostMap.Of(PlacementPlanner.Plan(request));
        var picture = map.ToString();
        Assert.Contains("node 1", picture, StringComparison.Ordinal);
        Assert.Contains("a0", picture, StringComparison.Ordinal);
        Assert.Contains("b0", picture, StringComparison.Ordinal);
        Assert.Contains("8:R", picture, StringComparison.Ordinal);
        Assert.Contains("14:I", picture, StringComparison.Ordinal);
        Assert.Contains("web01 (there already)", picture, StringComparison.Ordinal);
        Assert.Contains("not pinned, anywhere: idle", picture, StringComparison.Ordinal);
        Assert.All(picture.Split('\n'), line => Assert.True(line.Length <= 100, line));
        Assert.DoesNotContain(picture, character => character is '\u001b');
        Assert.True((map with { IsAscii = true }).ToString().All(char.IsAscii));
        var coloured = HostMapPicture.Draw(map, new HostMapColours("<g>", "<r>", "<c>", "<q>", "<x>"));
        Assert.Contains("<g>a0", coloured, StringComparison.Ordinal);
    }

    [Fact]
    public void The_map_of_today_names_every_shared_cpu_core_and_cache()
    {
        PlacementNeighbour At(string name, params string[] pins) => new() { Name = name, Vcpus = pins.Length, VcpuPins = pins.Select((pin, vcpu) => (pin, vcpu)).ToDictionary(pair => pair.vcpu, pair => new CpuSet(pair.pin)) };
        var map = HostMap.Of(RuleScene.Grid(1, 4, 2), [At("a1", "0"), At("b1", "0", "2"), At("c1", "3")]);
        Assert.Contains("host CPU 0: vCPU 0 of a1, vCPU 0 of b1", map.Shared);
        Assert.Contains("core of CPUs 2-3: b1, c1", map.Shared);
        Assert.Contains("die (CPUs 0-7): a1, b1, c1", map.Shared);
        Assert.False(map.IsPlanned);
    }

    [Fact]
    public void A_saved_placement_comes_back_whole()
    {
        var plan = Plan();
        var text = EngineDocument.Write(plan);
        var back = EngineDocument.Read<PlacementPlan>(text);

        Assert.Equal(text, EngineDocument.Write(back));
        Assert.Equal((plan.Title, plan.Pins, plan.Nodes), (back.Title, back.Pins, back.Nodes));
        Assert.Equal(plan.Reasons, back.Reasons);
        Assert.Equal(plan.Shared, back.Shared);
        Assert.NotEmpty(back.Reasons);
        Assert.Equal(HostMap.Of(plan.HostPlacement).ToString(), HostMap.Of(back.HostPlacement).ToString());
    }

    [Fact]
    public void A_saved_placement_that_is_not_its_change_or_cannot_be_drawn_is_refused()
    {
        Refused("not the one of its change", record => Pins(record)["0"] = (int)Pins(record)["0"]! + 1);
        Refused("not the one of its change", record => Pins(record)["7"] = 3);
        Refused("not the one of its change", record => record["HostPlacement"]!["VMs"] = new JsonArray());
        Refused("number of vCPUs", record => record["HostPlacement"]!["Request"]!["VMs"]![0]!["Vcpus"] = int.MaxValue);
        Refused("cannot be drawn", record =>
        {
            var cpus = record["HostPlacement"]!["Request"]!["Host"]!["Nodes"]![0]!["Cpus"]!.AsArray();
            var twin = cpus[0]!.DeepClone();
            twin["Speed"] = 1024;
            cpus.Add(twin);
        });

        static JsonNode Pins(JsonNode record) => record["HostPlacement"]!["VMs"]![0]!["VcpuPins"]!;

        static void Refused(string why, Action<JsonNode> lie)
        {
            var document = JsonNode.Parse(EngineDocument.Write(Plan()))!;
            lie(document["Record"]!);
            Assert.Contains(why, Assert.Throws<FormatException>(() => EngineDocument.Read<PlacementPlan>(document.ToJsonString())).Message, StringComparison.Ordinal);
        }
    }

    private static PlacementPlan Plan()
    {
        var (vm, host) = (Vm(string.Empty), RuleScene.Grid(2, 4, 1));
        var placement = PlacementPlanner.Plan(new PlacementRequest
        {
            Host = host,
            VMs = [PlacementReader.ToVM(vm, host, kernel: null, keepsMemory: false, [])],
            Neighbours = [new PlacementNeighbour { Name = "web01", Vcpus = 1, VcpuPins = new Dictionary<int, CpuSet> { [0] = new(0) } }],
        });
        return new PlacementPlan(
            new VMTuningPlan
            {
                VMName = vm.VMName,
                VMId = vm.VMId,
                ConnectionUri = vm.ConnectionUri,
                Change = PlacementPlan.ToChange(vm, placement.VMs[0], host.OnlineCpus, ChangeScope.Auto),
                ChangesRunning = true,
                ChangesConfiguration = true,
                RequiresRestart = false,
                HasChanges = true,
                Differences = [],
                Findings = [],
            },
            placement);
    }

    private static (string?, string?) Policy(KvmTune.Tuning.Changes.PlacementChange change) => (change.NumaPolicy?.Mode, change.NumaPolicy?.NodeSet);

    private static KvmTune.Tuning.Changes.PlacementChange Change(VMTopology vm) =>
        PlacementPlan.ToChange(vm, Place(), new CpuSet("0-7"), ChangeScope.Auto);

    private static VMPlacement Place() => new()
    {
        VMName = "db01",
        VMId = Guid.Empty,
        VcpuPins = new Dictionary<int, int> { [0] = 4, [1] = 5 },
        Nodes = new CpuSet(1),
        Caches = [new CacheDomain(1, 3, 1024, new CpuSet("4-7"))],
        ServiceCpus = new CpuSet(6),
        MemoryNodes = new CpuSet(1),
    };

    private static VMTopology Vm(string inside)
    {
        var configuration = DomainXmlReader.Read(RuleScene.Vm("db01", 2, inside));
        return new VMTopology
        {
            VMName = "db01",
            VMId = Guid.Empty,
            ConnectionUri = "qemu:///system",
            State = VMState.Running,
            IsPersistent = true,
            Running = configuration,
            Configured = configuration,
            Vcpus = [],
        };
    }
}
