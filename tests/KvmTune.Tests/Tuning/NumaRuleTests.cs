// For each rule of the NUMA policy, a test that breaks it and one that just keeps it.
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class NumaRuleTests
{
    private const string Restrictive = "<numatune><memory mode='restrictive' nodeset='0'/></numatune>";

    [Fact]
    public void A_node_that_the_host_has_not_is_refused()
    {
        new RuleScene { Change = Policy("strict", "2"), Host = RuleScene.Grid(2, 4, 1) }.Breaks(NumaRules.NumaNodeExists, "node 2", "0-1");
        new RuleScene { Change = Policy("strict", "1"), Host = RuleScene.Grid(2, 4, 1) }.Keeps(NumaRules.NumaNodeExists);
        new RuleScene { Change = Policy("strict", "0"), Host = RuleScene.Grid(0, 0, 1) }.Breaks(NumaRules.NumaNodeExists, "It has: none.");
    }

    [Fact]
    public void A_node_without_memory_is_refused()
    {
        var host = RuleScene.WithoutMemory(RuleScene.Grid(3, 4, 1), node: 1);
        new RuleScene { Change = Policy("strict", "1"), Host = host }.Breaks(NumaRules.NumaNodeExists, "Host node 1 has no memory. Nodes with memory are: 0,2.");
        new RuleScene { Change = Policy("strict", "0-1"), Host = host }.Breaks(NumaRules.NumaNodeExists, "Host node 1 has no memory");
        new RuleScene { Change = Policy("strict", "0,2"), Host = host }.Keeps(NumaRules.NumaNodeExists);

        // A driver that reports no memory at all says nothing about the nodes.
        var silent = RuleScene.WithoutMemory(RuleScene.WithoutMemory(RuleScene.Grid(2, 4, 1), node: 0), node: 1);
        new RuleScene { Change = Policy("strict", "1"), Host = silent }.Keeps(NumaRules.NumaNodeExists);
    }

    [Fact]
    public void A_policy_is_live_only_in_its_nodes_and_only_where_the_mode_is_restrictive()
    {
        new RuleScene { Change = Policy("strict", "0") with { Scope = ChangeScope.Live }, IsRunning = true }.Breaks(NumaRules.NumaModeIsNotLive, "-Scope Config");
        new RuleScene { Change = Policy("restrictive", "0", true) with { Scope = ChangeScope.Live }, IsRunning = true, Xml = RuleScene.Vm(inside: Restrictive) }
            .Keeps(NumaRules.NumaModeIsNotLive);
    }

    [Fact]
    public void Memory_that_is_placed_may_stay_and_that_is_said()
    {
        var host = RuleScene.Grid(2, 4, 1);
        new RuleScene { Change = Policy("restrictive", "1", true), IsRunning = true, Xml = RuleScene.Vm(inside: Restrictive), Host = host }
            .Breaks(NumaRules.PlacedMemoryMayStay, "node 0");
        new RuleScene { Change = Policy("restrictive", "0", true), IsRunning = true, Xml = RuleScene.Vm(inside: Restrictive), Host = host }
            .Keeps(NumaRules.PlacedMemoryMayStay);
    }

    [Fact]
    public void Automatic_placement_needs_numad()
    {
        var automatic = RuleScene.Vm(vcpuAttributes: "placement='auto'");
        new RuleScene { Change = Policy("strict", "0"), Xml = automatic, Abilities = new() { HasNumad = false } }.Breaks(NumaRules.AutoPlacementNeedsNumad, "numad");
        new RuleScene { Change = Policy("strict", "0"), Xml = automatic }.Keeps(NumaRules.AutoPlacementNeedsNumad);
        new RuleScene { Change = Policy("strict", "0"), Abilities = new() { HasNumad = false } }.IsSilent(NumaRules.AutoPlacementNeedsNumad);
    }

    [Fact]
    public void A_cell_policy_needs_its_cell()
    {
        const string Policies = "<numatune><memory mode='strict' nodeset='0'/><memnode cellid='1' mode='strict' nodeset='0'/></numatune>";
        const string Cells = "<cpu><numa><cell id='0' cpus='0-1' memory='524288'/><cell id='1' cpus='2-3' memory='524288'/></numa></cpu>";
        new RuleScene { Change = Policy("strict", "0"), Xml = RuleScene.Vm(inside: Policies) }.Breaks(NumaRules.CellPolicyNeedsGuestCells, "cell 1");
        new RuleScene { Change = Policy("strict", "0"), Xml = RuleScene.Vm(inside: Policies + Cells) }.Keeps(NumaRules.CellPolicyNeedsGuestCells);
        new RuleScene { Change = Policy("restrictive", "0"), Xml = RuleScene.Vm(inside: Policies + Cells) }.Breaks(NumaRules.RestrictiveIsForAll, "cell 1");
        new RuleScene { Change = Policy("strict", "0"), Xml = RuleScene.Vm(inside: Policies + Cells) }.Keeps(NumaRules.RestrictiveIsForAll);
    }

    [Fact]
    public void A_session_daemon_cannot_move_nodes_live()
    {
        var change = Policy("restrictive", "0", true);
        new RuleScene { Change = change, Host = RuleScene.Grid(1, 4, 1) with { ConnectionUri = "qemu:///session" }, IsRunning = true, Xml = RuleScene.Vm(inside: Restrictive) }
            .Breaks(NumaRules.LiveNumaNeedsSystemMode, "session");
        new RuleScene { Change = change, IsRunning = true, Xml = RuleScene.Vm(inside: Restrictive) }.Keeps(NumaRules.LiveNumaNeedsSystemMode);
    }

    private static NumaPolicyChange Policy(string mode, string nodes, bool runningIsRestrictive = false) => new()
    {
        Mode = mode,
        NodeSet = nodes,
        RunningIsRestrictive = runningIsRestrictive,
    };
}
