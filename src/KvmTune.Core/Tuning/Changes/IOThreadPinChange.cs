// Pins I/O threads to host CPUs, or removes pins.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using static KvmTune.NumberText;

namespace KvmTune.Tuning.Changes;

/// <summary>Sets or clears the pins of some I/O threads (<c>&lt;cputune&gt;&lt;iothreadpin&gt;</c>, virsh <c>iothreadpin</c>).</summary>
public sealed record IOThreadPinChange : PinChange
{
    /// <summary>All online host CPUs: virsh pins an I/O thread to them to remove its pin, because <c>iothreadpin</c> has no reset.</summary>
    public required CpuSet HostCpus { get; init; }

    /// <inheritdoc/>
    public override string ThreadName(int number) => $"I/O thread {Text(number)}";

    /// <inheritdoc/>
    public override IReadOnlyDictionary<int, CpuSet> PinsOf(VMConfiguration configuration) => configuration.IOThreadPins;

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration)
    {
        foreach (var thread in Pins.Keys.Where(thread => !configuration.IOThreadIds.Contains(thread)))
        {
            throw new KvmTuneException(
                "IOThreadNotFound", KvmTuneErrorCategory.ObjectNotFound,
                $"The VM '{configuration.Name}' has no I/O thread {Text(thread)}. {(configuration.IOThreadIds.Count == 0 ? "It has none; make one with Set-DiskIOThread." : $"It has: {string.Join(", ", configuration.IOThreadIds)}.")}");
        }
    }

    /// <inheritdoc/>
    protected override Setting Pin => SettingCatalog.Get("cputune/iothreadpin[@iothread]/@cpuset");

    /// <inheritdoc/>
    protected override string[] VirshWords(VMIdentity vm, int number, CpuSet? cpus) =>
        ["iothreadpin", vm.VirshName, Text(number), (cpus ?? HostCpus).ToString()];

    /// <inheritdoc/>
    protected override void PinLive(LiveTarget target, int number, bool[] map) => target.Domain.PinIOThread((uint)number, map, AffectTarget.Live);

    /// <inheritdoc/>
    protected override CpuSet LivePin(LiveTarget target, int number) =>
        target.Domain.GetIOThreads(AffectTarget.Live).FirstOrDefault(thread => thread.Id == number) is { } found
            ? CpuSet.FromMap(found.CpuMap)
            : CpuSet.Empty;

    /// <inheritdoc/>
    protected override IReadOnlyDictionary<int, int> ThreadIds(QemuProcess process) => process.IOThreads();

    /// <inheritdoc/>
    protected override bool IsThreadOf(VMConfiguration vm, int number) => vm.IOThreadIds.Contains(number);
}
