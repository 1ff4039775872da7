// Sets the CPU model and the CPU topology that the guest sees.
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning.Rules;
using static KvmTune.NumberText;

namespace KvmTune.Tuning.Changes;

/// <summary>Sets <c>&lt;cpu mode&gt;</c>, its model and <c>&lt;topology&gt;</c>. In force from the next start on.</summary>
public sealed record CpuModelChange : VMChange
{
    private static readonly Setting[] CpuSettings = [.. SettingCatalog.All.Where(setting => setting.Elements[0].Name == "cpu")];
    private static readonly string[] Modes = ["host-passthrough", "host-model", "maximum"];
    private static readonly SettingPath Cpu = SettingPath.Of(new SettingElement("cpu"));
    private static readonly SettingPath Model = Cpu.Child("model");
    private static readonly SettingPath TopologyPath = Cpu.Child("topology");

    /// <summary>The settings that the change sets, by path; null for "not set".</summary>
    public required IReadOnlyList<SettingValue> Values { get; init => field = Items.Of(value); }

    /// <inheritdoc/>
    public override TuningArea Area => TuningArea.Cpu;

    /// <inheritdoc/>
    public override bool CanBeLive => false;

    /// <inheritdoc/>
    public override string Title
    {
        get
        {
            var model = ValueOf(Model);
            var parts = new List<string>();
            if (Sets(Cpu.At("mode")))
            {
                parts.Add(model is null ? $"CPU mode {ValueOf(Cpu.At("mode")) ?? "not set"}" : $"CPU model {model}");
            }

            if (Sets(TopologyPath.At("sockets")))
            {
                parts.Add(ValueOf(TopologyPath.At("sockets")) is { } sockets
                    ? $"CPU topology {sockets} sockets x {ValueOf(TopologyPath.At("cores"))} cores x {ValueOf(TopologyPath.At("threads"))} threads"
                    : "no CPU topology");
            }

            parts.AddRange(from value in Values
                           where value.Path.Elements is [_, { Name: "feature" }]
                           select $"CPU feature {value.Path.Elements[1].KeyValue} {value.Value ?? "not set"}");

            return string.Join(", ", parts.DefaultIfEmpty($"CPU: {string.Join(", ", Values.Select(value => value.Path.ToString()))}"));
        }
    }

    /// <inheritdoc/>
    internal override IReadOnlyList<SettingValue> Settings => Values;

    /// <summary>
    /// The settings of a CPU mode (host-passthrough, host-model, maximum; in any case) or of a named model. They are written as libvirt
    /// completes them (libvirt 9.0 virDomainDefPostParse), so that the configuration reads back unchanged.
    /// </summary>
    public static IReadOnlyList<SettingValue> OfModel(string modeOrModel)
    {
        var mode = Modes.FirstOrDefault(mode => mode.Equals(modeOrModel, StringComparison.OrdinalIgnoreCase));
        var isMode = mode is not null;
        return
        [
            new(Cpu.At("mode"), mode ?? "custom"),
            new(Cpu.At("match"), isMode ? null : "exact"),
            new(Cpu.At("check"), mode is "host-passthrough" or "maximum" ? "none" : "partial"),
            new(Model.At("fallback"), isMode ? null : "allow"),
            new(Model.At("vendor_id"), null),
            new(Model, isMode ? null : modeOrModel),
        ];
    }

    /// <summary>The setting of a CPU feature.</summary>
    /// <param name="name">The feature, for example topoext.</param>
    /// <param name="policy">require or disable; null for neither.</param>
    public static SettingValue OfFeature(string name, string? policy) => new(Cpu.Child("feature", "name", name).At("policy"), policy);

    /// <summary>The settings of a CPU topology.</summary>
    public static IReadOnlyList<SettingValue> OfTopology(CpuTopology topology) =>
    [
        new(TopologyPath.At("sockets"), Text(topology.Sockets)),
        new(TopologyPath.At("dies"), Text(topology.Dies)),
        new(TopologyPath.At("clusters"), topology.Clusters > 1 ? Text(topology.Clusters) : null),
        new(TopologyPath.At("cores"), Text(topology.Cores)),
        new(TopologyPath.At("threads"), Text(topology.Threads)),
    ];

    /// <summary>The guest topology that follows from the pins: siblings on the host become threads in the guest.</summary>
    /// <exception cref="KvmTuneException">
    /// The pins give no regular topology (<c>PinsGiveNoTopology</c>): each vCPU needs a pin to a host CPU of its own, vCPUs of a core need
    /// consecutive numbers, and each core must have the same number of them.
    /// </exception>
    public static CpuTopology TopologyOfPins(VMConfiguration vm, VMHostTopology host)
    {
        var byId = host.Cpus.ToDictionary(cpu => cpu.Id);
        var cpus = Enumerable.Range(0, vm.MaxVcpus)
            .Select(vcpu => vm.VcpuPins.TryGetValue(vcpu, out var pin) && pin.Count == 1 ? byId.GetValueOrDefault(pin.Numbers[0]) : null).ToList();
        var threads = cpus[0] is { } first ? cpus.TakeWhile(cpu => cpu is not null && cpu.Siblings.Contains(first.Id)).Count() : 1;
        var isRegular = cpus.All(cpu => cpu is not null) && cpus.Count % threads == 0
            && cpus.Chunk(threads).All(core => core.All(cpu => cpu!.Siblings.Contains(core[0]!.Id)) && core.Select(cpu => cpu!.Id).Distinct().Count() == threads)
            && cpus.Select(cpu => cpu!.Siblings.Numbers[0]).Distinct().Count() == cpus.Count / threads;
        return isRegular
            ? new CpuTopology(1, 1, cpus.Count / threads, threads)
            : throw new KvmTuneException(
                "PinsGiveNoTopology", KvmTuneErrorCategory.InvalidOperation,
                $"The pins of '{vm.Name}' give no topology: every vCPU must be pinned to one host CPU, and siblings must stand side by side. Pin with Set-VcpuPin -Map first, or use -Topology.");
    }

    /// <summary>The change, with topoext added if a guest on AMD needs it to see the threads of its topology.</summary>
    /// <param name="before">The configuration to change; it is not modified here.</param>
    /// <param name="abilities">Reads the CPUs that the host can give such a guest; null if unknown.</param>
    public CpuModelChange WithVisibleThreads(DomainDocument before, Func<VMConfiguration, GuestCpuAbilities?> abilities)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(abilities);
        var document = before.Copy();
        Edit(document);
        var after = document.ToConfiguration();
        return after.Cpu.Topology is { Threads: > 1 } && abilities(after) is { } host && CpuModelRules.ShouldHaveTopoext(after, host)
            ? this with { Values = [.. Values, OfFeature(CpuModelRules.Topoext, "require")] }
            : this;
    }

    /// <inheritdoc/>
    internal override IReadOnlyList<Setting> Kinds => CpuSettings;

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration)
    {
    }

    /// <inheritdoc/>
    protected override VMChange WithSettings(Func<SettingPath, string?> valueOf) =>
        this with { Values = [.. Values.Select(value => value with { Value = valueOf(value.Path) })] };

    private bool Sets(SettingPath path) => Values.Any(value => value.Path == path);

    private string? ValueOf(SettingPath path) => Values.FirstOrDefault(value => value.Path == path)?.Value;
}
