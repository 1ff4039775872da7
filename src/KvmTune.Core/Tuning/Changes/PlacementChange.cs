// Places a VM on its host with one change: pins of vCPUs, emulator and I/O threads, and the NUMA nodes of its memory.
using KvmTune.Hosts;
using KvmTune.Topology;

namespace KvmTune.Tuning.Changes;

/// <summary>
/// A placement: the pins of a VM's threads and the NUMA policy of its memory, applied, verified and undone together. vCPUs
/// and memory belong on one node (RHEL 7 Virtualization Tuning and Optimization Guide, numatune), so they move together: if the
/// NUMA policy changes and cannot change live, the pins wait for the restart too.
/// </summary>
public sealed record PlacementChange : VMChange
{
    /// <summary>The pins of the vCPUs.</summary>
    public required VcpuPinChange VcpuPins { get; init; }

    /// <summary>The pin of the emulator; null leaves it as it is.</summary>
    public EmulatorPinChange? EmulatorPin { get; init; }

    /// <summary>The pins of the I/O threads; null leaves them as they are.</summary>
    public IOThreadPinChange? IOThreadPins { get; init; }

    /// <summary>The NUMA policy; null leaves it as it is.</summary>
    public NumaPolicyChange? NumaPolicy { get; init; }

    /// <inheritdoc/>
    internal override IReadOnlyList<VMChange> Parts =>
        new VMChange?[] { VcpuPins, EmulatorPin, IOThreadPins, NumaPolicy }.OfType<VMChange>().Select(part => part with { Scope = Scope }).ToList();

    /// <inheritdoc/>
    public override TuningArea Area => TuningArea.Cpu;

    /// <inheritdoc/>
    public override bool CanBeLive => Parts.All(part => part.CanBeLive);

    /// <inheritdoc/>
    public override string Title => string.Join(", ", new[]
    {
        Words("vCPUs", VcpuPins.Pins.OrderBy(pin => pin.Key).Select(pin => pin.Value)),
        EmulatorPin is null ? null : Words("emulator", EmulatorPin.Pins.Values),
        IOThreadPins is null ? null : Words("I/O threads", IOThreadPins.Pins.OrderBy(pin => pin.Key).Select(pin => pin.Value)),
        NumaPolicy?.Title,
    }.OfType<string>());

    /// <inheritdoc/>
    internal override IReadOnlyList<SettingValue> Settings => Parts.SelectMany(part => part.Settings).ToList();

    /// <inheritdoc/>
    internal override IReadOnlyList<Setting> Kinds => [.. Parts.SelectMany(part => part.Kinds)];

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration)
    {
        foreach (var part in Parts)
        {
            part.CheckTarget(configuration);
        }
    }

    /// <inheritdoc/>
    public override void ApplyLive(LiveTarget target)
    {
        foreach (var part in Parts)
        {
            part.ApplyLive(target);
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Verification> VerifyLive(LiveTarget target) => [.. Parts.SelectMany(part => part.VerifyLive(target))];

    /// <inheritdoc/>
    public override async Task<IReadOnlyList<Verification>> VerifyRestartedAsync(RestartedTarget target, CancellationToken cancellationToken)
    {
        var map = target.Domain.Connection.GetOnlineCpus();
        var live = new LiveTarget(target.Domain, target.Running, CpuSet.FromMap(map), map.Length, target.Process);
        var verifications = new List<Verification>();
        foreach (var part in Parts)
        {
            verifications.AddRange(part is PinChange ? part.VerifyLive(live) : await part.VerifyRestartedAsync(target, cancellationToken));
        }

        return verifications;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> VirshCommands(VMIdentity vm, bool live, bool config, DomainDocument before, DomainDocument after)
    {
        // virsh can set a pin in a persistent configuration. It can neither remove one there nor set a policy where none is set.
        var isEdited = config && Parts.Any(part => part is not PinChange pins || pins.Pins.Any(pin => pin.Value is null));
        var commands = live || !isEdited ? Parts.SelectMany(part => part.VirshCommands(vm, live, config && !isEdited, before, after)).ToList() : [];
        return isEdited ? [.. commands, VirshEdit.Command(vm, before, after)] : commands;
    }

    /// <inheritdoc/>
    protected override VMChange WithSettings(Func<SettingPath, string?> valueOf) => this with
    {
        VcpuPins = (VcpuPinChange)VcpuPins.With(valueOf),
        EmulatorPin = (EmulatorPinChange?)EmulatorPin?.With(valueOf),
        IOThreadPins = (IOThreadPinChange?)IOThreadPins?.With(valueOf),
        NumaPolicy = (NumaPolicyChange?)NumaPolicy?.With(valueOf),
    };

    // Shows the union of all pins: eight vCPUs with one host CPU each appear as one list of eight.
    private static string Words(string threads, IEnumerable<CpuSet?> pins)
    {
        var all = pins.ToList();
        var cpus = all.OfType<CpuSet>().Aggregate(CpuSet.Empty, (together, set) => together.Union(set));
        return cpus.IsEmpty ? $"{threads} not pinned" : $"{threads} on host CPU{(cpus.Count > 1 ? "s" : null)} {cpus}";
    }
}
