// The one table of thresholds: the value from which a counter shows that an area holds a VM back, and its source.
using System.Globalization;
using KvmTune.Tuning;

namespace KvmTune.Diagnosis.Bottlenecks;

/// <summary>One line of the table.</summary>
/// <param name="Name">A fixed PascalCase name, by which it is overridden.</param>
/// <param name="Area">The area it belongs to.</param>
/// <param name="Default">The value unless another is given.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Meaning">The value that is compared with it.</param>
/// <param name="Source">Its source: a manual, a kernel document, a method, or a trial.</param>
public sealed record BottleneckThreshold(string Name, TuningArea Area, double Default, string Unit, string Meaning, string Source);

/// <summary>The thresholds of one observation, with the defaults or other values.</summary>
public sealed class BottleneckThresholds
{
    private const string UseMethod = "Gregg, USE Method: Linux Performance Checklist";
    private const string Lab = "tried on the lab (bench bottlenecks)";

    private readonly IReadOnlyDictionary<string, double> _overrides;

    private BottleneckThresholds(IReadOnlyDictionary<string, double> overrides) => _overrides = overrides;

    /// <summary>A vCPU that wants less of a host CPU than this is idle: its waiting costs nothing.</summary>
    public static BottleneckThreshold VcpuDemandPercent { get; } = new(
        nameof(VcpuDemandPercent), TuningArea.Cpu, 30, "%",
        "run time and run-queue delay of a vCPU, as a share of the interval: below it the vCPU is idle and its delay does not count", Lab);

    /// <summary>Waiting of a vCPU for a host CPU.</summary>
    public static BottleneckThreshold VcpuDelayPercent { get; } = new(
        nameof(VcpuDelayPercent), TuningArea.Cpu, 10, "%",
        "run-queue delay of a vCPU that is not idle, as a share of the interval",
        $"{UseMethod}: any run-queue latency is saturation (schedstat); a tenth of the time, so that a neighbour's short bursts do not count");

    /// <summary>Waiting of QEMU's main loop for a host CPU.</summary>
    public static BottleneckThreshold EmulatorDelayPercent { get; } = new(
        nameof(EmulatorDelayPercent), TuningArea.Cpu, 10, "%",
        "run-queue delay of QEMU's main loop, as a share of the interval; counts together with EmulatorDemandPercent",
        $"{UseMethod}: any run-queue latency is saturation (schedstat); the line is that of VcpuDelayPercent");

    /// <summary>A main loop that has work.</summary>
    public static BottleneckThreshold EmulatorDemandPercent { get; } = new(
        nameof(EmulatorDemandPercent), TuningArea.Cpu, 3, "%",
        "run time of QEMU's main loop, as a share of the interval: below it the devices are almost idle, and its delay does not count",
        "tried on the lab (bench bottlenecks)");

    /// <summary>Time without the CPU since a quota was used up.</summary>
    public static BottleneckThreshold CpuThrottledPercent { get; } = new(
        nameof(CpuThrottledPercent), TuningArea.Cpu, 10, "%",
        "time that a vCPU, an I/O thread, the emulator or the whole VM stood still since a CPU quota was used up (cpu.stat), as a share of the interval",
        "kernel document sched-bwc, nr_throttled and throttled_time; the line is that of VcpuDelayPercent");

    /// <summary>Use of a CPU quota, by libvirt's times.</summary>
    public static BottleneckThreshold CpuQuotaUsedPercent { get; } = new(
        nameof(CpuQuotaUsedPercent), TuningArea.Cpu, 90, "%",
        "run time of a vCPU or of the whole VM as a share of its CPU quota, where cpu.stat is not readable (another machine); counts together with VcpuDelayPercent, if the delay is known",
        "kernel document sched-bwc: threads run up to their quota in each period; the line is that of VcpuBusyPercent");

    /// <summary>All vCPUs used up.</summary>
    public static BottleneckThreshold VcpuBusyPercent { get; } = new(
        nameof(VcpuBusyPercent), TuningArea.Cpu, 90, "%",
        "run time and run-queue delay of all vCPUs without halt polling, as a share of their number times the interval",
        $"{UseMethod}: a resource that is used to nearly 100 % is a bottleneck");

    /// <summary>Steal, as the guest counts it.</summary>
    public static BottleneckThreshold GuestStealPercent { get; } = new(
        nameof(GuestStealPercent), TuningArea.Cpu, 10, "%", "steal in the guest's /proc/stat, as a share of all its CPU time",
        "proc(5): time spent in other operating systems when running in a virtualized environment; the line is that of VcpuDelayPercent");

    /// <summary>Requests under way, on average.</summary>
    public static BottleneckThreshold DiskQueueLength { get; } = new(
        nameof(DiskQueueLength), TuningArea.Disk, 1, "requests",
        "requests under way on average (the sum of their times by the interval: Little's law); counts together with DiskLatencyMilliseconds",
        $"{UseMethod}: avgqu-sz above 1; iostat(1), aqu-sz");

    /// <summary>Mean latency of a request.</summary>
    public static BottleneckThreshold DiskLatencyMilliseconds { get; } = new(
        nameof(DiskLatencyMilliseconds), TuningArea.Disk, 20, "ms",
        "mean time of a request (the growth of the times by that of the requests); counts together with DiskQueueLength",
        $"{UseMethod}: high await; twice the access time of a spinning disk, which no idle device needs");

    /// <summary>Time in flushes.</summary>
    public static BottleneckThreshold DiskFlushPercent { get; } = new(
        nameof(DiskFlushPercent), TuningArea.Disk, 20, "%",
        "time of the flushes as a share of the interval, where it is also more than half of the disk's time", Lab);

    /// <summary>Use of a configured limit.</summary>
    public static BottleneckThreshold DiskLimitPercent { get; } = new(
        nameof(DiskLimitPercent), TuningArea.Disk, 80, "%",
        "rate as a share of a limit of the disk or its throttle group (blkdeviotune); counts together with DiskBusyPercent",
        "QEMU, docs/throttle.txt: the rate is held at the limit on average; on a busy host its timers are late: " + Lab);

    /// <summary>Share of time in which a disk had work.</summary>
    public static BottleneckThreshold DiskBusyPercent { get; } = new(
        nameof(DiskBusyPercent), TuningArea.Disk, 50, "%",
        "requests under way on average, 100 % being one or more: below it a disk at its limit has idle time left", "iostat(1), %util");

    /// <summary>An I/O thread that has no time left.</summary>
    public static BottleneckThreshold IOThreadBusyPercent { get; } = new(
        nameof(IOThreadBusyPercent), TuningArea.Disk, 90, "%",
        "run time and run-queue delay of an I/O thread, as a share of the interval; counts together with DiskQueueLength of its disks",
        $"{UseMethod}: a resource that is used to nearly 100 % is a bottleneck; schedstat");

    /// <summary>Swapping in the guest.</summary>
    public static BottleneckThreshold GuestSwapKiBPerSecond { get; } = new(
        nameof(GuestSwapKiBPerSecond), TuningArea.Memory, 256, "KiB/s", "what the guest swaps in and out",
        $"{UseMethod}: si and so of vmstat(8) above 0; a page now and then does not count");

    /// <summary>Memory pressure in the guest.</summary>
    public static BottleneckThreshold GuestMemoryPressurePercent { get; } = new(
        nameof(GuestMemoryPressurePercent), TuningArea.Memory, 10, "%",
        "share of the time in which some task of the guest waited for memory (/proc/pressure/memory, some)",
        "kernel document accounting/psi; " + Lab);

    /// <summary>The guest's memory used up.</summary>
    public static BottleneckThreshold GuestMemoryUsedPercent { get; } = new(
        nameof(GuestMemoryUsedPercent), TuningArea.Memory, 95, "%",
        "guest memory that is not available without swapping (MemAvailable), as a share of all; counts together with GuestMajorFaultsPerSecond",
        "proc(5), MemAvailable; virtio specification, memory balloon statistics");

    /// <summary>Major faults in the guest.</summary>
    public static BottleneckThreshold GuestMajorFaultsPerSecond { get; } = new(
        nameof(GuestMajorFaultsPerSecond), TuningArea.Memory, 50, "1/s", "faults of the guest that had to read a disk; counts together with GuestMemoryUsedPercent",
        $"{UseMethod}: major faults; " + Lab);

    /// <summary>QEMU's memory swapped by the host.</summary>
    public static BottleneckThreshold HostFaultsPerSecond { get; } = new(
        nameof(HostFaultsPerSecond), TuningArea.Memory, 10, "1/s", "major faults of the QEMU process: the host reads the VM's memory from its swap",
        "proc(5), majflt; kernel document admin-guide/mm/concepts");

    /// <summary>Memory on other nodes than the vCPUs.</summary>
    public static BottleneckThreshold RemoteMemoryPercent { get; } = new(
        nameof(RemoteMemoryPercent), TuningArea.Memory, 20, "%",
        "QEMU's memory on nodes where no vCPU ran (numa_maps): shown, and no bottleneck by itself", "kernel document admin-guide/mm/numaperf; numa(7)");

    /// <summary>Use of a NIC's limit.</summary>
    public static BottleneckThreshold NicLimitPercent { get; } = new(
        nameof(NicLimitPercent), TuningArea.Network, 85, "%", "rate as a share of a limit of the NIC (domiftune, average)",
        "libvirt formatnetwork, bandwidth; tc-tbf(8), tc-police: what goes beyond is delayed or dropped; " + Lab);

    /// <summary>Dropped packets.</summary>
    public static BottleneckThreshold NicDropsPerSecond { get; } = new(
        nameof(NicDropsPerSecond), TuningArea.Network, 10, "1/s", "packets that the host or the guest dropped on a NIC",
        $"{UseMethod}: drop of ip -s link; a packet now and then does not count");

    /// <summary>Damaged packets.</summary>
    public static BottleneckThreshold NicErrorsPerSecond { get; } = new(
        nameof(NicErrorsPerSecond), TuningArea.Network, 1, "1/s", "errors of a NIC", $"{UseMethod}: errs of ip -s link");

    /// <summary>Segments sent again.</summary>
    public static BottleneckThreshold TcpRetransmitPercent { get; } = new(
        nameof(TcpRetransmitPercent), TuningArea.Network, 1, "%",
        "segments that the guest sent again, of at least a hundred that it sent in the interval (/proc/net/snmp)", $"{UseMethod}: TCP retransmits of netstat -s");

    /// <summary>The whole table.</summary>
    public static IReadOnlyList<BottleneckThreshold> All { get; } =
    [
        VcpuDemandPercent, VcpuDelayPercent, EmulatorDemandPercent, EmulatorDelayPercent, CpuThrottledPercent, CpuQuotaUsedPercent, VcpuBusyPercent, GuestStealPercent,
        DiskQueueLength, DiskLatencyMilliseconds, DiskFlushPercent, DiskLimitPercent, DiskBusyPercent, IOThreadBusyPercent,
        GuestSwapKiBPerSecond, GuestMemoryPressurePercent, GuestMemoryUsedPercent, GuestMajorFaultsPerSecond, HostFaultsPerSecond, RemoteMemoryPercent,
        NicLimitPercent, NicDropsPerSecond, NicErrorsPerSecond, TcpRetransmitPercent,
    ];

    /// <summary>The table with its defaults.</summary>
    public static BottleneckThresholds Default { get; } = new(new Dictionary<string, double>(StringComparer.OrdinalIgnoreCase));

    /// <summary>The value of a threshold in this observation.</summary>
    public double this[BottleneckThreshold threshold]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(threshold);
            return _overrides.TryGetValue(threshold.Name, out var value) ? value : threshold.Default;
        }
    }

    /// <summary>The table with other values for some names.</summary>
    /// <param name="values">Values by name, in the unit of the threshold; names are not case-sensitive.</param>
    /// <exception cref="KvmTuneException">A name is not in the table (<c>UnknownThreshold</c>), or a value is no positive number (<c>InvalidThreshold</c>).</exception>
    public static BottleneckThresholds With(IReadOnlyDictionary<string, double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        var overrides = new Dictionary<string, double>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in values)
        {
            if (!All.Any(threshold => string.Equals(threshold.Name, name, StringComparison.OrdinalIgnoreCase)))
            {
                throw new KvmTuneException(
                    "UnknownThreshold", KvmTuneErrorCategory.InvalidArgument,
                    $"There is no threshold '{name}'. There are: {string.Join(", ", All.Select(threshold => threshold.Name))}.");
            }

            if (!double.IsFinite(value) || value <= 0)
            {
                throw new KvmTuneException(
                    "InvalidThreshold", KvmTuneErrorCategory.InvalidArgument,
                    string.Create(CultureInfo.InvariantCulture, $"The threshold {name} must be a number above 0, and is {value}."));
            }

            overrides[name] = value;
        }

        return new BottleneckThresholds(overrides);
    }
}
