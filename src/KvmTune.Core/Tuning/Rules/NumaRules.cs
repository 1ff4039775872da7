// Rules about the NUMA policy of a VM's memory: which modes and nodes libvirt accepts, and when.
using KvmTune.Topology;
using KvmTune.Tuning.Changes;

namespace KvmTune.Tuning.Rules;

/// <summary>Rules of the NUMA policy.</summary>
public static class NumaRules
{
    /// <summary>The host nodes must exist and have memory.</summary>
    public static TuningRule NumaNodeExists { get; } = new(
        nameof(NumaNodeExists), TuningArea.Memory, RuleSeverity.Error,
        "A VM that is bound to a missing node, or to one without memory, does not start.",
        "libvirt formatdomain, numatune; kernel document cgroup-v2, cpuset.mems",
        static context => OfPolicy(context, static (context, change) =>
        {
            if (change.Nodes is null)
            {
                return null;
            }

            var nodes = CpuSet.Of(context.Host.Nodes.Select(node => node.Id));
            return change.Nodes.IsEmpty || !change.Nodes.IsSubsetOf(nodes)
                ? RuleCheck.Broken($"The host has no NUMA node {(change.Nodes.IsEmpty ? "in an empty list" : change.Nodes.Except(nodes))}. It has: {(nodes.IsEmpty ? "none" : nodes.ToString())}.")
                : change.Nodes.Intersect(context.Host.NodesWithoutMemory) is { IsEmpty: false } empty
                    ? RuleCheck.Broken($"Host node {empty} has no memory. Nodes with memory are: {nodes.Except(context.Host.NodesWithoutMemory)}.")
                    : RuleCheck.Kept($"the host has node {change.Nodes}");
        }));

    /// <summary>The mode cannot be changed live.</summary>
    public static TuningRule NumaModeIsNotLive { get; } = new(
        nameof(NumaModeIsNotLive), TuningArea.Memory, RuleSeverity.Error,
        "The mode is fixed when the VM starts; of a running VM only the nodes can change, and only in the mode restrictive.",
        "virsh manual, numatune; libvirt 9.0 qemuDomainSetNumaParameters",
        static context => OfPolicy(context, static (context, change) => context.Change.Scope is not (ChangeScope.Live or ChangeScope.Both)
            ? null
            : change.CanBeLive
                ? RuleCheck.Kept("the running VM has the mode restrictive")
                : RuleCheck.Broken($"The NUMA policy of a running VM can change only in its nodes, and only where its mode is restrictive; here it is {context.VM.Running?.Memory.NumaMode ?? "not set"}. Use -Scope Config, and -Restart to put it in force.")));

    /// <summary>A live change may leave the guest's present memory on its old nodes.</summary>
    public static TuningRule PlacedMemoryMayStay { get; } = new(
        nameof(PlacedMemoryMayStay), TuningArea.Memory, RuleSeverity.Warning,
        "A live change of nodes applies to new memory; memory that the guest has already may stay where it is.",
        "virsh manual, numatune",
        static context => OfPolicy(context, static (context, change) =>
            !context.VM.IsRunning || !change.CanBeLive || context.Change.Scope is ChangeScope.Config
                ? null
                : context.VM.Running?.Memory.NumaNodes == change.Nodes
                    ? RuleCheck.Kept("the nodes stay as they are")
                    : RuleCheck.Broken($"Memory that '{context.After.Name}' has already may stay on node {context.VM.Running?.Memory.NumaNodes?.ToString() ?? "any"}. A restart places it again.")));

    /// <summary>Automatic placement needs numad.</summary>
    public static TuningRule AutoPlacementNeedsNumad { get; } = new(
        nameof(AutoPlacementNeedsNumad), TuningArea.Memory, RuleSeverity.Error,
        "With placement='auto' libvirt asks numad where to put the VM, and the VM does not start without it.",
        "tried on libvirt 9.0.0",
        static context => context.After is not { VcpuPlacement: "auto" } and not { Memory.NumaPlacement: "auto" }
            ? null
            : context.Abilities.HasNumad != false
                ? RuleCheck.Kept("numad is there")
                : RuleCheck.Broken($"'{context.After.Name}' has placement='auto', and numad is not installed on the host. Install numad, or use static placement."));

    /// <summary>Policies of single guest cells need these cells.</summary>
    public static TuningRule CellPolicyNeedsGuestCells { get; } = new(
        nameof(CellPolicyNeedsGuestCells), TuningArea.Memory, RuleSeverity.Error,
        "A policy for a guest's NUMA cell needs that cell.",
        "libvirt formatdomain, memnode; tried on libvirt 9.0.0",
        static context => OfPolicy(context, static (context, _) =>
        {
            var cells = context.After.Cpu.NumaCells.Select(cell => cell.Id).ToHashSet();
            return context.After.Memory.CellPolicies.Count == 0
                ? null
                : RuleCheck.BrokenBy(
                    [.. context.After.Memory.CellPolicies.Where(policy => !cells.Contains(policy.CellId)).Select(policy => $"there is a policy for guest cell {policy.CellId}, and the guest has no such cell")],
                    "every cell policy has its cell",
                    "Remove it with virsh edit, or give the guest the cell.");
        }));

    /// <summary>A restrictive cell needs restrictive memory, and the reverse.</summary>
    public static TuningRule RestrictiveIsForAll { get; } = new(
        nameof(RestrictiveIsForAll), TuningArea.Memory, RuleSeverity.Error,
        "libvirt takes the mode restrictive for single cells only where the whole memory has it too.",
        "libvirt formatdomain, memnode; tried on libvirt 9.0.0",
        static context => OfPolicy(context, static (context, _) =>
        {
            var policies = context.After.Memory.CellPolicies;
            var isRestrictive = context.After.Memory.NumaMode == "restrictive";
            return policies.Count == 0
                ? null
                : RuleCheck.BrokenBy(
                    [.. policies.Where(policy => policy.Mode == "restrictive" != isRestrictive).Select(policy => $"guest cell {policy.CellId} has the mode {policy.Mode ?? "strict"} and the memory {context.After.Memory.NumaMode ?? "strict"}")],
                    "cells and memory agree on restrictive");
        }));

    /// <summary>Live NUMA tuning works through the cpuset controller of the system daemon.</summary>
    public static TuningRule LiveNumaNeedsSystemMode { get; } = new(
        nameof(LiveNumaNeedsSystemMode), TuningArea.Memory, RuleSeverity.Error,
        "A session daemon has no cpuset controller to move a running VM's memory policy with.",
        "libvirt 9.0 qemuDomainSetNumaParametersLive",
        static context => OfPolicy(context, static (context, change) => !change.CanBeLive || !context.VM.IsRunning || context.Change.Scope is ChangeScope.Config
            ? null
            : context.HostCpus.ConnectionUri.EndsWith("/session", StringComparison.Ordinal)
                ? RuleCheck.Broken($"'{context.After.Name}' runs under a session daemon ({context.HostCpus.ConnectionUri}), which cannot change NUMA nodes live. Use -Scope Config.")
                : RuleCheck.Kept("a system daemon")));

    /// <summary>All rules of this file.</summary>
    public static IReadOnlyList<TuningRule> All { get; } =
    [
        NumaNodeExists, NumaModeIsNotLive, PlacedMemoryMayStay, AutoPlacementNeedsNumad, CellPolicyNeedsGuestCells, RestrictiveIsForAll,
        LiveNumaNeedsSystemMode,
    ];

    private static RuleCheck? OfPolicy(RuleContext context, Func<RuleContext, NumaPolicyChange, RuleCheck?> check) =>
        context.Change is NumaPolicyChange change ? check(context, change) : null;
}
