// More than twenty well-made VMs on suitable hosts, based on public guides, and more than twenty with one known fault each.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Tests.Tuning;
using KvmTune.Topology;

namespace KvmTune.Tests.Diagnosis;

/// <summary>The VMs.</summary>
internal static class WellMadeVMs
{
    private const string Passthrough = "<cpu mode='host-passthrough' check='none'/>";
    private const string HugePages = "<memoryBacking><hugepages/></memoryBacking>";
    private const string Gpu = "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source></hostdev>";
    private const string Nic = "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/><model type='virtio'/><driver name='vhost' queues='4'/></interface>";
    private const string DesktopNic = "<interface type='network'><mac address='52:54:00:00:00:02'/><source network='default'/><model type='virtio'/></interface><sound model='ich9'/>";
    private const string Disk = "<disk type='block' device='disk'><driver name='qemu' type='raw' cache='none' io='native' discard='unmap' iothread='1'/><source dev='/dev/vg/vm'/><target dev='vda' bus='virtio'/></disk>";
    private const string Image = "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' io='native' iothread='1'/><source file='/images/vm.qcow2'/><target dev='vda' bus='virtio'/></disk>";
    private const string Cdrom = "<disk type='file' device='cdrom'><source file='/iso/virtio-win.iso'/><target dev='sda' bus='sata'/><readonly/></disk>";

    /// <summary>A desktop processor: 8 cores, the second threads are 8-15.</summary>
    private static VMHostTopology Desktop => Host(1, 8, 2, cachesPerNode: 1);

    /// <summary>16 cores under two caches, one of them three times as large as the other.</summary>
    private static VMHostTopology LargeCache => Host(1, 16, 2, cachesPerNode: 2) is var host ? host with { Caches = [host.Caches[0] with { SizeKiB = 96 * 1024 }, host.Caches[1]] } : null!;

    /// <summary>8 performance cores with two threads each (0-15) and 16 efficiency cores (16-31).</summary>
    private static VMHostTopology Hybrid
    {
        get
        {
            var cpus = Enumerable.Range(0, 32).Select(cpu => new HostCpu(cpu, 0, 0, 0, cpu < 16 ? cpu / 2 : cpu, cpu < 16 ? CpuSet.Of([cpu / 2 * 2, (cpu / 2 * 2) + 1]) : new CpuSet(cpu)) { Speed = cpu < 16 ? 5_500_000 : 4_200_000 }).ToList();
            var host = RuleScene.Flat(32);
            return host with
            {
                CpuModel = "Alderlake",
                Nodes = [host.Nodes[0] with { Cpus = cpus }],
                Caches = [new HostCache(0, 3, "both", 36 * 1024, new CpuSet("0-31"))],
            };
        }
    }

    /// <summary>Two sockets of 16 cores with two threads each, four caches a socket.</summary>
    private static VMHostTopology Server => Host(2, 16, 2, cachesPerNode: 4);

    /// <summary>64 cores without siblings.</summary>
    private static VMHostTopology Arm => Host(1, 64, 1, cachesPerNode: 1) with { Architecture = "aarch64", CpuModel = "Neoverse-N1" };

    /// <summary>A small box of four cores.</summary>
    private static VMHostTopology Box => Host(1, 4, 1, cachesPerNode: 1);

    private static VMHostTopology Isolating => Host(1, 16, 1, cachesPerNode: 1) with { IsolatedCpus = new CpuSet("8-15") };

    /// <summary>The well-made ones.</summary>
    public static IReadOnlyDictionary<string, FindingScene> All { get; } = new Dictionary<string, FindingScene>(StringComparer.Ordinal)
    {
        ["VFIO desktop on whole cores"] = Of(Desktop, Vm(8, 16, Tune("2 10 3 11 4 12 5 13", "0-1,8-9", "1,9"), Smt(4), HugePages, Image + DesktopNic + Gpu)),
        ["VFIO desktop, each thread free within its core"] = Of(Desktop, Vm(8, 16, Tune("2,10 2,10 3,11 3,11 4,12 4,12 5,13 5,13", "0-1,8-9", "1,9"), Smt(4), HugePages, Image + DesktopNic + Gpu)),
        ["VFIO desktop, one thread a core"] = Of(Desktop, Vm(6, 8, Tune("2 3 4 5 6 7", "0-1,8-9", "0,8"), Cores(6), HugePages, Disk + DesktopNic + Gpu)),
        ["VFIO desktop under the larger cache"] = Of(LargeCache, Vm(12, 16, Tune("2 18 3 19 4 20 5 21 6 22 7 23", "0-1,16-17", "1,17"), Smt(6), HugePages, Image + DesktopNic + Gpu)),
        ["VFIO desktop on performance cores"] = Of(Hybrid, Vm(8, 16, Tune("4 5 6 7 8 9 10 11", "16-19", "20"), Smt(4), HugePages, Image + DesktopNic + Gpu)),
        ["Build server on efficiency cores"] = Of(Hybrid, Vm(12, 8, Tune("20 21 22 23 24 25 26 27 28 29 30 31", "16-17", "18"), Cores(12), HugePages, Image + Nic)),
        ["Database on one node"] = Of(Server, Vm(12, 32, Tune("2 3 4 5 6 7 8 9 10 11 12 13", "0-1,32-33", "1,33"), Cores(12), HugePages + Numa("0"), Disk + Nic)),
        ["Database with NUMA cells on two nodes"] = WithCells("<memory mode='strict' nodeset='0-1'/>"),
        ["Database with NUMA cells and policies of the cells alone"] = WithCells(string.Empty),
        ["Database on a node without memory"] = Of(RuleScene.WithoutMemory(Server, node: 1), Vm(12, 32, Tune("18 19 20 21 22 23 24 25 26 27 28 29", "16-17,48-49", "17,49"), Cores(12), HugePages + Numa("0"), Disk + Nic)),
        ["Database on whole cores of a node"] = Of(Server, Vm(16, 32, Tune("18 50 19 51 20 52 21 53 22 54 23 55 24 56 25 57", "16-17,48-49", "17,49"), Smt(8), HugePages + Numa("1"), Disk + Nic)),
        ["Database with I/O threads for two disks"] = Of(Server, Vm(4, 8, Tune("4 5 6 7", "0-1", "1"), Cores(4), HugePages + Numa("0"), Disk + Disk.Replace("vda", "vdb", StringComparison.Ordinal).Replace("/dev/vg/vm", "/dev/vg/log", StringComparison.Ordinal) + Nic)),
        ["Router on a small box"] = Of(Box, Vm(2, 2, Tune("2 3", "0-1", "1"), Passthrough, HugePages, Image + Nic)),
        ["Router with passed-through cards"] = Of(Box, Vm(3, 4, Tune("1 2 3", "0", "0"), Passthrough, HugePages, Image + Gpu)),
        ["Real time on isolated CPUs"] = Of(Isolating, Vm(4, 4, Tune("8 9 10 11", "2-3", "4", "<vcpusched vcpus='0-3' scheduler='fifo' priority='1'/>"), Passthrough, HugePages, Disk + Nic)),
        ["Real time with a housekeeping vCPU"] = Of(Isolating, Vm(3, 4, Tune("7 8 9", "2-3", "4", "<vcpusched vcpus='1-2' scheduler='fifo' priority='1'/>"), Passthrough, HugePages, Disk + Nic)),
        ["Windows server"] = Of(Server, Vm(8, 8, string.Empty, "<cpu mode='host-passthrough'><topology sockets='1' dies='1' cores='8' threads='1'/></cpu>", HugePages, Image + Cdrom + Nic)),
        ["Windows desktop without pins"] = Of(Desktop, Vm(4, 8, string.Empty, "<cpu mode='host-model'/>", string.Empty, Image + Cdrom + DesktopNic)),
        ["ARM server"] = Of(Arm, Vm(8, 8, Tune("8 9 10 11 12 13 14 15", "0-3", "4"), Passthrough, HugePages, Image + Nic).Replace("x86_64", "aarch64", StringComparison.Ordinal).Replace("q35", "virt", StringComparison.Ordinal)),
        ["Web server left to the scheduler"] = Of(Server, Vm(2, 4, string.Empty, "<cpu mode='host-model'/>", string.Empty, Image + Nic)),
        ["VM kept to the CPUs of a node"] = Of(Server, Vm(4, 4, string.Empty, Passthrough, HugePages + Numa("1"), Image + Nic).Replace("<vcpu>", "<vcpu placement='static' cpuset='16-31,48-63'>", StringComparison.Ordinal)),
        ["VM with vCPUs to plug in"] = Of(Desktop, Vm(8, 8, Tune("2 3 4 5 6 7 10 11", "0-1,8-9", "1"), Passthrough, HugePages, Image + Nic).Replace("<vcpu>", "<vcpu current='4'>", StringComparison.Ordinal)),
    };

    /// <summary>A fault in a well-made VM, with the finding that must be the only grave one.</summary>
    public static IReadOnlyDictionary<string, (FindingScene Scene, string Finding)> Faulty { get; } = new Dictionary<string, (FindingScene, string)>(StringComparer.Ordinal)
    {
        ["siblings swapped"] = (Edit("VFIO desktop on whole cores", "<vcpupin vcpu='1' cpuset='10'/><vcpupin vcpu='2' cpuset='3'/>", "<vcpupin vcpu='1' cpuset='3'/><vcpupin vcpu='2' cpuset='10'/>"), "SiblingsMatchGuestTopology"),
        ["ranges on a wrong core"] = (Edit("VFIO desktop, each thread free within its core", "<topology sockets='1' dies='1' cores='4' threads='2'/>", "<topology sockets='1' dies='1' cores='8' threads='1'/>"), "SiblingsMatchGuestTopology"),
        ["two vCPUs on one host CPU"] = (Edit("VFIO desktop, one thread a core", "vcpu='5' cpuset='7'", "vcpu='5' cpuset='6'"), "PinSharesHostCpuWithinVM"),
        ["more vCPUs than CPUs in a range"] = (Edit("VM kept to the CPUs of a node", "cpuset='16-31,48-63'", "cpuset='16-18'"), "PinSharesHostCpuWithinVM"),
        ["emulator on vCPUs"] = (Edit("Database on whole cores of a node", "<emulatorpin cpuset='16-17,48-49'/>", "<emulatorpin cpuset='18,50'/>"), "EmulatorOnVcpuHostCpu"),
        ["I/O thread on a vCPU"] = (Edit("Database on one node", "iothread='1' cpuset='1,33'", "iothread='1' cpuset='2'"), "IOThreadOnVcpuHostCpu"),
        ["a vCPU without a pin"] = (Edit("Database on one node", "<vcpupin vcpu='11' cpuset='13'/>", string.Empty), "VcpusPartlyPinned"),
        ["kinds of core mixed"] = (Edit("VFIO desktop on performance cores", "<vcpupin vcpu='6' cpuset='10'/><vcpupin vcpu='7' cpuset='11'/>", "<vcpupin vcpu='6' cpuset='22'/><vcpupin vcpu='7' cpuset='23'/>", "cores='4' threads='2'", "cores='8' threads='1'", "<vcpupin vcpu='1' cpuset='5'/>", "<vcpupin vcpu='1' cpuset='12'/>", "<vcpupin vcpu='3' cpuset='7'/>", "<vcpupin vcpu='3' cpuset='14'/>", "<vcpupin vcpu='5' cpuset='9'/>", "<vcpupin vcpu='5' cpuset='2'/>"), "PinsMixCoreKinds"),
        ["caches of two sizes mixed"] = (Edit("VFIO desktop under the larger cache", "vcpu='10' cpuset='7'", "vcpu='10' cpuset='9'", "vcpu='11' cpuset='23'", "vcpu='11' cpuset='25'"), "PinsMixCoreKinds"),
        ["pins over two nodes"] = (Edit("Database on one node", "vcpu='11' cpuset='13'", "vcpu='11' cpuset='17'", "nodeset='0'", "nodeset='0-1'"), "PinsCrossNumaNodes"),
        ["memory on the other node"] = (Edit("Database on one node", "nodeset='0'", "nodeset='1'"), "PinsWithNumaPolicy"),
        ["memory from a node that has none"] = (Edit("Database on a node without memory", "nodeset='0'", "nodeset='0-1'"), "PinsWithNumaPolicy"),
        ["a vCPU with the default cpuset beside pinned ones"] = (Edit("Database on one node", "<vcpu>", "<vcpu cpuset='2-15'>", "<vcpupin vcpu='11' cpuset='13'/>", string.Empty), "VcpusPartlyPinned"),
        ["a wide pin beside pinned ones"] = (Edit("Database on one node", "vcpu='11' cpuset='13'", "vcpu='11' cpuset='12-15'"), "VcpusPartlyPinned"),
        ["an I/O thread kept to the vCPUs' CPUs"] = (Edit("VM kept to the CPUs of a node", "cpuset='16-31,48-63'", "cpuset='16-19'", "</iothreads>", "</iothreads><cputune><emulatorpin cpuset='20-31'/></cputune>"), "IOThreadOnVcpuHostCpu"),
        ["an emulator kept to the vCPUs' CPUs"] = (Edit("VM kept to the CPUs of a node", "cpuset='16-31,48-63'", "cpuset='16-19'", "</iothreads>", "</iothreads><cputune><iothreadpin iothread='1' cpuset='20-31'/></cputune>"), "EmulatorOnVcpuHostCpu"),
        ["an offline host CPU"] = (Edit("Router on a small box", "vcpu='1' cpuset='3'", "vcpu='1' cpuset='9'"), "PinToOnlineHostCpu"),
        ["real time over the emulator"] = (Edit("Real time on isolated CPUs", "<emulatorpin cpuset='2-3'/>", "<emulatorpin cpuset='8'/>"), "RealTimeStarvesEmulator"),
        ["several isolated CPUs for one vCPU"] = (Edit("Real time on isolated CPUs", "vcpu='3' cpuset='11'", "vcpu='3' cpuset='11-12'"), "IsolatedCpusNeedOneVcpuEach"),
        ["no cache mode"] = (Edit("Web server left to the scheduler", "cache='none' io='native' ", string.Empty), "DoubleCaching"),
        ["unsafe cache"] = (Edit("Web server left to the scheduler", "cache='none' io='native' ", "cache='unsafe' "), "UnsafeLosesData"),
        ["balloon over huge pages"] = (Edit("Database on one node", "<currentMemory unit='GiB'>32<", "<currentMemory unit='GiB'>16<"), "BalloonGivesNothingBack"),
        ["balloon beside a passed-through card"] = (Edit("VFIO desktop, one thread a core", "<currentMemory unit='GiB'>8<", "<currentMemory unit='GiB'>4<", HugePages, string.Empty, Gpu, "<interface type='hostdev'><mac address='52:54:00:00:00:09'/></interface>"), "BalloonGivesNothingBack"),
        ["an emulated card"] = (Edit("Router on a small box", "<model type='virtio'/>", "<model type='e1000e'/>"), "NonVirtioNic"),
        ["a card by QEMU's name"] = (Edit("Router on a small box", "<model type='virtio'/>", "<model type='virtio-net-pci'/>"), "VirtioNicWithoutVhost"),
        ["a manager's VM"] = (Edit("Web server left to the scheduler", "<vcpu>", "<metadata><nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'/></metadata><vcpu>"), "ManagerOverwritesChange"),
    };

    private static FindingScene WithCells(string memory) => Of(Server, Vm(
        16, 64, Tune("2 3 4 5 6 7 8 9 18 19 20 21 22 23 24 25", "0-1,32-33", "1,33"),
        "<cpu mode='host-passthrough'><topology sockets='2' dies='1' cores='8' threads='1'/><numa><cell id='0' cpus='0-7' memory='33554432'/><cell id='1' cpus='8-15' memory='33554432'/></numa></cpu>",
        HugePages + $"<numatune>{memory}<memnode cellid='0' mode='strict' nodeset='0'/><memnode cellid='1' mode='strict' nodeset='1'/></numatune>", Disk + Nic));

    private static FindingScene Of(VMHostTopology host, string xml) => new()
    {
        Configured = xml,
        Running = xml,
        Host = host,
        Abilities = new HostAbilities { Libvirt = new Version(9, 0), Qemu = new Version(7, 2) },
    };

    private static FindingScene Edit(string name, params string[] edits)
    {
        var scene = All[name];
        var xml = scene.Configured!;
        foreach (var edit in edits.Chunk(2))
        {
            xml = xml.Contains(edit[0], StringComparison.Ordinal) ? xml.Replace(edit[0], edit[1], StringComparison.Ordinal) : throw new InvalidOperationException($"'{name}' has no {edit[0]}");
        }

        return scene with { Configured = xml, Running = xml };
    }

    private static string Vm(int vcpus, int gibibytes, string tune, string cpu, string memory, string devices) => string.Create(CultureInfo.InvariantCulture, $"""
        <domain type='kvm'><name>vm</name><memory unit='GiB'>{gibibytes}</memory><currentMemory unit='GiB'>{gibibytes}</currentMemory>{memory}<vcpu>{vcpus}</vcpu><iothreads>1</iothreads>{tune}
        <os><type arch='x86_64' machine='q35'>hvm</type></os>{cpu}<devices>{devices}<memballoon model='virtio'/></devices></domain>
        """);

    private static string Tune(string pins, string emulator, string thread, string more = "") =>
        $"<cputune>{string.Concat(pins.Split(' ').Select((cpus, vcpu) => string.Create(CultureInfo.InvariantCulture, $"<vcpupin vcpu='{vcpu}' cpuset='{cpus}'/>")))}<emulatorpin cpuset='{emulator}'/><iothreadpin iothread='1' cpuset='{thread}'/>{more}</cputune>";

    private static string Smt(int cores) => string.Create(CultureInfo.InvariantCulture, $"<cpu mode='host-passthrough'><topology sockets='1' dies='1' cores='{cores}' threads='2'/><feature policy='require' name='topoext'/></cpu>");

    private static string Cores(int cores) => string.Create(CultureInfo.InvariantCulture, $"<cpu mode='host-passthrough'><topology sockets='1' dies='1' cores='{cores}' threads='1'/></cpu>");

    private static string Numa(string nodes) => $"<numatune><memory mode='strict' nodeset='{nodes}'/></numatune>";

    // Second threads are numbered after all first ones, like in the firmware of desktops and servers.
    private static VMHostTopology Host(int nodes, int coresPerNode, int threads, int cachesPerNode)
    {
        var cores = nodes * coresPerNode;
        var all = Enumerable.Range(0, nodes).Select(node => new HostNode
        {
            Id = node,
            MemoryKiB = 256L * 1024 * 1024,
            FreeMemoryKiB = 128L * 1024 * 1024,
            Cpus =
            [
                .. Enumerable.Range(0, threads).SelectMany(thread => Enumerable.Range(node * coresPerNode, coresPerNode).Select(core => new HostCpu(
                    core + (thread * cores), node, node, 0, core, CpuSet.Of(Enumerable.Range(0, threads).Select(sibling => core + (sibling * cores)))))),
            ],
            PagePools = [new PagePool(node, 4, 1000, 1000), new PagePool(node, 2048, 0, 0)],
            Distances = Enumerable.Range(0, nodes).ToDictionary(other => other, other => other == node ? 10 : 21),
        }).ToList();
        var perCache = coresPerNode / cachesPerNode;
        return new VMHostTopology
        {
            ConnectionUri = "qemu:///system",
            HostName = "host",
            Architecture = "x86_64",
            CpuModel = "EPYC-Milan",
            Nodes = all,
            Caches =
            [
                .. Enumerable.Range(0, nodes * cachesPerNode).Select(cache => new HostCache(
                    cache, 3, "both", 32 * 1024, CpuSet.Of(all.SelectMany(node => node.Cpus).Where(cpu => cpu.Core / perCache == cache).Select(cpu => cpu.Id)))),
            ],
            OnlineCpus = CpuSet.Of(Enumerable.Range(0, cores * threads)),
            IsolatedCpus = CpuSet.Empty,
        };
    }
}
