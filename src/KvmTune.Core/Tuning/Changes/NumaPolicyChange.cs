// Sets from which host NUMA nodes a VM takes its memory, and how strictly.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning.Changes;

/// <summary>The NUMA policy of one guest cell (<c>&lt;memnode&gt;</c>) as it stands in the XML.</summary>
/// <param name="CellId">The guest's cell.</param>
/// <param name="Mode">The mode; null for "not set".</param>
/// <param name="NodeSet">The host nodes in libvirt's list syntax; null for "not set".</param>
public sealed record NumaCellPolicy(int CellId, string? Mode, string? NodeSet)
{
    private SettingPath Path =>
        SettingPath.Of(new SettingElement("numatune")).Child("memnode", "cellid", CellId.ToString(CultureInfo.InvariantCulture));

    /// <summary>The settings of the policy.</summary>
    internal IEnumerable<SettingValue> Settings => [new SettingValue(Path.At("mode"), Mode), new SettingValue(Path.At("nodeset"), NodeSet)];

    /// <summary>The policy of the same cell, with other values.</summary>
    internal NumaCellPolicy With(Func<SettingPath, string?> valueOf) => this with { Mode = valueOf(Path.At("mode")), NodeSet = valueOf(Path.At("nodeset")) };

    /// <summary>For example <c>cell 0: strict on nodes 0</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"cell {CellId}: {Mode ?? "default"} on nodes {NodeSet ?? "-"}");
}

/// <summary>
/// Sets or clears <c>&lt;numatune&gt;&lt;memory&gt;</c> (virsh <c>numatune</c>). The mode is fixed at the VM's start; the nodes can change
/// live only if the running mode is restrictive, and memory that is already allocated may stay where it is.
/// </summary>
public sealed record NumaPolicyChange : VMChange
{
    private static readonly Setting[] PolicySettings = [.. SettingCatalog.All.Where(setting => setting.Elements[0].Name == "numatune")];
    private static readonly SettingPath Memory = SettingPath.Of(new SettingElement("numatune")).Child("memory");

    /// <summary>strict, preferred, interleave or restrictive; null for "not set", which means strict to libvirt if nodes are given.</summary>
    public required string? Mode { get; init; }

    /// <summary>The host nodes in libvirt's list syntax, as they were written; null for "not set".</summary>
    public required string? NodeSet { get; init; }

    /// <summary>The host nodes; null for "not set".</summary>
    public CpuSet? Nodes => CpuSet.TryParse(NodeSet, out var nodes) ? nodes : null;

    /// <summary>static or auto; null for "not set".</summary>
    public string? Placement { get; init; }

    /// <summary>Whether the running VM has the mode restrictive, so that its nodes can be changed live.</summary>
    public bool RunningIsRestrictive { get; init; }

    /// <summary>The policies of single guest cells that are set or cleared too; libvirt accepts them only for cells that exist.</summary>
    public IReadOnlyList<NumaCellPolicy> CellPolicies { get; init => field = Items.Of(value); } = Items<NumaCellPolicy>.None;

    /// <inheritdoc/>
    public override TuningArea Area => TuningArea.Memory;

    /// <inheritdoc/>
    public override bool CanBeLive => RunningIsRestrictive && Mode == "restrictive" && Nodes is not null && CellPolicies.Count == 0;

    /// <inheritdoc/>
    public override string Title => string.Join(", ", CellPolicies.Where(policy => policy.NodeSet is not null)
        .Select(policy => string.Create(CultureInfo.InvariantCulture, $"guest cell {policy.CellId} from host node {policy.NodeSet}"))
        .Prepend(Nodes is null && Mode is null ? "no NUMA policy" : $"memory {Mode ?? "strict"} from host node {Nodes}"));

    /// <inheritdoc/>
    internal override IReadOnlyList<SettingValue> Settings => new List<SettingValue>(
    [
        new(Memory.At("mode"), Mode),
        new(Memory.At("nodeset"), NodeSet),
        new(Memory.At("placement"), Placement),
        .. CellPolicies.SelectMany(policy => policy.Settings),
    ]);

    /// <inheritdoc/>
    internal override IReadOnlyList<Setting> Kinds => PolicySettings;

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration)
    {
    }

    /// <inheritdoc/>
    public override void ApplyLive(LiveTarget target) =>
        target.Domain.SetNumaParameters(new Dictionary<string, object>(StringComparer.Ordinal) { ["numa_nodeset"] = Nodes!.ToString() }, AffectTarget.Live);

    /// <inheritdoc/>
    public override IReadOnlyList<Verification> VerifyLive(LiveTarget target) => target.Process is { } process
        ? [new Verification("nodes of the emulator", VerifiedBy.Kernel, "kernel: Mems_allowed", Nodes!.ToString(), process.AllowedNodes(process.ProcessId)?.ToString() ?? "process gone")]
        : [new Verification("nodes", VerifiedBy.Libvirt, "libvirt", Nodes!.ToString(), target.Domain.GetNumaParameters(AffectTarget.Live).TryGetValue("numa_nodeset", out var nodes) ? (string)nodes : string.Empty)];

    /// <inheritdoc/>
    public override async Task<IReadOnlyList<Verification>> VerifyRestartedAsync(RestartedTarget target, CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        return [new Verification("NUMA mode", VerifiedBy.Libvirt, "libvirt: running VM", Mode ?? (Nodes is null ? "(not set)" : "strict"), target.Running.Memory.NumaMode ?? "(not set)")];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> VirshCommands(VMIdentity vm, bool live, bool config, DomainDocument before, DomainDocument after)
    {
        var commands = new List<string>();
        if (live)
        {
            commands.Add(VirshText.Command(vm.ConnectionUri, "numatune", vm.VirshName, "--nodeset", NodeSet!, "--live"));
        }

        if (config)
        {
            commands.Add(VirshEdit.Command(vm, before, after));
        }

        return commands;
    }

    /// <inheritdoc/>
    protected override VMChange WithSettings(Func<SettingPath, string?> valueOf) => this with
    {
        Mode = valueOf(Memory.At("mode")),
        NodeSet = valueOf(Memory.At("nodeset")),
        Placement = valueOf(Memory.At("placement")),
        CellPolicies = CellPolicies.Select(policy => policy.With(valueOf)).ToList(),
    };
}
