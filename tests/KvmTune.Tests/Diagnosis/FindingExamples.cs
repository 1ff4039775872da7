// For every kind of finding, a VM that has it, and one that just does not.
using KvmTune.Diagnosis;
using KvmTune.Diagnosis.Findings;
using KvmTune.Guest;
using KvmTune.Hosts;
using KvmTune.Tests.Tuning;
using KvmTune.Topology;

namespace KvmTune.Tests.Diagnosis;

/// <summary>A kind of finding with its examples.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Shows">A VM that has it.</param>
/// <param name="JustNot">A VM with the smallest difference that does not have it.</param>
/// <param name="Evidence">Words that the evidence must contain.</param>
public sealed record FindingExample(FindingKind Kind, FindingScene Shows, FindingScene JustNot, params string[] Evidence);

/// <summary>The examples.</summary>
public static class FindingExamples
{
    /// <summary>The address of the example's NIC.</summary>
    public const string Mac = "52:54:00:6b:76:02";

    private static readonly VMHostTopology TwoNodes = RuleScene.Grid(2, 4, 1) with { CpuModel = "EPYC" };
    private static readonly VMHostTopology Siblings = RuleScene.Grid(1, 4, 2) with { CpuModel = "EPYC" };

    /// <summary>All of them; a kind may have several.</summary>
    public static IReadOnlyList<FindingExample> All { get; } =
    [
        new(GeneralFindings.RestartPending, Both(WellSet().Replace("cache='none'", "cache='writeback'", StringComparison.Ordinal), WellSet()), Both(WellSet(), WellSet()), "disk vda cache", "writeback running, none configured"),
        new(GeneralFindings.RestartPending, Both(WellSet(vcpus: 2), WellSet()), Both(WellSet(), Pins("0:2")), "vCPUs"),
        new(GeneralFindings.RunningDiffersFromConfigured, Both(Pins("0:2"), Pins("0:3")), Both(Pins("0:2"), Pins("0:2")), "vCPU 0 pin", "2 running, 3 configured"),
        new(GeneralFindings.RunningDiffersFromConfigured, Both(Pins("0:2"), WellSet()), Both(Pins("0:0-7"), WellSet()), "2 running, (none) configured"),
        new(GeneralFindings.RunningDiffersFromConfigured, Both(Tuned("<emulatorpin cpuset='1'/>"), WellSet()), Both(Tuned("<emulatorpin cpuset='0-7'/>"), WellSet()), "emulator pin"),
        new(GeneralFindings.RunningDiffersFromConfigured, Both(Tuned("<iothreadpin iothread='1' cpuset='1'/>"), WellSet()), Both(Tuned("<iothreadpin iothread='1' cpuset='1'/>"), Tuned("<iothreadpin iothread='1' cpuset='1'/>")), "I/O thread 1 pin"),
        new(GeneralFindings.RunningDiffersFromConfigured, Both(Throttled(500), Throttled(600)), Both(Throttled(500), Throttled(500)), "total_iops_sec", "500 running, 600 configured"),

        new(CpuFindings.PinToOnlineHostCpu, FindingScene.Of(Pins("0:8")), FindingScene.Of(Pins("0:7")), "no online CPU 8"),
        new(CpuFindings.PinSharesHostCpuWithinVM, FindingScene.Of(Pins("0:2 1:2")), FindingScene.Of(Pins("0:2 1:3")), "0:2, 1:2", "host CPU 2"),
        new(CpuFindings.PinSharesHostCpuWithinVM, FindingScene.Of(Pins("0:0 1:1 2:1 3:0")) with { Host = RuleScene.Flat(2) }, FindingScene.Of(Pins("0:0 1:1")) with { Host = RuleScene.Flat(2) }, "host CPU 1"),
        new(CpuFindings.PinOvercommitsHostCpu, FindingScene.Of(Pins("0:2")) with { Neighbours = [Neighbour("web01", "0:2")] }, FindingScene.Of(Pins("0:3")) with { Neighbours = [Neighbour("web01", "0:2")] }, "'web01'", "host CPU 2"),
        new(CpuFindings.PinsCrossNumaNodes, FindingScene.Of(Pins("0:3 1:4")) with { Host = TwoNodes }, FindingScene.Of(Pins("0:2 1:3")) with { Host = TwoNodes }, "nodes 0, 1"),
        new(CpuFindings.PinsWithNumaPolicy, FindingScene.Of(Pins("0:5")) with { Host = TwoNodes }, FindingScene.Of(Pins("0:5", inside: "<numatune><memory mode='strict' nodeset='1'/></numatune>")) with { Host = TwoNodes }, "no NUMA policy"),
        new(CpuFindings.SiblingsMatchGuestTopology, FindingScene.Of(Pins("0:0 1:1 2:2 3:3")) with { Host = Siblings }, FindingScene.Of(Pins("0:0 1:2 2:4 3:6")) with { Host = Siblings }, "share a core on the host"),
        new(CpuFindings.IsolatedCpusNeedOneVcpuEach, FindingScene.Of(Pins("0:4-5")) with { Host = Isolating() }, FindingScene.Of(Pins("0:4 1:5")) with { Host = Isolating() }, "isolates 4-5"),
        new(CpuFindings.PinningTakesFreedom, FindingScene.Of(Pins("0:2")) with { Neighbours = Unpinned(8) }, FindingScene.Of(Pins("0:2")) with { Neighbours = Unpinned(7) }, "8 other running VMs"),
        new(CpuFindings.EmulatorOnVcpuHostCpu, FindingScene.Of(Tuned("<vcpupin vcpu='0' cpuset='2'/><emulatorpin cpuset='2'/>")), FindingScene.Of(Tuned("<vcpupin vcpu='0' cpuset='2'/><emulatorpin cpuset='3'/>")), "share host CPU 2"),
        new(CpuFindings.EmulatorMayDisturbVcpus, FindingScene.Of(Pins("0:2")), FindingScene.Of(Tuned("<vcpupin vcpu='0' cpuset='2'/><emulatorpin cpuset='3'/>")), "may run on 0-7"),
        new(CpuFindings.EmulatorMayDisturbVcpus, FindingScene.Of(Pins("0:2")), FindingScene.Of(Pins("0:2-3")), "emulator pin"),
        new(CpuFindings.PinSharesHostCpuWithinVM, FindingScene.Of(CpuSetOf("2")), FindingScene.Of(CpuSetOf("2-5")), "host CPU 2 carries the vCPUs 0, 1, 2, 3"),
        new(CpuFindings.PinSharesHostCpuWithinVM, FindingScene.Of(Pins("0:2-3 1:2-3 2:3")), FindingScene.Of(Pins("0:2-3 1:2-3 2:4")), "host CPU 2-3 carries the vCPUs 0, 1, 2"),
        new(CpuFindings.SiblingsMatchGuestTopology, FindingScene.Of(Pins("0:0-1 1:0-1 2:2-3 3:2-3")) with { Host = Siblings }, FindingScene.Of(Pins("0:0-1 1:2-3 2:4-5 3:6-7")) with { Host = Siblings }, "CPUs 0-1 and 0-1"),
        new(CpuFindings.SiblingsMatchGuestTopology, FindingScene.Of(Threads("0:0 1:2 2:1 3:3")) with { Host = Siblings }, FindingScene.Of(Threads("0:0 1:1 2:2 3:3")) with { Host = Siblings }, "threads of one core in the guest"),
        new(ThreadFindings.VcpusPartlyPinned, FindingScene.Of(Pins("0:2 1:3")), FindingScene.Of(Pins("0:2 1:3 2:4 3:5")), "vCPUs without a pin: 2, 3"),
        new(ThreadFindings.IOThreadOnVcpuHostCpu, FindingScene.Of(Tuned("<vcpupin vcpu='0' cpuset='2'/><iothreadpin iothread='1' cpuset='2'/>")), FindingScene.Of(Tuned("<vcpupin vcpu='0' cpuset='2'/><iothreadpin iothread='1' cpuset='3'/>")), "I/O thread 1 pin: 2"),
        new(ThreadFindings.IOThreadOnVcpuHostCpu, FindingScene.Of(Pins("0:2-5 1:2-5 2:2-5 3:2-5", "<cputune><iothreadpin iothread='1' cpuset='3'/></cputune>").Replace("</cputune><cputune>", string.Empty, StringComparison.Ordinal)), FindingScene.Of(Pins("0:2-6 1:2-6 2:2-6 3:2-6", "<cputune><iothreadpin iothread='1' cpuset='3'/></cputune>").Replace("</cputune><cputune>", string.Empty, StringComparison.Ordinal)), "I/O thread 1 pin: 3"),
        new(ThreadFindings.VcpusPartlyPinned, FindingScene.Of(Pins("0:2-3 1:2-3")), FindingScene.Of(Pins("0:2-4 1:2-4")), "vCPUs without a pin: 2, 3"),
        new(ThreadFindings.VcpusPartlyPinned, FindingScene.Of(Pins("0:0 1:1")) with { Host = RuleScene.Flat(2) }, FindingScene.Of(Pins("0:0 1:1 2:0 3:1")) with { Host = RuleScene.Flat(2) }, "vCPUs without a pin: 2, 3"),
        new(ThreadFindings.VcpusPartlyPinned, FindingScene.Of(Bound("0-5", "0:2 1:3")), FindingScene.Of(Bound("4-7", "0:2 1:3")), "vCPUs without a pin: 2, 3"),
        new(ThreadFindings.VcpusPartlyPinned, FindingScene.Of(Pins("0:2 1:3 2:3-6 3:2-6")), FindingScene.Of(Pins("0:2 1:3 2:4-6 3:4-6")), "vCPUs with a wide pin: 2, 3"),
        new(ThreadFindings.IOThreadOnVcpuHostCpu, FindingScene.Of(CpuSetOf("2-5")), FindingScene.Of(CpuSetOf("2-6")), "I/O thread 1 pin: (none), so 2-5 by <vcpu cpuset>"),
        new(CpuFindings.EmulatorOnVcpuHostCpu, FindingScene.Of(CpuSetOf("2-5")), FindingScene.Of(CpuSetOf("2-6")), "emulator pin: (none), so 2-5 by <vcpu cpuset>"),
        new(CpuFindings.EmulatorOnVcpuHostCpu, FindingScene.Of(Bound("2-5", "0:2 1:3 2:4 3:5")), FindingScene.Of(Bound("2-6", "0:2 1:3 2:4 3:5")), "emulator pin: (none), so 2-5 by <vcpu cpuset>"),
        new(CpuFindings.EmulatorMayDisturbVcpus, FindingScene.Of(Bound("2-6", "0:2 1:3 2:4 3:5")), FindingScene.Of(Bound("2-5", "0:2 1:3 2:4 3:5")), "emulator pin"),
        new(ThreadFindings.PinsCrossCaches, FindingScene.Of(Pins("0:0 1:4 2:1 3:5")) with { Host = TwoCaches(32) }, FindingScene.Of(Pins("0:0 1:1 2:4 3:5").Replace("<vcpu>", "<vcpu current='2'>", StringComparison.Ordinal)) with { Host = TwoCaches(32) }, "would do"),
        new(ThreadFindings.IOThreadWithoutDisk, FindingScene.Of(WellSet().Replace("<iothreads>1<", "<iothreads>2<", StringComparison.Ordinal)), FindingScene.Of(WellSet()), "named by no disk: 2"),
        new(ThreadFindings.PinsCrossCaches, FindingScene.Of(Pins("0:0 1:1 2:4 3:5")) with { Host = TwoCaches(32) }, FindingScene.Of(Pins("0:4 1:5 2:6 3:7")) with { Host = TwoCaches(32) }, "CPUs 0-3 and CPUs 4-7"),
        new(ThreadFindings.PinsMixCoreKinds, FindingScene.Of(Pins("0:0 1:1 2:4 3:5")) with { Host = TwoCaches(96) }, FindingScene.Of(Pins("0:4 1:5 2:6 3:7")) with { Host = TwoCaches(96) }, "kinds of core"),
        new(ThreadFindings.PinsCrossCaches, FindingScene.Of(Pins("0:2-5 1:2-5 2:2-5 3:2-5")) with { Host = TwoCaches(32) }, FindingScene.Of(Pins("0:0-3 1:0-3 2:0-3 3:0-3")) with { Host = TwoCaches(32) }, "0:2-5", "CPUs 0-3 and CPUs 4-7"),
        new(ThreadFindings.PinsCrossCaches, FindingScene.Of(Pins("0:0-1 1:0-1 2:4-5 3:4-5")) with { Host = TwoCaches(32) }, FindingScene.Of(WellSetOnRanges(6, "0-1,4-7")) with { Host = TwoCaches(32) }, "would do: CPUs 0-3"),
        new(ThreadFindings.PinsMixCoreKinds, FindingScene.Of(Pins("0:2-5 1:2-5 2:2-5 3:2-5")) with { Host = TwoCaches(96) }, FindingScene.Of(Pins("0:4-7 1:4-7 2:4-7 3:4-7")) with { Host = TwoCaches(96) }, "kinds of core"),
        new(ThreadFindings.RealTimeStarvesEmulator, FindingScene.Of(RealTime("2")), FindingScene.Of(RealTime("2-3")), "fifo 1", "emulator pin: 2"),
        new(ThreadFindings.CpuQuotaBinds, FindingScene.Of(Tuned("<period>100000</period><quota>50000</quota>")), FindingScene.Of(Tuned("<period>100000</period><quota>100000</quota>")), "0.5 host CPUs"),
        new(ThreadFindings.CpuQuotaBinds, FindingScene.Of(Tuned("<global_quota>300000</global_quota>")), FindingScene.Of(Tuned("<global_quota>400000</global_quota>")), "quota of the whole VM"),
        new(ThreadFindings.CpuSharesBelowOthers, FindingScene.Of(Tuned("<shares>512</shares>")) with { Neighbours = [Weighted(1024)] }, FindingScene.Of(Tuned("<shares>1024</shares>")) with { Neighbours = [Weighted(1024)] }, "shares: 512", "shares of 'web01': 1024"),
        new(ThreadFindings.CpuSharesBelowOthers, Weighed(Tuned("<shares>256</shares>"), 1024, WellSet()), Weighed(Tuned("<shares>1024</shares>"), 1024, WellSet()), "shares of 'web01': (not set, so 1024)"),
        new(ThreadFindings.CpuSharesBelowOthers, Weighed(WellSet(), 100, Tuned("<shares>1024</shares>")), Weighed(WellSet(), 1024, Tuned("<shares>1024</shares>")), "shares: (not set, so 100)"),
        new(ThreadFindings.CpuSharesBelowOthers, Weighed(Tuned("<shares>256</shares>"), 1024, WellSet()), Weighed(Tuned("<shares>256</shares>"), null, WellSet()), "shares: 256"),
        new(GeneralFindings.SavedStateWaits, FindingScene.Of(WellSet()) with { HasManagedSave = true }, FindingScene.Of(WellSet()), "managed save"),
        new(GeneralFindings.ManagerOverwritesChange, FindingScene.Of(WellSet(inside: "<metadata><ovirt-vm:vm xmlns:ovirt-vm='http://ovirt.org/vm/1.0'/></metadata>")), FindingScene.Of(WellSet(inside: "<metadata><app xmlns='http://example.org'/></metadata>")), "oVirt"),
        new(MemoryFindings.BalloonGivesNothingBack, FindingScene.Of(WellSet(inside: "<currentMemory unit='KiB'>524288</currentMemory>")), FindingScene.Of(WellSet(inside: "<currentMemory unit='KiB'>1048576</currentMemory>")), "huge pages"),
        new(MemoryFindings.BalloonGivesNothingBack, FindingScene.Of(Ballooned("<interface type='hostdev'><mac address='52:54:00:00:00:09'/><source><address type='pci' domain='0' bus='3' slot='0' function='0'/></source></interface>")), FindingScene.Of(Ballooned("<interface type='bridge'><mac address='52:54:00:00:00:09'/><source bridge='br0'/></interface>")), "passed-through devices"),
        new(MemoryFindings.BalloonGivesNothingBack, FindingScene.Of(Ballooned("<interface type='vdpa'><mac address='52:54:00:00:00:09'/><source dev='/dev/vhost-vdpa-0'/><model type='virtio'/></interface>")), FindingScene.Of(Ballooned(string.Empty)), "passed-through devices"),
        new(MemoryFindings.BalloonGivesNothingBack, FindingScene.Of(Ballooned("<disk type='nvme' device='disk'><driver name='qemu' type='raw'/><source type='pci' managed='yes' namespace='1'/><target dev='vdb' bus='virtio'/></disk>")), FindingScene.Of(Ballooned("<disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='/dev/nvme0n1'/><target dev='vdb' bus='virtio'/></disk>")), "passed-through devices"),
        new(NetworkFindings.VirtioNicWithoutVhost, FindingScene.Of(Nic("virtio-net-pci", null)), FindingScene.Of(Nic("virtio", 4)), "virtio-net-pci"),
        new(NetworkFindings.MultiqueueMissing, FindingScene.Of(Nic("virtio", null)), FindingScene.Of(Nic("virtio", null).Replace("</devices>", "<sound model='ich9'/></devices>", StringComparison.Ordinal)), "queues"),
        new(NetworkFindings.MultiqueueMissing, FindingScene.Of(Nic("virtio", null)), FindingScene.Of(Nic("virtio", null).Replace("</devices>", "<input type='evdev'><source dev='/dev/input/event1'/></input></devices>", StringComparison.Ordinal)), "queues"),
        new(NetworkFindings.MultiqueueMissing, FindingScene.Of(Headless(string.Empty)), FindingScene.Of(Headless("<hostdev mode='subsystem' type='pci'><rom file='/gpu.rom'/></hostdev>")), "queues"),
        new(NetworkFindings.MultiqueueMissing, FindingScene.Of(Headless("<hostdev mode='subsystem' type='pci'/>")), FindingScene.Of(Headless("<hostdev mode='subsystem' type='pci'/><hostdev mode='subsystem' type='usb'/>")), "queues"),
        new(NetworkFindings.MultiqueueMissing, FindingScene.Of(Headless("<interface type='hostdev'><mac address='52:54:00:00:00:09'/></interface>")), FindingScene.Of(Headless("<graphics type='spice'/><hostdev mode='subsystem' type='pci'/>")), "queues"),
        new(NetworkFindings.MultiqueueMissing, FindingScene.Of(Headless("<hostdev mode='subsystem' type='mdev' model='vfio-pci' display='off'/>")), FindingScene.Of(Headless("<hostdev mode='subsystem' type='mdev' model='vfio-pci' display='on'/>")), "queues"),
        new(NetworkFindings.MultiqueueMissing, FindingScene.Of(Nic("virtio", null).Replace("</devices>", "<shmem name='data'/></devices>", StringComparison.Ordinal)), FindingScene.Of(Nic("virtio", null).Replace("</devices>", "<shmem name='looking-glass'/></devices>", StringComparison.Ordinal)), "queues"),
        new(CpuModelFindings.ThreadsWithoutTopoext, FindingScene.Of(Threads("0:0 1:1 2:2 3:3")) with { Host = Siblings, GuestCpus = Amd }, FindingScene.Of(Threads("0:0 1:1 2:2 3:3").Replace("</cpu>", "<feature policy='require' name='topoext'/></cpu>", StringComparison.Ordinal)) with { Host = Siblings, GuestCpus = Amd }, "topoext: (not set)"),
        new(CpuModelFindings.CpuModelHidesHostFeatures, FindingScene.Of(Model("custom", "Nehalem")), FindingScene.Of(Model("custom", "Skylake-Client-IBRS")), "Nehalem", "Skylake-Client-IBRS"),
        new(CpuModelFindings.CpuModelHidesHostFeatures, FindingScene.Of(Model("custom", "Nehalem")), Both(Model("custom", "Nehalem"), Model("host-model", null)), "CPU mode: custom"),

        new(DiskFindings.DoubleCaching, FindingScene.Of(Disk("cache='writethrough'")), FindingScene.Of(Disk("cache='directsync' io='native'")), "disk vda cache: writethrough"),
        new(DiskFindings.DoubleCaching, FindingScene.Of(Disk(string.Empty)), FindingScene.Of(Disk("cache='none'")), "(not set, so writeback)"),
        new(DiskFindings.DoubleCaching, FindingScene.Of(Disk(string.Empty)), FindingScene.Of(Disk(string.Empty).Replace("device='disk'", "device='cdrom'", StringComparison.Ordinal)), "file /d"),
        new(DiskFindings.UnsafeLosesData, FindingScene.Of(Disk("cache='unsafe'")), FindingScene.Of(Disk("cache='none'")), "unsafe"),
        new(DiskFindings.WritebackHoldsData, FindingScene.Of(Disk("cache='writeback'")), FindingScene.Of(Disk("cache='writethrough'")), "writeback"),
        new(DiskFindings.WritebackHoldsData, FindingScene.Of(Disk("cache='writeback'")) with { Abilities = WithoutDirectIO }, FindingScene.Of(Disk("cache='writethrough'")) with { Abilities = WithoutDirectIO }, "writeback"),
        new(DiskFindings.ThreadsWithDirectCache, FindingScene.Of(Disk("cache='none'")), FindingScene.Of(Disk("cache='none' io='native'")), "disk vda io: (not set, so threads)"),
        new(DiskFindings.ThreadsWithDirectCache, FindingScene.Of(Disk("cache='none' io='threads'")), FindingScene.Of(Disk("cache='writeback' io='threads'")), "disk vda io: threads"),
        new(DiskFindings.DiskWithoutIOThread, FindingScene.Of(Disk("cache='none'")), FindingScene.Of(Disk("cache='none' iothread='1'")), "disk vda iothread: (not set)"),
        new(DiskFindings.DiskWithoutIOThread, FindingScene.Of(Scsi("virtio-scsi", string.Empty)), FindingScene.Of(Scsi("virtio-scsi", "<driver iothread='1'/>")), "SCSI controller 0"),
        new(DiskFindings.NonVirtioDisk, FindingScene.Of(Disk("cache='none'").Replace("bus='virtio'", "bus='sata'", StringComparison.Ordinal)), FindingScene.Of(Disk("cache='none'")), "disk vda bus: sata"),
        new(DiskFindings.NonVirtioDisk, FindingScene.Of(Scsi("lsilogic", string.Empty)), FindingScene.Of(Scsi("virtio-scsi", string.Empty)), "lsilogic"),

        new(MemoryFindings.MemoryNotOnHugePages, FindingScene.Of(SmallPages(1)) with { Host = WithPool(512) }, FindingScene.Of(SmallPages(1)) with { Host = WithPool(511) }, "2 MiB pages: 512, 512 free"),
        new(MemoryFindings.HugeGuestWithoutHugePages, FindingScene.Of(SmallPages(16)) with { Host = WithPool(0) }, FindingScene.Of(SmallPages(15)) with { Host = WithPool(0) }, "memory: 16 GiB"),

        new(NetworkFindings.NonVirtioNic, FindingScene.Of(Nic("e1000e", null)), FindingScene.Of(Nic("virtio", 4)), "model: e1000e"),
        new(NetworkFindings.MultiqueueMissing, FindingScene.Of(Nic("virtio", null)), FindingScene.Of(Nic("virtio", null, vcpus: 1)), "queues: (not set, so 1)", "vCPUs: 4"),
        new(NetworkFindings.MultiqueueMissing, FindingScene.Of(Nic("virtio", 1)), FindingScene.Of(Nic("virtio", 2)), "queues: 1"),
        new(NetworkFindings.NicQueuesAboveVcpus, FindingScene.Of(Nic("virtio", 5)), FindingScene.Of(Nic("virtio", 4)), "queues: 5", "vCPUs: 4"),
        new(NetworkFindings.NicQueuesNotUsedByGuest, Asked(new GuestNicQueuesReading(3, "eth0", "guest: ethtool -l eth0", null)), Asked(new GuestNicQueuesReading(4, "eth0", "guest: ethtool -l eth0", null)), "queues in use: 3", "ethtool -l eth0"),
        new(NetworkFindings.NicQueuesInGuestUnknown, Asked(GuestNicQueuesReading.NotKnown("the agent is silent", null)), Asked(new GuestNicQueuesReading(4, "eth0", "guest: ethtool -l eth0", null)), "unknown: the agent is silent"),
    ];

    private static GuestCpuAbilities Amd => new() { Vendor = "AMD", HostModel = "EPYC-Milan" };

    private static string CpuSetOf(string cpus) => WellSet().Replace("<vcpu>", $"<vcpu placement='static' cpuset='{cpus}'>", StringComparison.Ordinal);

    // The vCPUs have pins, and <vcpu cpuset> binds the other threads.
    private static string Bound(string cpus, string pins) => Pins(pins).Replace("<vcpu>", $"<vcpu placement='static' cpuset='{cpus}'>", StringComparison.Ordinal);

    private static string Headless(string devices) => Nic("virtio", null).Replace("</devices>", $"<video><model type='none'/></video>{devices}</devices>", StringComparison.Ordinal);

    private static string Ballooned(string devices) => WellSet(inside: "<currentMemory unit='KiB'>524288</currentMemory>")
        .Replace(Backing, string.Empty, StringComparison.Ordinal).Replace("</devices>", $"{devices}</devices>", StringComparison.Ordinal);

    private static FindingScene Weighed(string xml, long? unset, string neighbour) => FindingScene.Of(xml) with
    {
        Neighbours = [DomainXmlReader.Read(neighbour.Replace("db01", "web01", StringComparison.Ordinal))],
        Abilities = new HostAbilities { DefaultCpuShares = unset },
    };

    // More vCPUs than a cache has cores, all on one range.
    private static string WellSetOnRanges(int vcpus, string cpus) => Pins(string.Join(' ', Enumerable.Range(0, vcpus).Select(vcpu => $"{vcpu}:{cpus}"))).Replace("<vcpu>4<", $"<vcpu>{vcpus}<", StringComparison.Ordinal);

    private static string Threads(string pins) => Pins(pins).Replace("<cpu mode='host-passthrough'/>", "<cpu mode='host-passthrough'><topology sockets='1' dies='1' cores='2' threads='2'/></cpu>", StringComparison.Ordinal);

    private static string RealTime(string emulator) =>
        Tuned($"<vcpupin vcpu='0' cpuset='2'/><vcpusched vcpus='0' scheduler='fifo' priority='1'/><emulatorpin cpuset='{emulator}'/>");

    private static VMConfiguration Weighted(int shares) =>
        DomainXmlReader.Read(Tuned(FormattableString.Invariant($"<shares>{shares}</shares>")).Replace("db01", "web01", StringComparison.Ordinal));

    // Eight cores under two caches; the size of the second one in MiB is given.
    private static VMHostTopology TwoCaches(int second) => RuleScene.Flat(8) with
    {
        CpuModel = "EPYC",
        Caches = [new HostCache(0, 3, "both", 32 * 1024, new CpuSet("0-3")), new HostCache(1, 3, "both", second * 1024, new CpuSet("4-7"))],
    };

    private static HostAbilities WithoutDirectIO => new() { ProbeDirectIO = static _ => new DirectIOProbe(false, "refused") };

    /// <summary>A VM without any finding on a host of eight CPUs.</summary>
    public static string WellSet(int vcpus = 4, string inside = "") => Xml(
        vcpus, inside, "<cpu mode='host-passthrough'/>", Backing, "<driver name='qemu' type='raw' cache='none' io='native' iothread='1'/>", string.Empty);

    /// <summary>A running VM, with the values that its guest reported.</summary>
    public static FindingScene Asked(GuestNicQueuesReading reading) => Both(Nic("virtio", 4), Nic("virtio", 4)) with
    {
        GuestQueues = new Dictionary<string, GuestNicQueuesReading>(StringComparer.Ordinal) { [Mac] = reading },
    };

    private const string Backing = "<memoryBacking><hugepages/></memoryBacking>";

    private static FindingScene Both(string running, string configured) => new() { Running = running, Configured = configured };

    private static string Tuned(string cputune) => WellSet(inside: $"<cputune>{cputune}</cputune>");

    private static string Pins(string pins, string inside = "") => WellSet(inside: inside
        + $"<cputune>{string.Concat(pins.Split(' ').Select(pin => $"<vcpupin vcpu='{pin.Split(':')[0]}' cpuset='{pin.Split(':')[1]}'/>"))}</cputune>");

    private static string Throttled(int operations) =>
        WellSet().Replace("</disk>", $"<iotune><total_iops_sec>{operations}</total_iops_sec></iotune></disk>", StringComparison.Ordinal);

    private static string Model(string mode, string? model) =>
        Xml(4, string.Empty, $"<cpu mode='{mode}'>{(model is null ? null : $"<model>{model}</model>")}</cpu>", Backing, "<driver cache='none' io='native' iothread='1'/>", string.Empty);

    private static string Disk(string driver) => Xml(4, string.Empty, "<cpu mode='host-passthrough'/>", Backing, $"<driver name='qemu' type='raw' {driver}/>", string.Empty);

    private static string Scsi(string model, string driver) =>
        Disk("cache='none' io='native'").Replace("bus='virtio'", "bus='scsi'", StringComparison.Ordinal)
            .Replace("</devices>", $"<controller type='scsi' index='0' model='{model}'>{driver}</controller></devices>", StringComparison.Ordinal);

    private static string SmallPages(int gibibytes) =>
        WellSet().Replace(Backing, string.Empty, StringComparison.Ordinal).Replace(">1048576<", $">{gibibytes * 1048576}<", StringComparison.Ordinal);

    private static string Nic(string model, int? queues, int vcpus = 4) => Xml(
        vcpus, string.Empty, "<cpu mode='host-passthrough'/>", Backing, "<driver cache='none' io='native' iothread='1'/>",
        $"<interface type='network'><mac address='{Mac}'/><source network='default'/><model type='{model}'/>{(queues is null ? null : $"<driver queues='{queues}'/>")}</interface>");

    private static string Xml(int vcpus, string inside, string cpu, string backing, string driver, string devices) => $"""
        <domain type='kvm'><name>db01</name><memory unit='KiB'>1048576</memory>{backing}<vcpu>{vcpus}</vcpu><iothreads>1</iothreads>{inside}
        <os><type arch='x86_64' machine='q35'>hvm</type></os>{cpu}
        <devices><disk type='file' device='disk'>{driver}<source file='/d'/><target dev='vda' bus='virtio'/></disk>{devices}</devices></domain>
        """;

    private static VMConfiguration Neighbour(string name, string pins) =>
        DomainXmlReader.Read(Pins(pins).Replace("db01", name, StringComparison.Ordinal));

    private static List<VMConfiguration> Unpinned(int count) =>
        [.. Enumerable.Range(0, count).Select(number => DomainXmlReader.Read(WellSet().Replace("db01", $"vm{number}", StringComparison.Ordinal)))];

    private static VMHostTopology Isolating() => RuleScene.Flat(8) with { IsolatedCpus = new CpuSet("4-7") };

    // One node with ordinary pages and a pool of 2 MiB pages.
    private static VMHostTopology WithPool(long free)
    {
        var host = RuleScene.Flat(8);
        return host with
        {
            Nodes = [host.Nodes[0] with { FreeMemoryKiB = 64L * 1024 * 1024, PagePools = [new PagePool(0, 4, 1000, 1000), new PagePool(0, 2048, free, free)] }],
        };
    }
}
