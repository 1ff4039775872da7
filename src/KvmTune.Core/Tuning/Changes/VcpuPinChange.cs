// Pins vCPUs to host CPUs, or removes pins.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using static KvmTune.NumberText;

namespace KvmTune.Tuning.Changes;

/// <summary>Sets or clears the pins of some vCPUs (<c>&lt;cputune&gt;&lt;vcpupin&gt;</c>, virsh <c>vcpupin</c>).</summary>
public sealed record VcpuPinChange : PinChange
{
    /// <summary>A change of these pins; null removes one.</summary>
    public static VcpuPinChange Of(IReadOnlyDictionary<int, CpuSet?> pins) => new() { Pins = pins };

    /// <inheritdoc/>
    public override string ThreadName(int number) => $"vCPU {Text(number)}";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<int, CpuSet> PinsOf(VMConfiguration configuration) => configuration.VcpuPins;

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration)
    {
        foreach (var vcpu in Pins.Keys.Where(vcpu => vcpu < 0 || vcpu >= configuration.MaxVcpus))
        {
            throw new KvmTuneException(
                "VcpuNotFound", KvmTuneErrorCategory.ObjectNotFound,
                $"The VM '{configuration.Name}' has no vCPU {Text(vcpu)}: it has {Text(configuration.MaxVcpus)} vCPUs, numbered from 0. In its XML libvirt would ignore such a pin without a message.");
        }
    }

    /// <inheritdoc/>
    protected override Setting Pin => SettingCatalog.Get("cputune/vcpupin[@vcpu]/@cpuset");

    /// <inheritdoc/>
    protected override string[] VirshWords(VMIdentity vm, int number, CpuSet? cpus) => ["vcpupin", vm.VirshName, Text(number), cpus?.ToString() ?? "r"];

    /// <inheritdoc/>
    protected override void PinLive(LiveTarget target, int number, bool[] map) => target.Domain.PinVcpu(number, map, AffectTarget.Live);

    /// <inheritdoc/>
    protected override CpuSet LivePin(LiveTarget target, int number) =>
        CpuSet.FromMap(target.Domain.GetVcpuPins(AffectTarget.Live, target.CpuMapLength)[number]);

    /// <inheritdoc/>
    protected override IReadOnlyDictionary<int, int> ThreadIds(QemuProcess process) => process.VcpuThreads();

    /// <inheritdoc/>
    protected override bool IsThreadOf(VMConfiguration vm, int number) => number < vm.MaxVcpus;

    /// <inheritdoc/>
    protected override bool HasThread(int number, LiveTarget target) =>
        target.Domain.GetVcpuPlaces(target.Before.MaxVcpus).Any(vcpu => vcpu.Number == number);
}
