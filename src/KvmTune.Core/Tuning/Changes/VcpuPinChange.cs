// Pins vCPUs to host CPUs, or takes pins away.
using System.Globalization;
using KvmTune.Libvirt;
using KvmTune.Topology;

namespace KvmTune.Tuning.Changes;

/// <summary>Sets or clears the pins of some vCPUs (<c>&lt;cputune&gt;&lt;vcpupin&gt;</c>, virsh <c>vcpupin</c>).</summary>
public sealed record VcpuPinChange : VMChange
{
    /// <summary>The host CPUs of each vCPU by its number; null takes the pin away.</summary>
    public required IReadOnlyDictionary<int, CpuSet?> Pins { get; init; }

    /// <inheritdoc/>
    public override TuningArea Area => TuningArea.Cpu;

    /// <inheritdoc/>
    public override bool CanBeLive => true;

    /// <inheritdoc/>
    public override string Title => string.Join(", ", Pins.OrderBy(pin => pin.Key).Select(pin => pin.Value is null
        ? $"unpin vCPU {Text(pin.Key)}"
        : $"pin vCPU {Text(pin.Key)} to host CPU {pin.Value}"));

    /// <inheritdoc/>
    public override IReadOnlyList<SettingValue> Settings =>
        [.. Pins.OrderBy(pin => pin.Key).Select(pin => pin.Value is null
            ? new SettingValue(PinPath(pin.Key).Element, null)
            : new SettingValue(PinPath(pin.Key), pin.Value.ToString()))];

    /// <inheritdoc/>
    public override void CheckTarget(VMConfiguration configuration)
    {
        foreach (var vcpu in Pins.Keys.Where(vcpu => vcpu < 0 || vcpu >= configuration.MaxVcpus))
        {
            throw new KvmTuneException(
                "VcpuNotFound", KvmTuneErrorCategory.ObjectNotFound,
                $"The VM '{VMName}' has no vCPU {Text(vcpu)}: it has {Text(configuration.MaxVcpus)} vCPUs, numbered from 0. libvirt would ignore this pin without a word.");
        }
    }

    /// <inheritdoc/>
    public override void ApplyLive(LiveTarget target)
    {
        foreach (var (vcpu, cpus) in Pins)
        {
            if (vcpu < target.Before.CurrentVcpus)
            {
                target.Domain.PinVcpu(vcpu, (cpus ?? target.UnpinnedCpus).ToMap(target.CpuMapLength), AffectTarget.Live);
            }
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Verification> VerifyLive(LiveTarget target)
    {
        var threads = target.Process?.VcpuThreads();
        var pins = threads is null ? target.Domain.GetVcpuPins(AffectTarget.Live, target.CpuMapLength) : null;
        var verifications = new List<Verification>();
        foreach (var (vcpu, cpus) in Pins.Where(pin => pin.Key < target.Before.CurrentVcpus).OrderBy(pin => pin.Key))
        {
            var expected = (cpus ?? target.UnpinnedCpus).Intersect(target.HostCpus).ToString();
            if (threads is null)
            {
                var actual = CpuSet.FromMap(pins![vcpu]).Intersect(target.HostCpus).ToString();
                verifications.Add(new Verification($"vCPU {Text(vcpu)} pin", "libvirt", expected, actual));
            }
            else
            {
                verifications.Add(threads.TryGetValue(vcpu, out var thread)
                    ? new Verification(
                        $"vCPU {Text(vcpu)} affinity",
                        string.Create(CultureInfo.InvariantCulture, $"kernel: /proc/{target.Process!.ProcessId}/task/{thread}/status"),
                        expected,
                        target.Process.Affinity(thread)?.ToString() ?? "thread gone")
                    : new Verification($"vCPU {Text(vcpu)} affinity", "kernel", expected, "no thread of this vCPU found"));
            }
        }

        return verifications;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> VirshCommands(bool live, bool config, DomainDocument before, DomainDocument after)
    {
        // virsh cannot take a pin away: its 'r' writes all host CPUs. In the persistent configuration "no pin" is an edit.
        var clears = Pins.Any(pin => pin.Value is null);
        var commands = new List<string>();
        if (live || !clears)
        {
            commands.AddRange(Pins.OrderBy(pin => pin.Key).Select(pin => VirshText.Command(
                ConnectionUri, ["vcpupin", VMName, Text(pin.Key), pin.Value?.ToString() ?? "r", .. VirshText.Flags(live, config && !clears)])));
        }

        return clears && config ? [.. commands, VirshEdit.Command(ConnectionUri, VMName, before, after)] : commands;
    }

    /// <inheritdoc/>
    protected override VMChange WithSettings(Func<SettingPath, string?> valueOf) => this with
    {
        Pins = Pins.Keys.ToDictionary(vcpu => vcpu, vcpu => valueOf(PinPath(vcpu)) is { } list ? new CpuSet(list) : null),
    };

    private static SettingPath PinPath(int vcpu) =>
        SettingPath.Of(new SettingElement("cputune")).Child("vcpupin", "vcpu", Text(vcpu)).At("cpuset");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
