// For each rule of the CPU area, a test that breaks it and one that just keeps it.
using KvmTune.Tests.Corpus;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class CpuRuleTests
{
    [Fact]
    public void The_vcpu_cpuset_is_the_pin_of_every_vcpu_that_has_none()
    {
        var crowded = RuleScene.Vm(vcpuAttributes: "cpuset='2'");
        new RuleScene { Change = Pin((0, "3")), Xml = crowded }.Breaks(CpuRules.PinSharesHostCpuWithinVM, "host CPU 2 carries the vCPUs 1, 2, 3");
        new RuleScene { Change = Pin((0, "2")), Neighbours = [RuleScene.Vm("web01", vcpuAttributes: "cpuset='2'")] }
            .Breaks(CpuRules.PinOvercommitsHostCpu, "host CPU 2 also carries vCPU 0 of 'web01'");
        new RuleScene { Change = Pin((0, "2")), Neighbours = [RuleScene.Vm("web01", vcpuAttributes: "cpuset='0-7'")] }.Keeps(CpuRules.PinOvercommitsHostCpu);
        new RuleScene { Change = Pin((0, "2")), Xml = RuleScene.Vm(vcpuAttributes: "cpuset='2-3'") }.Breaks(CpuRules.EmulatorOnVcpuHostCpu, "vCPU 0");
    }

    [Fact]
    public void A_change_of_a_managers_VM_says_that_the_manager_overwrites_it()
    {
        var managed = RuleScene.Vm(inside: "<metadata><nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'><nova:name>db</nova:name></nova:instance></metadata>");
        new RuleScene { Change = Pin((0, "1")), Xml = managed }.Breaks(ScopeRules.ManagerOverwritesChange, "db01", "Nova");
        new RuleScene { Change = Pin((0, "1")), Xml = RuleScene.Vm(inside: "<metadata><acme:note xmlns:acme='urn:acme'>nova</acme:note></metadata>") }.IsSilent(ScopeRules.ManagerOverwritesChange);
    }

    [Fact]
    public void A_pin_to_no_host_cpu_is_refused()
    {
        new RuleScene { Change = Pin((0, "1,^1")) }.Breaks(CpuRules.PinNeedsHostCpu, "vCPU 0");
        new RuleScene { Change = Pin((0, "1")) }.Keeps(CpuRules.PinNeedsHostCpu);
        new RuleScene { Change = Pin((0, null)) }.IsSilent(CpuRules.PinNeedsHostCpu);
    }

    [Fact]
    public void A_pin_to_a_host_cpu_that_is_not_online_is_refused()
    {
        new RuleScene { Change = Pin((0, "8")) }.Breaks(CpuRules.PinToOnlineHostCpu, "8", "0-7");
        new RuleScene { Change = Pin((0, "7")) }.Keeps(CpuRules.PinToOnlineHostCpu);
        new RuleScene { Change = Emulator("999") }.Breaks(CpuRules.PinToOnlineHostCpu, "999");
        new RuleScene { Change = Pin((0, "7")), Host = RuleScene.Flat(8) with { OnlineCpus = new CpuSet("0-6") } }.Breaks(CpuRules.PinToOnlineHostCpu, "7");
    }

    [Fact]
    public void Two_vcpus_of_a_vm_on_one_host_cpu_are_warned_about()
    {
        new RuleScene { Change = Pin((0, "2"), (1, "2")) }.Breaks(CpuRules.PinSharesHostCpuWithinVM, "host CPU 2", "0, 1");
        new RuleScene { Change = Pin((0, "2-3"), (1, "2-3")) }.Keeps(CpuRules.PinSharesHostCpuWithinVM);
    }

    [Fact]
    public void A_host_cpu_that_carries_another_vms_pin_is_warned_about_by_name()
    {
        var neighbour = RuleScene.Vm("web01", 2, "<cputune><vcpupin vcpu='1' cpuset='2'/></cputune>");
        new RuleScene { Change = Pin((0, "2")), Neighbours = [neighbour] }.Breaks(CpuRules.PinOvercommitsHostCpu, "vCPU 1 of 'web01'", "host CPU 2");
        new RuleScene { Change = Pin((0, "3")), Neighbours = [neighbour] }.Keeps(CpuRules.PinOvercommitsHostCpu);

        // libvirt shows a removed live pin as a pin to all host CPUs: that counts as none.
        var freed = RuleScene.Vm("web02", 1, "<cputune><vcpupin vcpu='0' cpuset='0-7'/></cputune>");
        new RuleScene { Change = Pin((0, "3")), Neighbours = [freed] }.Keeps(CpuRules.PinOvercommitsHostCpu);
    }

    [Fact]
    public void An_emulator_on_a_vcpus_host_cpu_is_warned_about_whichever_comes_second()
    {
        new RuleScene { Change = Pin((0, "2")), Xml = RuleScene.Vm(inside: "<cputune><emulatorpin cpuset='2'/></cputune>") }
            .Breaks(CpuRules.EmulatorOnVcpuHostCpu, "vCPU 0", "host CPU 2");
        new RuleScene { Change = Emulator("2"), Xml = RuleScene.Vm(inside: "<cputune><vcpupin vcpu='0' cpuset='2'/></cputune>") }
            .Breaks(CpuRules.EmulatorOnVcpuHostCpu, "host CPU 2");
        new RuleScene { Change = Emulator("3"), Xml = RuleScene.Vm(inside: "<cputune><vcpupin vcpu='0' cpuset='2'/></cputune>") }
            .Keeps(CpuRules.EmulatorOnVcpuHostCpu);
    }

    [Fact]
    public void Isolated_cpus_carry_one_vcpu_each_and_no_emulator()
    {
        var host = RuleScene.Flat(8) with { IsolatedCpus = new CpuSet("4-7") };
        new RuleScene { Change = Pin((0, "4-5")), Host = host }.Breaks(CpuRules.IsolatedCpusNeedOneVcpuEach, "4-5");
        new RuleScene { Change = Pin((0, "4"), (1, "4")), Host = host }.Breaks(CpuRules.IsolatedCpusNeedOneVcpuEach, "host CPU 4");
        new RuleScene { Change = Emulator("4"), Host = host }.Breaks(CpuRules.IsolatedCpusNeedOneVcpuEach, "emulator");
        new RuleScene { Change = Pin((0, "4"), (1, "5")), Host = host }.Keeps(CpuRules.IsolatedCpusNeedOneVcpuEach);
    }

    [Fact]
    public void Pins_across_nodes_are_warned_about_unless_the_guest_has_cells()
    {
        var host = RuleScene.Grid(2, 4, 1);
        new RuleScene { Change = Pin((0, "3"), (1, "4")), Host = host }.Breaks(CpuRules.PinsCrossNumaNodes, "0, 1");
        new RuleScene { Change = Pin((0, "2"), (1, "3")), Host = host }.Keeps(CpuRules.PinsCrossNumaNodes);
        new RuleScene
        {
            Change = Pin((0, "3"), (1, "4")),
            Host = host,
            Xml = RuleScene.Vm(inside: "<cpu><numa><cell id='0' cpus='0-1' memory='524288'/><cell id='1' cpus='2-3' memory='524288'/></numa></cpu>"),
        }.IsSilent(CpuRules.PinsCrossNumaNodes);
    }

    [Fact]
    public void Pins_without_a_matching_memory_policy_are_warned_about_on_a_host_with_nodes()
    {
        var host = RuleScene.Grid(2, 4, 1);
        new RuleScene { Change = Pin((0, "5")), Host = host }.Breaks(CpuRules.PinsWithNumaPolicy, "Set-VMNumaPolicy -Nodes 1");
        new RuleScene { Change = Pin((0, "5")), Host = host, Xml = RuleScene.Vm(inside: "<numatune><memory mode='strict' nodeset='0'/></numatune>") }
            .Breaks(CpuRules.PinsWithNumaPolicy, "node 0");
        new RuleScene { Change = Pin((0, "5")), Host = host, Xml = RuleScene.Vm(inside: "<numatune><memory mode='strict' nodeset='1'/></numatune>") }
            .Keeps(CpuRules.PinsWithNumaPolicy);
        new RuleScene { Change = Pin((0, "5")) }.IsSilent(CpuRules.PinsWithNumaPolicy);
    }

    [Fact]
    public void Memory_comes_from_nodes_that_have_some()
    {
        var host = RuleScene.WithoutMemory(RuleScene.Grid(2, 4, 1), node: 1);
        new RuleScene { Change = Pin((0, "5")), Host = host }.Breaks(CpuRules.PinsWithNumaPolicy, "Set-VMNumaPolicy -Nodes 0.");
        new RuleScene { Change = Pin((0, "3"), (1, "5")), Host = host }.Breaks(CpuRules.PinsWithNumaPolicy, "Set-VMNumaPolicy -Nodes 0.");
        new RuleScene { Change = Pin((0, "5")), Host = host, Xml = Policy("0") }.Keeps(CpuRules.PinsWithNumaPolicy);
        new RuleScene { Change = Pin((0, "3"), (1, "5")), Host = host, Xml = Policy("0") }.Keeps(CpuRules.PinsWithNumaPolicy);
        new RuleScene { Change = Pin((0, "5")), Host = host, Xml = Policy("0-1") }.Breaks(CpuRules.PinsWithNumaPolicy, "node 1 has none");

        static string Policy(string nodes) => RuleScene.Vm(inside: $"<numatune><memory mode='strict' nodeset='{nodes}'/></numatune>");
    }

    [Fact]
    public void Policies_of_all_cells_are_a_policy_of_the_whole_memory()
    {
        const string Cells = "<cpu><numa><cell id='0' cpus='0-1' memory='524288'/><cell id='1' cpus='2-3' memory='524288'/></numa></cpu>";
        var change = Pin((0, "0"), (1, "1"), (2, "4"), (3, "5"));
        new RuleScene { Change = change, Host = RuleScene.Grid(3, 4, 1), Xml = Policies("0", "1") }.Keeps(CpuRules.PinsWithNumaPolicy);
        new RuleScene { Change = change, Host = RuleScene.Grid(3, 4, 1), Xml = Policies("0", "2") }.Breaks(CpuRules.PinsWithNumaPolicy, "the memory comes from node 0,2");
        new RuleScene { Change = change, Host = RuleScene.Grid(3, 4, 1), Xml = Policies("0", null) }.Breaks(CpuRules.PinsWithNumaPolicy, "no NUMA policy");

        static string Policies(params string?[] nodes) => RuleScene.Vm(inside: Cells + "<numatune>"
            + string.Concat(nodes.Select((set, cell) => set is null ? null : $"<memnode cellid='{cell}' mode='strict' nodeset='{set}'/>")) + "</numatune>");
    }

    [Theory]
    [InlineData("<vcpu current='2'>6</vcpu>", true)]
    [InlineData("<vcpu current='3'>6</vcpu>", false)]
    [InlineData("<vcpu current='2'>6</vcpu><vcpus><vcpu id='0' enabled='yes' hotpluggable='no'/><vcpu id='1' enabled='no' hotpluggable='yes'/><vcpu id='2' enabled='yes' hotpluggable='yes'/></vcpus>", false)]
    [InlineData("<vcpu current='3'>6</vcpu><vcpus><vcpu id='0' enabled='yes' hotpluggable='no'/><vcpu id='1' enabled='yes' hotpluggable='yes'/><vcpu id='2' enabled='no' hotpluggable='yes'/><vcpu id='5' enabled='yes' hotpluggable='yes'/></vcpus>", true)]
    public void A_slot_for_a_vcpu_loads_no_host_cpu(string vcpus, bool isFree)
    {
        // vCPU 2 of the neighbour belongs on host CPU 4.
        var neighbour = RuleScene.Vm("web01", 6, "<cputune>" + string.Concat(Enumerable.Range(0, 6).Select(vcpu => $"<vcpupin vcpu='{vcpu}' cpuset='{vcpu + 2}'/>")) + "</cputune>")
            .Replace("<vcpu >6</vcpu>", vcpus, StringComparison.Ordinal);
        var scene = new RuleScene { Change = Pin((0, "4")), Neighbours = [neighbour] };
        if (isFree)
        {
            scene.Keeps(CpuRules.PinOvercommitsHostCpu);
        }
        else
        {
            scene.Breaks(CpuRules.PinOvercommitsHostCpu, "host CPU 4 also carries vCPU 2 of 'web01'");
        }

        // The same from the other side.
        var slots = new RuleScene { Change = Pin((2, "4")), Xml = neighbour, Neighbours = [RuleScene.Vm("db01", 1, "<cputune><vcpupin vcpu='0' cpuset='4'/></cputune>")] };
        if (isFree)
        {
            slots.Keeps(CpuRules.PinOvercommitsHostCpu);
        }
        else
        {
            slots.Breaks(CpuRules.PinOvercommitsHostCpu, "'db01'");
        }
    }

    [Fact]
    public void Siblings_that_the_guest_sees_as_cores_are_warned_about_and_the_reverse()
    {
        var host = RuleScene.Grid(1, 4, 2);
        var threaded = RuleScene.Vm(inside: "<cpu><topology sockets='1' cores='2' threads='2'/></cpu>");
        new RuleScene { Change = Pin((0, "0"), (1, "1")), Host = host }.Breaks(CpuRules.SiblingsMatchGuestTopology, "separate cores in the guest");
        new RuleScene { Change = Pin((0, "0"), (1, "2")), Host = host, Xml = threaded }.Breaks(CpuRules.SiblingsMatchGuestTopology, "threads of one core in the guest");
        new RuleScene { Change = Pin((0, "0"), (1, "2")), Host = host }.Keeps(CpuRules.SiblingsMatchGuestTopology);
        new RuleScene { Change = Pin((0, "0"), (1, "1"), (2, "4"), (3, "5")), Host = host, Xml = threaded }.Keeps(CpuRules.SiblingsMatchGuestTopology);
    }

    [Fact]
    public void Pinning_beside_many_unpinned_vms_is_called_the_wrong_tool()
    {
        List<string> Unpinned(int count) => [.. Enumerable.Range(0, count).Select(number => RuleScene.Vm($"vm{number}"))];
        new RuleScene { Change = Pin((0, "2")), Neighbours = Unpinned(CpuRules.ManyUnpinnedVMs) }.Breaks(CpuRules.PinningTakesFreedom, "8 other running VMs");
        new RuleScene { Change = Pin((0, "2")), Neighbours = Unpinned(CpuRules.ManyUnpinnedVMs - 1) }.Keeps(CpuRules.PinningTakesFreedom);
    }

    [Fact]
    public void A_topology_must_have_as_many_cpus_as_the_vm()
    {
        new RuleScene { Change = Topology(1, 2, 1) }.Breaks(CpuRules.TopologyMatchesVcpus, "2 CPUs", "4 vCPUs");
        new RuleScene { Change = Topology(1, 2, 2) }.Keeps(CpuRules.TopologyMatchesVcpus);
    }

    [Fact]
    public void Passthrough_needs_kvm_and_hinders_migration()
    {
        new RuleScene { Change = Model("host-passthrough"), Xml = RuleScene.Vm(type: "qemu") }.Breaks(CpuRules.PassthroughNeedsKvm, "emulated");
        new RuleScene { Change = Model("host-passthrough") }.Keeps(CpuRules.PassthroughNeedsKvm);
        new RuleScene { Change = Model("host-passthrough") }.Breaks(CpuRules.PassthroughHindersMigration, "migration");
        new RuleScene { Change = Model("EPYC") }.Keeps(CpuRules.PassthroughHindersMigration);
    }

    [Fact]
    public void Scope_rules_hold_for_every_change()
    {
        new RuleScene { Change = Pin((0, "2")) with { Scope = ChangeScope.Live } }.Breaks(ScopeRules.LiveNeedsRunningVM, "db01");
        new RuleScene { Change = Pin((0, "2")) with { Scope = ChangeScope.Live }, IsRunning = true }.Keeps(ScopeRules.LiveNeedsRunningVM);
        new RuleScene { Change = Pin((0, "2")) with { Scope = ChangeScope.Config }, IsRunning = true, IsPersistent = false }.Breaks(ScopeRules.ConfigNeedsPersistentVM, "transient");
        new RuleScene { Change = Pin((0, "2")) with { Scope = ChangeScope.Config } }.Keeps(ScopeRules.ConfigNeedsPersistentVM);
        new RuleScene { Change = Model("EPYC") with { Scope = ChangeScope.Live }, IsRunning = true }.Breaks(ScopeRules.ChangeIsNotLive, "-Restart");
        new RuleScene { Change = Pin((0, "2")) with { Scope = ChangeScope.Live }, IsRunning = true }.Keeps(ScopeRules.ChangeIsNotLive);
        new RuleScene { Change = Pin((0, "2")), HasManagedSave = true }.Breaks(ScopeRules.SavedStateHidesChange, "managedsave-remove db01", "shutdown");
        new RuleScene { Change = Pin((0, "2")) }.IsSilent(ScopeRules.SavedStateHidesChange);
    }

    [SkippableFact]
    public void On_every_real_host_of_the_corpus_siblings_and_nodes_are_judged_by_what_the_host_says()
    {
        var judged = 0;
        foreach (var document in LibvirtCorpus.Capabilities())
        {
            var host = CapabilitiesReader.Read(document.Xml, "qemu:///system", document.Name);
            foreach (var pair in host.Cpus.Where(cpu => cpu.Siblings.Count > 1).Take(3))
            {
                var other = pair.Siblings.Numbers.First(cpu => cpu != pair.Id);
                new RuleScene { Change = Pin((0, $"{pair.Id}"), (1, $"{other}")), Host = host }.Breaks(CpuRules.SiblingsMatchGuestTopology);
                judged++;
            }

            if (host.Nodes.Count(node => node.Cpus.Count > 0) > 1)
            {
                var ends = host.Nodes.Where(node => node.Cpus.Count > 0).Select(node => node.Cpus[0].Id).Take(2).ToList();
                new RuleScene { Change = Pin((0, $"{ends[0]}"), (1, $"{ends[1]}")), Host = host }.Breaks(CpuRules.PinsCrossNumaNodes);
                judged++;
            }
        }

        Assert.True(judged > 5, $"Only {judged} hosts of the corpus have siblings or several nodes.");
    }

    private static VcpuPinChange Pin(params (int Vcpu, string? HostCpus)[] pins) => new()
    {
        Pins = pins.ToDictionary(pin => pin.Vcpu, pin => pin.HostCpus is null ? null : new CpuSet(pin.HostCpus)),
    };

    private static EmulatorPinChange Emulator(string hostCpus) => new()
    {
        Pins = new Dictionary<int, CpuSet?> { [EmulatorPinChange.Emulator] = new CpuSet(hostCpus) },
    };

    private static CpuModelChange Model(string model) => new()
    {
        Values = CpuModelChange.OfModel(model),
    };

    private static CpuModelChange Topology(int sockets, int cores, int threads) => new()
    {
        Values = CpuModelChange.OfTopology(new CpuTopology(sockets, 1, cores, threads)),
    };
}
