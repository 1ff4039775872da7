// Set-VMCpuModel: the CPU model and the CPU topology that the guest sees.
using System.Globalization;
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;

namespace KvmTune.Cmdlets.Cpu;

/// <summary>Sets the CPU model and topology of a VM. In force from the next start on.</summary>
[Cmdlet(VerbsCommon.Set, "VMCpuModel", SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class SetVMCpuModelCommand : VMChangeCmdlet
{
    /// <summary>host-passthrough, host-model, maximum, or a named model such as EPYC (virsh cpu-models lists them).</summary>
    [Parameter(Position = 1, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(CpuModelCompleter))]
    [Form(@"\A[A-Za-z0-9._-]*\z", "letters, digits, points and hyphens, for example EPYC or host-passthrough")]
    public string? Model { get; set; }

    /// <summary>CPU features that the guest must have beyond the model, for example topoext.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [CellTransformation(IsList = true)]
    [ArgumentCompleter(typeof(CpuFeatureCompleter))]
    [Form(@"\A[A-Za-z0-9._-]*\z", "letters, digits, points and hyphens, for example EPYC or host-passthrough")]
    public string[] Feature { get; set; } = [];

    /// <summary>CPU features that the guest must not have.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [CellTransformation(IsList = true)]
    [ArgumentCompleter(typeof(CpuFeatureCompleter))]
    [Form(@"\A[A-Za-z0-9._-]*\z", "letters, digits, points and hyphens, for example EPYC or host-passthrough")]
    public string[] WithoutFeature { get; set; } = [];

    /// <summary>The topology as sockets x cores x threads, for example 1x4x2; its product must be the VM's maximum of vCPUs.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [Form(@"\A(\d{1,4}x\d{1,4}x\d{1,4})?\z", "sockets x cores x threads, for example 1x4x2")]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public string? Topology { get; set; }

    /// <summary>Takes the topology from the pins: as many threads in a core as the pinned host CPUs have siblings.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [FlagTransformation]
    public SwitchParameter MatchPins { get; set; }

    /// <inheritdoc/>
    protected override KvmTuneException? CheckSettings() => Model is null && Topology is null && !MatchPins && Feature.Length + WithoutFeature.Length == 0
        ? new KvmTuneException("NothingToSet", KvmTuneErrorCategory.InvalidArgument, "Say what to set: -Model, -Feature, -WithoutFeature, -Topology or -MatchPins.")
        : null;

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm)
    {
        var values = new List<SettingValue>();
        if (Model is not null)
        {
            values.AddRange(CpuModelChange.OfModel(Model));
        }

        if ((MatchPins ? FromPins(vm) : Topology is null ? null : Parse(Topology)) is { } topology)
        {
            values.AddRange(CpuModelChange.OfTopology(topology));
        }

        values.AddRange(Feature.Distinct(StringComparer.Ordinal).Select(feature => CpuModelChange.OfFeature(feature, "require")));
        values.AddRange(WithoutFeature.Except(Feature, StringComparer.Ordinal).Select(feature => CpuModelChange.OfFeature(feature, "disable")));
        var change = new CpuModelChange
        {
            VMName = vm.Domain.Name,
            VMId = vm.Domain.Id,
            ConnectionUri = vm.Host.Uri,
            Scope = Scope,
            Values = values,
        };
        yield return WithThreads(change, vm);
    }

    // A guest on AMD takes threads for threads only with topoext, which goes with the topology then.
    private static CpuModelChange WithThreads(CpuModelChange change, VMTarget vm)
    {
        var document = PersistentDocument.Of(vm);
        change.Edit(document);
        var after = document.ToConfiguration();
        return after.Cpu.Topology is { Threads: > 1 } && GuestCpuAbilities.Read(vm.Host, after.Architecture, after.Machine, after.DomainType) is { } host
            && CpuModelRules.ShouldHaveTopoext(after, host)
                ? change with { Values = [.. change.Values, CpuModelChange.OfFeature(CpuModelRules.Topoext, "require")] }
                : change;
    }

    private static CpuTopology Parse(string text)
    {
        var numbers = text.Split('x').Select(number => int.Parse(number, CultureInfo.InvariantCulture)).ToArray();
        return new CpuTopology(numbers[0], 1, numbers[1], numbers[2]);
    }

    // Siblings on the host become threads in the guest; that needs every vCPU pinned to one host CPU, siblings side by side.
    private static CpuTopology FromPins(VMTarget vm)
    {
        var configuration = DomainXmlReader.Read(vm.Domain.GetXml(vm.Domain.IsPersistent ? Libvirt.DomainXmlFlags.Inactive : Libvirt.DomainXmlFlags.None));
        var host = HostReading.ReadCpus(vm.Host).Cpus.ToDictionary(cpu => cpu.Id);
        var cpus = Enumerable.Range(0, configuration.MaxVcpus)
            .Select(vcpu => configuration.VcpuPins.TryGetValue(vcpu, out var pin) && pin.Count == 1 ? host.GetValueOrDefault(pin.Numbers[0]) : null).ToList();
        var threads = cpus[0] is null ? 1 : cpus.TakeWhile(cpu => cpu is not null && cpu.Siblings.Contains(cpus[0]!.Id)).Count();
        var isRegular = cpus.All(cpu => cpu is not null) && cpus.Count % threads == 0
            && cpus.Chunk(threads).All(core => core.All(cpu => cpu!.Siblings.Contains(core[0]!.Id)) && core.Select(cpu => cpu!.Id).Distinct().Count() == threads);
        return isRegular
            ? new CpuTopology(1, 1, cpus.Count / threads, threads)
            : throw new KvmTuneException(
                "PinsGiveNoTopology", KvmTuneErrorCategory.InvalidOperation,
                $"The pins of '{vm.Domain.Name}' give no topology: every vCPU must be pinned to one host CPU, and siblings must stand side by side. Pin with Set-VcpuPin -Map first, or say -Topology.");
    }
}
