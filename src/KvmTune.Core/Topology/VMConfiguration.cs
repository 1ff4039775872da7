// The part of one domain XML that tuning needs: read from the running or from the persistent document.
using System.Collections.ObjectModel;

namespace KvmTune.Topology;

/// <summary>One domain XML as typed values. A value that the document does not set is null: "absent" is not a default.</summary>
public sealed record VMConfiguration
{
    /// <summary>The name of the VM.</summary>
    public required string Name { get; init; }

    /// <summary>The UUID; null in a hand-written document without one.</summary>
    public Guid? Id { get; init; }

    /// <summary>The domain type: <c>kvm</c>, <c>qemu</c>, <c>test</c> and others.</summary>
    public required string DomainType { get; init; }

    /// <summary>The guest's architecture, for example <c>x86_64</c>.</summary>
    public string? Architecture { get; init; }

    /// <summary>The machine type, for example <c>pc-q35-7.2</c>.</summary>
    public string? Machine { get; init; }

    /// <summary>The maximum number of vCPUs.</summary>
    public required int MaxVcpus { get; init; }

    /// <summary>The number of vCPUs that are plugged in; <see cref="MaxVcpus"/> unless the document names fewer.</summary>
    public required int CurrentVcpus { get; init; }

    /// <summary>The numbers of the vCPUs that are plugged in, where the document lists them (<c>&lt;vcpus&gt;</c>); null for the first ones.</summary>
    internal CpuSet? PluggedVcpus { get; init; }

    /// <summary>Whether a vCPU is plugged in. A slot for one has no thread: its pin loads no host CPU.</summary>
    internal bool IsPlugged(int vcpu) => PluggedVcpus?.Contains(vcpu) ?? vcpu < CurrentVcpus;

    /// <summary>The vCPU placement: <c>static</c>, <c>auto</c> (needs numad), or null.</summary>
    public string? VcpuPlacement { get; init; }

    /// <summary>The host CPUs that unpinned threads of the VM may use (<c>&lt;vcpu cpuset&gt;</c>).</summary>
    public CpuSet? VcpuCpuSet { get; init; }

    /// <summary>The pinned vCPUs by number, with the host CPUs of each.</summary>
    public IReadOnlyDictionary<int, CpuSet> VcpuPins { get; init => field = Map.Of(value); } = Map<int, CpuSet>.None;

    /// <summary>The host CPUs of the emulator thread.</summary>
    public CpuSet? EmulatorPin { get; init; }

    /// <summary>
    /// The host CPUs of each restricted vCPU: its own pin, otherwise <see cref="VcpuCpuSet"/>, which is the pin of threads without their own
    /// (libvirt 9.0 qemuProcessSetupPid).
    /// </summary>
    public IReadOnlyDictionary<int, CpuSet> EffectiveVcpuPins => VcpuCpuSet is not { IsEmpty: false } cpus
        ? VcpuPins
        : Map.Of<int, CpuSet>(Enumerable.Range(0, MaxVcpus).Concat(VcpuPins.Keys).Distinct().ToDictionary(vcpu => vcpu, vcpu => VcpuPins.GetValueOrDefault(vcpu) ?? cpus));

    /// <summary>The host CPUs that the emulator thread is restricted to; null for no restriction.</summary>
    public CpuSet? EffectiveEmulatorPin => EmulatorPin ?? (VcpuCpuSet is { IsEmpty: false } cpus ? cpus : null);

    /// <summary>The ids of the I/O threads.</summary>
    public IReadOnlyList<int> IOThreadIds { get; init => field = Items.Of(value); } = Items<int>.None;

    /// <summary>The pinned I/O threads by id, with the host CPUs of each.</summary>
    public IReadOnlyDictionary<int, CpuSet> IOThreadPins { get; init => field = Map.Of(value); } = Map<int, CpuSet>.None;

    /// <summary>The host CPUs of each restricted I/O thread: its own pin, otherwise <see cref="VcpuCpuSet"/> (libvirt 9.0 qemuProcessSetupPid).</summary>
    internal IReadOnlyDictionary<int, CpuSet> EffectiveIOThreadPins => IOThreadIds
        .Select(id => (Id: id, Cpus: IOThreadPins.GetValueOrDefault(id) ?? VcpuCpuSet)).Where(pin => pin.Cpus is { IsEmpty: false })
        .ToDictionary(pin => pin.Id, pin => pin.Cpus!);

    /// <summary>Limits, weights and schedulers of the VM's threads.</summary>
    public CpuLimits Limits { get; init; } = new();

    /// <summary>The guest's CPU model and topology.</summary>
    public CpuConfiguration Cpu { get; init; } = new();

    /// <summary>Size and backing of the guest's memory.</summary>
    public MemoryConfiguration Memory { get; init; } = new();

    /// <summary>The disks, including CD-ROMs.</summary>
    public IReadOnlyList<DiskConfiguration> Disks { get; init => field = Items.Of(value); } = Items<DiskConfiguration>.None;

    /// <summary>The controllers that can carry an I/O thread or queues (SCSI).</summary>
    public IReadOnlyList<ControllerConfiguration> Controllers { get; init => field = Items.Of(value); } = Items<ControllerConfiguration>.None;

    /// <summary>The network interfaces.</summary>
    public IReadOnlyList<NicConfiguration> Nics { get; init => field = Items.Of(value); } = Items<NicConfiguration>.None;

    /// <summary>The host nodes of the memory: those of the guest's cells if each has a policy, otherwise those of the whole memory; null without a policy.</summary>
    internal CpuSet? MemoryNodes => Cpu.NumaCells.Count > 0 && Cpu.NumaCells.All(cell => Memory.CellPolicies.Any(policy => policy.CellId == cell.Id))
        ? Memory.CellPolicies.Aggregate(CpuSet.Empty, (all, policy) => all.Union(policy.HostNodes))
        : Memory.NumaNodes;

    /// <summary>Whether host devices are passed through to the guest (PCI, mediated, NVMe or vDPA), which pins all of its memory.</summary>
    public bool HasPassedThroughDevices { get; init; }

    /// <summary>The balloon's model: virtio, none and others; null if it is not set, which means virtio to libvirt.</summary>
    public string? BalloonModel { get; init; }

    /// <summary>
    /// Whether the guest is probably a desktop, judged by its devices: a sound card, a keyboard or mouse of the host, Looking Glass, or, instead of
    /// QEMU's screen, a passed-through device with signs of a user (its firmware from a file, a USB device of the host, a viewer).
    /// </summary>
    public bool IsDesktop { get; init; }

    /// <summary>The program that owns the VM and rewrites its configuration, known by its metadata; null for none.</summary>
    public string? Manager { get; init; }

    /// <summary>Whether there is a channel for the QEMU guest agent (<c>org.qemu.guest_agent.0</c>).</summary>
    public bool HasGuestAgentChannel { get; init; }

    /// <summary>The SCSI controller of a disk; null for a disk on another bus, or if the document does not have the controller.</summary>
    internal ControllerConfiguration? ScsiControllerOf(DiskConfiguration disk) => disk.Bus == "scsi"
        ? Controllers.FirstOrDefault(controller => controller.Type == "scsi" && controller.Index == (disk.Controller ?? 0))
        : null;

    /// <summary>For example <c>db01: 2 vCPUs, 2048 MiB</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Name}: {CurrentVcpus} vCPU{(CurrentVcpus == 1 ? null : "s")}, {Memory.MaximumKiB / 1024} MiB");
}

/// <summary>The guest's CPU.</summary>
public sealed record CpuConfiguration
{
    /// <summary>host-passthrough, host-model, maximum, custom; null if the document sets no <c>&lt;cpu&gt;</c> mode.</summary>
    public string? Mode { get; init; }

    /// <summary>The named model, for the mode custom.</summary>
    public string? Model { get; init; }

    /// <summary>Sockets, dies, cores and threads; null if not set.</summary>
    public CpuTopology? Topology { get; init; }

    /// <summary>The features with their policies: require, disable and others.</summary>
    public IReadOnlyDictionary<string, string> Features { get; init => field = Map.Of(value); } = Map<string, string>.None;

    /// <summary>The NUMA cells that the guest sees; empty for a guest without NUMA.</summary>
    public IReadOnlyList<GuestNumaCell> NumaCells { get; init => field = Items.Of(value); } = Items<GuestNumaCell>.None;

    /// <summary>For example <c>host-passthrough</c>.</summary>
    public override string ToString() => Model ?? Mode ?? "default";
}

/// <summary>The groups of the guest's CPUs.</summary>
/// <param name="Sockets">Sockets in the guest.</param>
/// <param name="Dies">Dies in a socket.</param>
/// <param name="Cores">Cores in a die.</param>
/// <param name="Threads">Threads in a core.</param>
public sealed record CpuTopology(int Sockets, int Dies, int Cores, int Threads)
{
    /// <summary>Clusters in a die, with <see cref="Cores"/> in each; 1 without clusters. libvirt from 10.1 on writes that out.</summary>
    public int Clusters { get; init; } = 1;

    /// <summary>The total number of CPUs.</summary>
    public int Cpus => Sockets * Dies * Clusters * Cores * Threads;

    /// <summary>For example <c>1 sockets x 4 cores x 2 threads</c>.</summary>
    public override string ToString() =>
        $"{Sockets} sockets{Dies switch { > 1 => $" x {Dies} dies", _ => null }}{Clusters switch { > 1 => $" x {Clusters} clusters", _ => null }} x {Cores} cores x {Threads} threads";
}

/// <summary>A NUMA cell of the guest.</summary>
/// <param name="Id">The cell's number in the guest.</param>
/// <param name="Vcpus">The vCPUs in it.</param>
/// <param name="MemoryKiB">Its memory in KiB.</param>
public sealed record GuestNumaCell(int Id, CpuSet Vcpus, long MemoryKiB)
{
    /// <summary>For example <c>cell 0: vCPUs 0-3, 2048 MiB</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"cell {Id}: vCPUs {Vcpus}, {MemoryKiB / 1024} MiB");
}

/// <summary>The guest's memory and its backing.</summary>
public sealed record MemoryConfiguration
{
    /// <summary>The maximum memory of the guest without hot-plug, in KiB.</summary>
    public long MaximumKiB { get; init; }

    /// <summary>The memory that the guest has under the balloon, in KiB.</summary>
    public long CurrentKiB { get; init; }

    /// <summary>The huge pages; empty without <c>&lt;hugepages&gt;</c>. A page without a size means the host's default.</summary>
    public IReadOnlyList<HugePageBacking> HugePages { get; init => field = Items.Of(value); } = Items<HugePageBacking>.None;

    /// <summary>Whether <c>&lt;hugepages&gt;</c> exists.</summary>
    public bool UsesHugePages { get; init; }

    /// <summary>Whether the guest's pages are locked in the host's memory.</summary>
    public bool Locked { get; init; }

    /// <summary>Whether the host must not merge the guest's pages (KSM).</summary>
    public bool NoSharePages { get; init; }

    /// <summary>file, anonymous, memfd; null when not set.</summary>
    public string? SourceType { get; init; }

    /// <summary>immediate, ondemand; null when not set.</summary>
    public string? Allocation { get; init; }

    /// <summary>The hard limit of the whole QEMU process, in KiB.</summary>
    public long? HardLimitKiB { get; init; }

    /// <summary>The NUMA policy: strict, preferred, interleave, restrictive; null when not set.</summary>
    public string? NumaMode { get; init; }

    /// <summary>The host nodes of the NUMA policy.</summary>
    public CpuSet? NumaNodes { get; init; }

    /// <summary>The placement of the NUMA policy: static, auto; null when not set.</summary>
    public string? NumaPlacement { get; init; }

    /// <summary>The policies of single guest cells.</summary>
    public IReadOnlyList<GuestCellMemoryPolicy> CellPolicies { get; init => field = Items.Of(value); } = Items<GuestCellMemoryPolicy>.None;

    /// <summary>For example <c>2048 MiB, huge pages</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{MaximumKiB / 1024} MiB{(UsesHugePages ? ", huge pages" : null)}");
}

/// <summary>Huge pages of one size.</summary>
/// <param name="PageSizeKiB">The page size in KiB; null for the host's default.</param>
/// <param name="GuestNodes">The guest's NUMA cells with this page size; null for all.</param>
public sealed record HugePageBacking(long? PageSizeKiB, CpuSet? GuestNodes)
{
    /// <summary>For example <c>2048 KiB</c>.</summary>
    public override string ToString() => PageSizeKiB is { } size ? FormattableString.Invariant($"{size} KiB") : "default";
}

/// <summary>The NUMA policy of one guest cell (<c>&lt;memnode&gt;</c>).</summary>
/// <param name="CellId">The guest's cell.</param>
/// <param name="Mode">The policy.</param>
/// <param name="HostNodes">The host nodes.</param>
public sealed record GuestCellMemoryPolicy(int CellId, string? Mode, CpuSet HostNodes)
{
    /// <summary>For example <c>cell 0: strict on nodes 0</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"cell {CellId}: {Mode ?? "default"} on nodes {HostNodes}");
}

/// <summary>A disk.</summary>
public sealed record DiskConfiguration : VMPart
{
    /// <summary>The name for the guest, for example <c>vdb</c>: cmdlets identify the disk by it.</summary>
    public required string Target { get; init; }

    /// <summary>disk, cdrom, floppy, lun.</summary>
    public string Device { get; init; } = "disk";

    /// <summary>virtio, scsi, sata, ide, usb and others.</summary>
    public string? Bus { get; init; }

    /// <summary>file, block, network, volume and others.</summary>
    public string? SourceType { get; init; }

    /// <summary>The file, device, network name or pool/volume of the disk; null for an empty drive.</summary>
    public string? Source { get; init; }

    /// <summary>raw, qcow2 and others (driver type).</summary>
    public string? Format { get; init; }

    /// <summary>The cache mode; null if not set, which means writeback to QEMU.</summary>
    public string? Cache { get; init; }

    /// <summary>The I/O mode: threads, native, io_uring; null when not set.</summary>
    public string? IO { get; init; }

    /// <summary>unmap, ignore; null when not set.</summary>
    public string? Discard { get; init; }

    /// <summary>off, on, unmap; null when not set.</summary>
    public string? DetectZeroes { get; init; }

    /// <summary>The I/O thread that serves the disk.</summary>
    public int? IOThread { get; init; }

    /// <summary>The I/O threads that share the disk's queues, if there are several (libvirt 10.0).</summary>
    public IReadOnlyList<int> IOThreads { get; init => field = Items.Of(value); } = Items<int>.None;

    /// <summary>The number of queues.</summary>
    public int? Queues { get; init; }

    /// <summary>Whether several VMs may use it at once.</summary>
    public bool Shareable { get; init; }

    /// <summary>Whether the guest can only read it.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>The index of a SCSI disk's controller.</summary>
    public int? Controller { get; init; }

    /// <summary>The throttle values that are set (<c>&lt;iotune&gt;</c>), by libvirt's names, in libvirt's units (bytes/s, I/O per s, s).</summary>
    public IReadOnlyDictionary<string, ulong> Throttle { get; init => field = Map.Of(value); } = Map<string, ulong>.None;

    /// <summary>The throttle group: disks of one group share one budget. Null if the disk has its own budget.</summary>
    public string? ThrottleGroup { get; init; }

    /// <summary>For example <c>vdb (cache none, io native)</c>.</summary>
    public override string ToString() => (Cache, IO) is (null, null) ? Target : $"{Target} ({string.Join(", ", new[] { Cache is null ? null : $"cache {Cache}", IO is null ? null : $"io {IO}" }.OfType<string>())})";
}

/// <summary>A controller.</summary>
public sealed record ControllerConfiguration
{
    /// <summary>scsi, usb, pci and others.</summary>
    public required string Type { get; init; }

    /// <summary>The controller's index among controllers of its type.</summary>
    public required int Index { get; init; }

    /// <summary>For example <c>virtio-scsi</c>.</summary>
    public string? Model { get; init; }

    /// <summary>The I/O thread of the controller.</summary>
    public int? IOThread { get; init; }

    /// <summary>The number of queues.</summary>
    public int? Queues { get; init; }

    /// <summary>For example <c>scsi 0 (virtio-scsi)</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Type} {Index}{(Model is null ? null : $" ({Model})")}");
}

/// <summary>A network interface.</summary>
public sealed record NicConfiguration : VMPart
{
    /// <summary>The hardware address: cmdlets identify the NIC by it.</summary>
    public required string Mac { get; init; }

    /// <summary>virtio, e1000e and others.</summary>
    public string? Model { get; init; }

    /// <summary>network, bridge, direct, ethernet, vhostuser, vdpa, user and others.</summary>
    public required string InterfaceType { get; init; }

    /// <summary>The network, bridge or device that it is attached to.</summary>
    public string? Source { get; init; }

    /// <summary>The host's device of a running interface, for example <c>vnet0</c>.</summary>
    public string? HostDevice { get; init; }

    /// <summary>The backend driver: vhost or qemu; null when not set.</summary>
    public string? Backend { get; init; }

    /// <summary>The number of queue pairs.</summary>
    public int? Queues { get; init; }

    /// <summary>The size of the receive ring.</summary>
    public int? RxQueueSize { get; init; }

    /// <summary>The size of the transmit ring.</summary>
    public int? TxQueueSize { get; init; }

    /// <summary>The host's average limit for traffic to the guest, in KiB/s (<c>&lt;bandwidth&gt;</c>); null without a limit.</summary>
    public int? InboundLimitKiBPerSecond { get; init; }

    /// <summary>The host's average limit for traffic from the guest, in KiB/s; null without a limit.</summary>
    public int? OutboundLimitKiBPerSecond { get; init; }

    /// <summary>For example <c>52:54:00:00:00:01 (virtio, 4 queues)</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Mac} ({Model ?? "default"}{(Queues is { } queues ? FormattableString.Invariant($", {queues} queues") : null)})");
}
