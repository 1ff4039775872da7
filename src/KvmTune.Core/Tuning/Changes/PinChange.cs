// The common part of all pins: threads of a VM by number, each with the host CPUs that it may run on.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Topology;
using static KvmTune.NumberText;

namespace KvmTune.Tuning.Changes;

/// <summary>Sets or clears the pins of some threads of a VM.</summary>
public abstract record PinChange : VMChange
{
    /// <summary>The host CPUs of each thread by its number; null removes the pin.</summary>
    public required IReadOnlyDictionary<int, CpuSet?> Pins { get; init => field = Map.Of(value); }

    /// <inheritdoc/>
    public override TuningArea Area => TuningArea.Cpu;

    /// <inheritdoc/>
    public override bool CanBeLive => true;

    /// <inheritdoc/>
    public override string Title => string.Join(", ", OrderedPins.Select(pin => pin.Value is null
        ? $"unpin {ThreadName(pin.Key)}"
        : $"pin {ThreadName(pin.Key)} to host CPU {pin.Value}"));

    /// <inheritdoc/>
    internal override IReadOnlyList<SettingValue> Settings =>
        OrderedPins.Select(pin => new SettingValue(PinPath(pin.Key), pin.Value?.ToString())).ToList();

    /// <inheritdoc/>
    internal override IReadOnlyList<Setting> Kinds => new[] { Pin };

    /// <summary>The pins in the order of the threads.</summary>
    protected IEnumerable<KeyValuePair<int, CpuSet?>> OrderedPins => Pins.OrderBy(pin => pin.Key);

    /// <summary>The name of a thread, for example <c>vCPU 0</c>.</summary>
    public abstract string ThreadName(int number);

    /// <summary>The pins that a configuration has for threads of this kind.</summary>
    public abstract IReadOnlyDictionary<int, CpuSet> PinsOf(VMConfiguration configuration);

    /// <inheritdoc/>
    public override void ApplyLive(LiveTarget target)
    {
        foreach (var (number, cpus) in Pins)
        {
            if (IsThreadOf(target.Before, number))
            {
                PinLive(target, number, (cpus ?? Unpinned(target)).ToMap(target.CpuMapLength));
            }
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Verification> VerifyLive(LiveTarget target)
    {
        var threads = target.Process is null ? null : ThreadIds(target.Process);
        return OrderedPins.Where(pin => IsThreadOf(target.Before, pin.Key)).Select(pin =>
            {
                var expected = (pin.Value ?? Unpinned(target)).Intersect(target.HostCpus);
                return threads is null
                    ? LibvirtSays(target, pin.Key, expected)
                    : KernelSays(target, threads, pin.Key, expected);
            }).ToList();
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> VirshCommands(VMIdentity vm, bool live, bool config, DomainDocument before, DomainDocument after)
    {
        // virsh cannot remove a pin: its 'r' pins to all host CPUs. So "no pin" in the persistent configuration needs an edit of the XML.
        var clears = Pins.Any(pin => pin.Value is null);
        var commands = new List<string>();
        if (live || !clears)
        {
            commands.AddRange(OrderedPins.Where(pin => IsThreadOf(before.ToConfiguration(), pin.Key)).Select(pin => VirshText.Command(
                vm.ConnectionUri, [.. VirshWords(vm, pin.Key, pin.Value), .. VirshText.Flags(live, config && !clears)])));
        }

        return clears && config ? [.. commands, VirshEdit.Command(vm, before, after)] : commands;
    }

    /// <inheritdoc/>
    protected override VMChange WithSettings(Func<SettingPath, string?> valueOf) => this with
    {
        Pins = Pins.Keys.ToDictionary(number => number, number => valueOf(PinPath(number)) is { } list ? new CpuSet(list) : null),
    };

    /// <summary>The setting of this kind of pin.</summary>
    protected abstract Setting Pin { get; }

    /// <summary>The address of a thread's pin in the domain XML.</summary>
    protected virtual SettingPath PinPath(int number) => Pin.At(Text(number));

    /// <summary>The words of virsh for a pin, including the VM's name; null means all host CPUs.</summary>
    protected abstract string[] VirshWords(VMIdentity vm, int number, CpuSet? cpus);

    /// <summary>Pins a thread of the running VM.</summary>
    protected abstract void PinLive(LiveTarget target, int number, bool[] map);

    /// <summary>The pin of a thread as libvirt reports it.</summary>
    protected abstract CpuSet LivePin(LiveTarget target, int number);

    /// <summary>The thread ids of threads of this kind by their number.</summary>
    protected abstract IReadOnlyDictionary<int, int> ThreadIds(Hosts.QemuProcess process);

    /// <summary>The host CPUs of a thread of this kind that is not pinned.</summary>
    protected virtual CpuSet Unpinned(LiveTarget target) => target.UnpinnedCpus;

    /// <summary>Whether a VM with this configuration has the thread. The running VM and the persistent configuration can have different ones.</summary>
    protected virtual bool IsThreadOf(VMConfiguration vm, int number) => true;

    /// <summary>Whether a thread with this number exists in the running VM at the moment.</summary>
    protected virtual bool HasThread(int number, LiveTarget target) => true;

    private Verification LibvirtSays(LiveTarget target, int number, CpuSet expected) =>
        new($"{ThreadName(number)} pin", VerifiedBy.Libvirt, "libvirt", expected.ToString(), LivePin(target, number).Intersect(target.HostCpus).ToString());

    private Verification KernelSays(LiveTarget target, IReadOnlyDictionary<int, int> threads, int number, CpuSet expected)
    {
        var what = $"{ThreadName(number)} affinity";
        if (!threads.TryGetValue(number, out var thread))
        {
            // libvirt keeps the pin of an unplugged vCPU until it is plugged in.
            return HasThread(number, target) ? new Verification(what, VerifiedBy.Kernel, "kernel", expected.ToString(), "no such thread found") : LibvirtSays(target, number, expected);
        }

        var actual = target.Process!.Affinity(thread);
        var limit = actual is null || actual == expected ? null : target.Process.CpusetLimit(thread);
        return new Verification(
            what,
            VerifiedBy.Kernel, string.Create(CultureInfo.InvariantCulture, $"kernel: /proc/{target.Process.ProcessId}/task/{thread}/status"),
            expected.ToString(),
            actual is null ? "thread gone" : limit is null ? actual.ToString() : $"{actual} (limited by {limit})");
    }
}
