// Set-VcpuPin: pins vCPUs to host CPUs, as virsh vcpupin does, live and persistently.
using System.Collections;
using System.Globalization;
using System.Management.Automation;
using KvmTune.Cmdlets.Common;
using KvmTune.Cmdlets.Completion;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;

namespace KvmTune.Cmdlets.Cpu;

/// <summary>Pins vCPUs of a VM to host CPUs.</summary>
[Cmdlet(VerbsCommon.Set, "VcpuPin", DefaultParameterSetName = OneSet, SupportsShouldProcess = true)]
[OutputType(typeof(VMTuningResult), typeof(VMTuningPlan))]
public sealed class SetVcpuPinCommand : VMChangeCmdlet
{
    private const string OneSet = "One";
    private const string MapSet = "Map";

    /// <summary>The vCPUs, numbered from 0: 0, 0,1, '0-3' or * for all. Several get the same host CPUs.</summary>
    [Parameter(Mandatory = true, Position = 1, ParameterSetName = OneSet, ValueFromPipelineByPropertyName = true)]
    [NamesPart]
    [Alias("Number")]
    [CellTransformation(IsList = true)]
    [ArgumentCompleter(typeof(VcpuCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Vcpu { get; set; } = [];

    /// <summary>The host CPUs that each vCPU may run on: 2, '2-3,^8' or 2,3.</summary>
    [Parameter(Mandatory = true, Position = 2, ParameterSetName = OneSet, ValueFromPipelineByPropertyName = true)]
    [CpuSetTransformation]
    [ArgumentCompleter(typeof(HostCpuCompleter))]
    public CpuSet HostCpu { get; set; } = CpuSet.Empty;

    /// <summary>Several pins in one change: @{ 0 = '2'; 1 = '3-4' }.</summary>
    [Parameter(Mandatory = true, ParameterSetName = MapSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ValueCompleter))]
    public IDictionary? Map { get; set; }

    /// <inheritdoc/>
    protected override IEnumerable<VMChange> CreateChanges(VMTarget vm) =>
    [
        new VcpuPinChange
        {
            Scope = Scope,
            Pins = ParameterSetName == OneSet
                ? NumberLists.Of(Vcpu, () => All(vm, Scope), "vCPU").ToDictionary(vcpu => vcpu, _ => (CpuSet?)HostCpu)
                : Map!.Cast<DictionaryEntry>().ToDictionary(entry => ToVcpu(entry.Key), entry => (CpuSet?)ToHostCpus(entry)),
        },
    ];

    /// <summary>The numbers of all vCPUs that a VM can have: now, after its next start, or both.</summary>
    internal static IEnumerable<int> All(VMTarget vm, ChangeScope scope) => Enumerable.Range(0, Math.Max(
        scope is ChangeScope.Config ? 0 : DomainXmlReader.Read(vm.Domain.GetXml()).MaxVcpus,
        scope is ChangeScope.Live ? 0 : PersistentDocument.Of(vm).ToConfiguration().MaxVcpus));

    private static int ToVcpu(object key) =>
        int.TryParse(Convert.ToString(key, CultureInfo.InvariantCulture), NumberStyles.None, CultureInfo.InvariantCulture, out var vcpu)
            ? vcpu
            : throw new KvmTuneException(
                "InvalidMap", KvmTuneErrorCategory.InvalidArgument, $"'{key}' in -Map is not a vCPU number. Write @{{ 0 = '2'; 1 = '3-4' }}.");

    private static CpuSet ToHostCpus(DictionaryEntry entry)
    {
        try
        {
            return CpuSetTransformationAttribute.ToCpuSet(entry.Value);
        }
        catch (FormatException exception)
        {
            throw new KvmTuneException(
                "InvalidMap", KvmTuneErrorCategory.InvalidArgument, $"The value for vCPU {entry.Key} in -Map cannot be used: {exception.Message}", exception);
        }
    }
}
