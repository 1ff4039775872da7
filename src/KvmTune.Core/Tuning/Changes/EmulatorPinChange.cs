// Pins the emulator threads of a VM: QEMU's main loop and its helpers.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning.Changes;

/// <summary>
/// Sets or clears the emulator's pin (<c>&lt;cputune&gt;&lt;emulatorpin&gt;</c>, virsh <c>emulatorpin</c>). Without a pin the emulator
/// runs on <c>&lt;vcpu cpuset&gt;</c>, otherwise on all online host CPUs (libvirt formatdomain).
/// </summary>
public sealed record EmulatorPinChange : PinChange
{
    /// <summary>The emulator's number in <see cref="PinChange.Pins"/>: there is only one emulator.</summary>
    public const int Emulator = 0;

    /// <summary>A change of the pin; null removes it.</summary>
    public static EmulatorPinChange Of(CpuSet? cpus) => new() { Pins = new Dictionary<int, CpuSet?> { [Emulator] = cpus } };

    /// <inheritdoc/>
    public override string ThreadName(int number) => "the emulator";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<int, CpuSet> PinsOf(VMConfiguration configuration) =>
        configuration.EmulatorPin is { } pin ? new Dictionary<int, CpuSet> { [Emulator] = pin } : [];

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration)
    {
    }

    /// <inheritdoc/>
    protected override Setting Pin => SettingCatalog.Get("cputune/emulatorpin/@cpuset");

    /// <inheritdoc/>
    protected override SettingPath PinPath(int number) => Pin.At();

    /// <inheritdoc/>
    protected override string[] VirshWords(VMIdentity vm, int number, CpuSet? cpus) => ["emulatorpin", vm.VirshName, cpus?.ToString() ?? "r"];

    /// <inheritdoc/>
    protected override void PinLive(LiveTarget target, int number, bool[] map) => target.Domain.PinEmulator(map, AffectTarget.Live);

    /// <inheritdoc/>
    protected override CpuSet LivePin(LiveTarget target, int number) =>
        CpuSet.FromMap(target.Domain.GetEmulatorPin(AffectTarget.Live, target.CpuMapLength));

    /// <inheritdoc/>
    protected override IReadOnlyDictionary<int, int> ThreadIds(QemuProcess process) =>
        new Dictionary<int, int> { [Emulator] = process.ProcessId };
}
