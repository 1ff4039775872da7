// A VM that was watched for ten seconds and did a little of everything: its counters as plain values, which tests change.
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Topology;

namespace KvmTune.Tests.Diagnosis.Bottlenecks;

/// <summary>The input of a verdict.</summary>
internal static class BottleneckScene
{
    /// <summary>The time for which the VM was watched, in seconds.</summary>
    public const double Seconds = 10;

    private const string Xml = """
        <domain type='kvm'><name>db01</name><uuid>00000000-0000-4000-8000-000000000001</uuid><memory unit='KiB'>1048576</memory><vcpu>2</vcpu>
          <devices>
            <disk type='file' device='disk'><source file='/a'/><target dev='vda' bus='virtio'/></disk>
            <disk type='file' device='disk'><source file='/b'/><target dev='vdb' bus='virtio'/></disk>
            <disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>
            <interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/><target dev='vnet0'/><model type='virtio'/>
              <bandwidth><inbound average='1000' peak='2000'/><outbound average='500'/></bandwidth></interface>
          </devices></domain>
        """;

    /// <summary>A healthy VM.</summary>
    public static VMObservation Healthy { get; } = new()
    {
        VMName = "db01",
        VMId = Guid.Parse("00000000-0000-4000-8000-000000000001"),
        ConnectionUri = "qemu:///system",
        StartedAt = DateTimeOffset.UnixEpoch,
        Interval = TimeSpan.FromSeconds(Seconds),
        Configuration = DomainXmlReader.Read(Xml),
        Counters = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["State"] = 1,
            ["StateReason"] = 1,
            ["Vcpu.0.TimeNanoseconds"] = 4e9,
            ["Vcpu.0.DelayNanoseconds"] = 1e8,
            ["Vcpu.1.TimeNanoseconds"] = 1e9,
            ["Vcpu.1.DelayNanoseconds"] = 1e8,
            ["Disk.vda.ReadRequests"] = 1000,
            ["Disk.vda.ReadBytes"] = 4096 * 1000,
            ["Disk.vda.ReadNanoseconds"] = 1e9,
            ["Disk.vda.WriteRequests"] = 0,
            ["Disk.vda.WriteBytes"] = 0,
            ["Disk.vda.WriteNanoseconds"] = 0,
            ["Disk.vda.FlushRequests"] = 10,
            ["Disk.vda.FlushNanoseconds"] = 1e8,
            ["Disk.vdb.ReadRequests"] = 0,
            ["Disk.vdb.ReadBytes"] = 0,
            ["Disk.vdb.ReadNanoseconds"] = 0,
            ["Disk.vdb.WriteRequests"] = 0,
            ["Disk.vdb.WriteBytes"] = 0,
            ["Disk.vdb.WriteNanoseconds"] = 0,
            ["Disk.vdb.FlushRequests"] = 0,
            ["Disk.vdb.FlushNanoseconds"] = 0,
            ["Balloon.CurrentKiB"] = 1048576,
            ["Balloon.MaximumKiB"] = 1048576,
            ["Balloon.AvailableKiB"] = 1000000,
            ["Balloon.UsableKiB"] = 600000,
            ["Balloon.SwapInKiB"] = 0,
            ["Balloon.SwapOutKiB"] = 0,
            ["Balloon.MajorFaults"] = 3,
            ["Balloon.LastUpdateSeconds"] = 10,
            ["QemuMajorFaults"] = 0,
            ["Nic.0.ReceivedBytes"] = 1e6,
            ["Nic.0.SentBytes"] = 1e6,
            ["Nic.0.ReceiveDropsPackets"] = 0,
            ["Nic.0.SendDropsPackets"] = 0,
            ["Nic.0.ReceiveErrorsPackets"] = 0,
            ["Nic.0.SendErrorsPackets"] = 0,
        },
        Guest = new Dictionary<string, double>(StringComparer.Ordinal)
        {
            ["UptimeSeconds"] = Seconds,
            ["PageSizeBytes"] = 4096,
            ["CpuTotalTicks"] = 2000,
            ["CpuStealTicks"] = 10,
            ["CpuIOWaitTicks"] = 20,
            ["SwapInPages"] = 0,
            ["SwapOutPages"] = 0,
            ["MajorFaults"] = 3,
            ["AllocationStalls"] = 0,
            ["MemoryTotalKiB"] = 1000000,
            ["MemoryAvailableKiB"] = 600000,
            ["PressureCpuSomeMicroseconds"] = 1000,
            ["PressureIoSomeMicroseconds"] = 1000,
            ["PressureMemorySomeMicroseconds"] = 0,
            ["NicDropsPackets"] = 0,
            ["NicErrorsPackets"] = 0,
            ["SentSegments"] = 1000,
            ["RetransmittedSegments"] = 0,
        },
    };

    /// <summary>The VM with other values of the host's counters; NaN removes a counter.</summary>
    public static VMObservation With(this VMObservation vm, params (string Name, double Value)[] counters) =>
        vm with { Counters = Altered(vm.Counters, counters) };

    /// <summary>The VM with other values of the guest's counters.</summary>
    public static VMObservation WithGuest(this VMObservation vm, params (string Name, double Value)[] counters) =>
        vm with { Guest = Altered(vm.Guest!, counters) };

    /// <summary>The VM without its guest's own counters.</summary>
    public static VMObservation Silent(this VMObservation vm) => vm with { Guest = null, GuestUnknownReason = "the agent does not answer" };

    /// <summary>The VM with limits on its disk vdb.</summary>
    public static VMObservation Throttled(this VMObservation vm, params (string Name, ulong Value)[] limits) => vm with
    {
        Configuration = vm.Configuration with
        {
            Disks =
            [
                .. vm.Configuration.Disks.Select(disk => disk.Target == "vdb"
                    ? disk with { Throttle = limits.ToDictionary(limit => limit.Name, limit => limit.Value, StringComparer.Ordinal) }
                    : disk),
            ],
        },
    };

    /// <summary>The verdict by the default table.</summary>
    public static VMBottleneckReport Judged(this VMObservation vm) => BottleneckJudge.Judge(vm, BottleneckThresholds.Default);

    private static Dictionary<string, double> Altered(IReadOnlyDictionary<string, double> counters, (string Name, double Value)[] changes)
    {
        var altered = new Dictionary<string, double>(counters, StringComparer.Ordinal);
        foreach (var (name, value) in changes)
        {
            if (double.IsNaN(value))
            {
                altered.Remove(name);
            }
            else
            {
                altered[name] = value;
            }
        }

        return altered;
    }
}
