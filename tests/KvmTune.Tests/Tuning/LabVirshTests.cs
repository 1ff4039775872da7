// The virsh equivalents of CPU, NUMA, disk and network changes, run by bash on a second VM: its XML ends up the same as the first one's.
using System.Diagnostics;
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Tests.Corpus;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Tuning;

[Trait("Category", "Lab")]
public sealed class LabVirshTests : IDisposable
{
    private readonly HostConnection? _host;
    private readonly List<LibvirtDomain> _domains = [];

    public LabVirshTests()
    {
        if (Environment.GetEnvironmentVariable("KVMTUNE_LAB_URI") is { Length: > 0 } uri)
        {
            _host = new HostConnection(uri);
        }
    }

    public static TheoryData<string> Kinds => [.. Changes.Keys];

    private static Dictionary<string, Func<DomainDocument, VMChange>> Changes { get; } = new(StringComparer.Ordinal)
    {
        ["vCPU pins"] = _ => new VcpuPinChange { Pins = Pins((0, "0"), (1, "0")) },
        ["vCPU pin away"] = _ => new VcpuPinChange { Pins = Pins((3, null)) },
        ["emulator pin"] = _ => new EmulatorPinChange { Pins = Pins((EmulatorPinChange.Emulator, "0")) },
        ["I/O thread pin"] = _ => new IOThreadPinChange { HostCpus = new CpuSet("0"), Pins = Pins((2, "0")) },
        ["I/O thread pin away"] = _ => new IOThreadPinChange { HostCpus = new CpuSet("0"), Pins = Pins((1, null)) },
        ["NUMA policy"] = _ => new NumaPolicyChange { Mode = "strict", NodeSet = "0" },
        ["no NUMA policy"] = _ => new NumaPolicyChange { Mode = null, NodeSet = null },
        ["CPU model"] = _ => new CpuModelChange { Values = CpuModelChange.OfModel("qemu64") },
        ["CPU topology"] = _ => new CpuModelChange { Values = CpuModelChange.OfTopology(new CpuTopology(1, 1, 2, 2)) },
        ["cache"] = _ => new DiskDriverChange { Disk = "vda", Options = new Dictionary<string, string?> { ["cache"] = "none", ["io"] = "native" } },
        ["first I/O thread"] = document => new DiskIOThreadRequest("vda") { Queues = 2 }.ToChange(document),
        ["another I/O thread by number"] = document => new DiskIOThreadRequest("vdb") { IOThreads = [7] }.ToChange(document),
        ["I/O thread away"] = document => new DiskIOThreadRequest("vdc") { IsRelease = true }.ToChange(document),
        ["I/O thread away that others' numbers depend on"] = document => new DiskIOThreadRequest("vdd") { IsRelease = true }.ToChange(document),
        ["I/O thread of a SCSI controller"] = document => new DiskIOThreadRequest("sda") { Queues = 4 }.ToChange(document),
        ["limits"] = _ => Limits(("total_bytes_sec", 1 << 20), ("read_iops_sec", 100), ("write_iops_sec", 200), ("read_iops_sec_max", 300)),
        ["limits in place of others"] = _ => Limits(("read_iops_sec", 100)) with { Disk = "vdb" },
        ["no limits"] = _ => Limits([.. DiskThrottleChange.Categories.SelectMany(category => category).Select(name => (name, 0UL))]) with { Disk = "vdb" },
        ["queues"] = _ => Queues("2", "qemu", "512"),
        ["no queues"] = _ => Queues(null, null, null),
    };

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public async Task The_printed_command_does_to_another_vm_what_the_change_does(string kind)
    {
        Skip.If(_host is null, "KVMTUNE_LAB_URI is not set: there is no lab.");
        var first = Define(kind);
        var second = Define(kind);
        var before = first.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);
        var tuner = new VMTuner(new VMPlanner(_host!, first), TimeProvider.System, new NoJournal());

        var command = new VMPlanner(_host!, second).Plan(On(second, kind)).VirshCommand;
        var result = await tuner.ApplyAsync(tuner.Planner.Plan(On(first, kind)), new ApplyOptions(), CancellationToken.None);
        Run(command);

        Assert.Equal(TuningOutcome.Applied, result.Outcome);
        Assert.Equal(Text(first), Text(second));
        Assert.NotEqual(Anonymous(before, first), Text(first));
        foreach (var inverse in result.Inverse)
        {
            await tuner.ApplyAsync(tuner.Planner.Plan(inverse), new ApplyOptions(), CancellationToken.None);
        }

        Assert.Equal(before, first.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure));
    }

    public void Dispose()
    {
        foreach (var domain in _domains)
        {
            domain.Undefine();
            domain.Dispose();
        }

        _host?.Dispose();
    }

    private static Dictionary<int, CpuSet?> Pins(params (int Number, string? Cpus)[] pins) =>
        pins.ToDictionary(pin => pin.Number, pin => pin.Cpus is null ? null : new CpuSet(pin.Cpus));

    private static DiskThrottleChange Limits(params (string Name, ulong Value)[] limits) => new()
    {
        Disk = "vda",
        Limits = DiskThrottleChange.WholeCategories(limits.ToDictionary(limit => limit.Name, limit => (ulong?)limit.Value, StringComparer.Ordinal)),
    };

    private static NicQueuesChange Queues(string? queues, string? backend, string? ring) => new()
    {
        Nics = new[] { queues is null ? "52:54:00:6b:77:02" : "52:54:00:6b:77:01" }.ToDictionary(
            mac => mac,
            _ => (IReadOnlyDictionary<string, string?>)new Dictionary<string, string?>(StringComparer.Ordinal) { ["queues"] = queues, ["name"] = backend, ["rx_queue_size"] = ring },
            StringComparer.OrdinalIgnoreCase),
    };

    private static VMChange On(LibvirtDomain domain, string kind) => Changes[kind](DomainDocument.Parse(domain.GetXml(DomainXmlFlags.Inactive)));

    private LibvirtDomain Define(string kind)
    {
        // virsh's iothreadpin makes libvirt write the unchanged ids explicitly; here they are explicit from the start.
        var ids = kind.StartsWith("I/O thread pin", StringComparison.Ordinal) ? "<iothreadids><iothread id='1'/><iothread id='2'/></iothreadids>" : string.Empty;
        var suffix = Guid.NewGuid().ToString("N")[..12];
        var id = Environment.GetEnvironmentVariable("KVMTUNE_LAB_UUID_PREFIX") + suffix;
        var type = Environment.GetEnvironmentVariable("KVMTUNE_LAB_TYPE") ?? "qemu";
        var domain = _host!.Write().DefineXml(
            $"""
            <domain type='{type}'><name>virsh's {suffix}</name><uuid>{id}</uuid><memory unit='MiB'>16</memory><vcpu>4</vcpu><iothreads>2</iothreads>{ids}
            <cputune><vcpupin vcpu='3' cpuset='0'/><iothreadpin iothread='1' cpuset='0'/></cputune><numatune><memory mode='preferred' nodeset='0'/></numatune>
            <os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/nowhere/a.raw'/><target dev='vda' bus='virtio'/></disk>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/nowhere/b.raw'/><target dev='vdb' bus='virtio'/><iotune><write_iops_sec>9</write_iops_sec><total_bytes_sec>99</total_bytes_sec></iotune></disk>
            <disk type='file' device='disk'><driver name='qemu' type='raw' iothread='2' queues='2'/><source file='/nowhere/c.raw'/><target dev='vdc' bus='virtio'/></disk>
            <disk type='file' device='disk'><driver name='qemu' type='raw' iothread='1'/><source file='/nowhere/d.raw'/><target dev='vdd' bus='virtio'/></disk>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/nowhere/e.raw'/><target dev='sda' bus='scsi'/></disk>
            <controller type='scsi' index='0' model='virtio-scsi'/>
            <interface type='bridge'><mac address='52:54:00:6b:77:01'/><source bridge='br-nowhere'/><model type='virtio'/></interface>
            <interface type='bridge'><mac address='52:54:00:6b:77:02'/><source bridge='br-nowhere'/><model type='virtio'/><driver queues='3' rx_queue_size='1024'/></interface>
            </devices></domain>
            """,
            validate: true);
        _domains.Add(domain);
        return domain;
    }

    private static string Text(LibvirtDomain domain) => Anonymous(domain.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure), domain);

    private static string Anonymous(string xml, LibvirtDomain domain) => XmlSameness.Normalised(
        xml.Replace(domain.Id.ToString(), "ID", StringComparison.Ordinal).Replace(domain.Name[(domain.Name.LastIndexOf(' ') + 1)..], "NAME", StringComparison.Ordinal));

    private static void Run(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("bash", ["-c", $"set -e -o pipefail\n{command}"]) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{command}\n{output.Result}{errors}");
    }
}
