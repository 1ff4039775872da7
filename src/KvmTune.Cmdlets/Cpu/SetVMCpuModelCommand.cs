// Set-VMCpuModel: the CPU model and the CPU topology that the guest sees.
using System.Globalization;
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Cpu;

/// <summary>Sets the CPU model and topology of a VM. In force from the VM's next start.</summary>
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

    /// <summary>Derives the topology from the pins: each guest core gets as many threads as the pinned host CPUs have siblings.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [FlagTransformation]
    public SwitchParameter MatchPins { get; set; }

    /// <inheritdoc/>
    protected override KvmTuneException? CheckSettings() => Model is null && Topology is null && !MatchPins && Feature.Length + WithoutFeature.Length == 0
        ? new KvmTuneException("NothingToSet", KvmTuneErrorCategory.InvalidArgument, "Specify at least one of -Model, -Feature, -WithoutFeature, -Topology or -MatchPins.")
        : null;

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm)
    {
        var document = PersistentDocument.Of(vm);
        var values = new List<SettingValue>();
        if (Model is not null)
        {
            values.AddRange(CpuModelChange.OfModel(Model));
        }

        if ((MatchPins ? CpuModelChange.TopologyOfPins(document.ToConfiguration(), HostReading.ReadCpus(vm.Host)) : Topology is null ? null : Parse(Topology)) is { } topology)
        {
            values.AddRange(CpuModelChange.OfTopology(topology));
        }

        values.AddRange(Feature.Distinct(StringComparer.Ordinal).Select(feature => CpuModelChange.OfFeature(feature, "require")));
        values.AddRange(WithoutFeature.Except(Feature, StringComparer.Ordinal).Select(feature => CpuModelChange.OfFeature(feature, "disable")));
        var change = new CpuModelChange
        {
            Scope = Scope,
            Values = values,
        };
        yield return change.WithVisibleThreads(document, after => GuestCpuAbilities.Read(vm.Host, after.Architecture, after.Machine, after.DomainType));
    }

    private static CpuTopology Parse(string text)
    {
        var numbers = text.Split('x').Select(number => int.Parse(number, CultureInfo.InvariantCulture)).ToArray();
        return new CpuTopology(numbers[0], 1, numbers[1], numbers[2]);
    }
}
