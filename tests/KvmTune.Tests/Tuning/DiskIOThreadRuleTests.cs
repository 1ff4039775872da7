// For each rule of I/O threads, a test that breaks it and one that just keeps it; and the meaning of a requested thread for a VM.
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class DiskIOThreadRuleTests
{
    private const string Scsi = """
        <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/s'/><target dev='sda' bus='scsi'/><address type='drive' controller='1'/></disk>
        <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/t'/><target dev='sdb' bus='scsi'/><address type='drive' controller='1'/></disk>
        <controller type='usb' index='1'/><controller type='scsi' index='1' model='virtio-scsi'/>
        """;

    private const string Sata = "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/s'/><target dev='sda' bus='sata'/></disk>";

    private static readonly HostAbilities Young = new() { Libvirt = new Version(10, 0), Qemu = new Version(9, 0) };

    [Fact]
    public void Only_virtio_disks_and_virtio_scsi_controllers_have_io_threads()
    {
        Scene(RuleScene.Vm(devices: Sata), new DiskIOThreadRequest("sda")).Breaks(DiskIOThreadRules.IOThreadNeedsVirtio, "sda", "sata");
        Scene(RuleScene.Vm(devices: Scsi.Replace("model='virtio-scsi'", "model='lsilogic'", StringComparison.Ordinal)), new DiskIOThreadRequest("sda"))
            .Breaks(DiskIOThreadRules.IOThreadNeedsVirtio, "lsilogic", "controller 1");
        Scene(RuleScene.Vm(devices: Scsi), new DiskIOThreadRequest("sda")).Keeps(DiskIOThreadRules.IOThreadNeedsVirtio);
        Scene(RuleScene.Vm(), new DiskIOThreadRequest("vdb")).Keeps(DiskIOThreadRules.IOThreadNeedsVirtio);
    }

    [Fact]
    public void The_io_thread_must_exist_and_a_request_makes_it()
    {
        var change = Change(RuleScene.Vm(), new DiskIOThreadRequest("vdb") { IOThreads = [3] });
        new RuleScene { Change = change with { Threads = new Dictionary<int, bool>() } }.Breaks(DiskIOThreadRules.IOThreadMustExist, "no I/O thread 3");
        new RuleScene { Change = Change(RuleScene.Vm(), new DiskIOThreadRequest("vdb") { IOThreads = [0] }) }.Breaks(DiskIOThreadRules.IOThreadMustExist, "I/O thread 0");
        new RuleScene { Change = change }.Keeps(DiskIOThreadRules.IOThreadMustExist);
    }

    [Fact]
    public void Several_io_threads_for_one_disk_need_libvirt_10_and_qemu_9()
    {
        var request = new DiskIOThreadRequest("vdb") { IOThreads = [1, 2] };
        (Scene(RuleScene.Vm(), request) with { Abilities = Young with { Libvirt = new Version(9, 10) } })
            .Breaks(DiskIOThreadRules.SeveralIOThreadsNeedVersions, "libvirt 9.10 is older than 10.0");
        (Scene(RuleScene.Vm(), request) with { Abilities = Young with { Qemu = new Version(8, 2) } })
            .Breaks(DiskIOThreadRules.SeveralIOThreadsNeedVersions, "QEMU 8.2 is older than 9.0");
        (Scene(RuleScene.Vm(devices: Scsi), new DiskIOThreadRequest("sda") { IOThreads = [1, 2] }) with { Abilities = Young })
            .Breaks(DiskIOThreadRules.SeveralIOThreadsNeedVersions, "SCSI controller");
        (Scene(RuleScene.Vm(), request) with { Abilities = Young }).Keeps(DiskIOThreadRules.SeveralIOThreadsNeedVersions);
        Scene(RuleScene.Vm(), new DiskIOThreadRequest("vdb")).IsSilent(DiskIOThreadRules.SeveralIOThreadsNeedVersions);
    }

    [Fact]
    public void More_io_threads_than_host_cpus_or_disks_are_warned_about()
    {
        var two = RuleScene.Vm(inside: "<iothreads>2</iothreads>");
        (Scene(two, new DiskIOThreadRequest("vdb") { IOThreads = [3] }) with { Host = RuleScene.Flat(2) })
            .Breaks(DiskIOThreadRules.IOThreadsAboveHostCpus, "3 I/O threads", "2 CPUs");
        (Scene(two, new DiskIOThreadRequest("vdb")) with { Host = RuleScene.Flat(2) }).Keeps(DiskIOThreadRules.IOThreadsAboveHostCpus);
        Scene(two, new DiskIOThreadRequest("vdb")).Breaks(DiskIOThreadRules.IOThreadsAboveDisks, "2 I/O threads", "1 virtio disks");
        Scene(RuleScene.Vm(devices: Scsi, inside: "<iothreads>2</iothreads>"), new DiskIOThreadRequest("vdb")).Keeps(DiskIOThreadRules.IOThreadsAboveDisks);
    }

    [Fact]
    public void More_queues_than_vcpus_are_warned_about()
    {
        Scene(RuleScene.Vm(vcpus: 2), new DiskIOThreadRequest("vdb") { Queues = 3 }).Breaks(DiskIOThreadRules.DiskQueuesAboveVcpus, "3 queues", "2 vCPUs");
        Scene(RuleScene.Vm(vcpus: 2), new DiskIOThreadRequest("vdb") { Queues = 2 }).Keeps(DiskIOThreadRules.DiskQueuesAboveVcpus);
    }

    [Fact]
    public void A_request_without_a_number_takes_the_disks_own_thread_then_an_idle_one_then_a_new_one()
    {
        var own = RuleScene.Vm(inside: "<iothreads>3</iothreads>").Replace("type='raw'", "type='raw' iothread='2'", StringComparison.Ordinal);
        Assert.Equal("2", Change(own, new DiskIOThreadRequest("vdb") { Queues = 4 }).Options["iothread"]);
        var idle = RuleScene.Vm(inside: "<iothreads>2</iothreads>", devices: Scsi).Replace("model='virtio-scsi'/>", "model='virtio-scsi'><driver iothread='1'/></controller>", StringComparison.Ordinal);
        Assert.Equal("2", Change(idle, new DiskIOThreadRequest("vdb")).Options["iothread"]);
        Assert.Empty(Change(idle, new DiskIOThreadRequest("vdb")).Threads);
        var none = Change(RuleScene.Vm(inside: "<iothreads>2</iothreads><iothreadids><iothread id='1'/><iothread id='3'/></iothreadids>"), new DiskIOThreadRequest("vdb") { IOThreads = [2] });
        Assert.Equal(2, Assert.Single(none.Threads, thread => thread.Value).Key);
    }

    [Fact]
    public void A_release_removes_the_thread_only_where_nothing_else_uses_it_and_nothing_is_said_about_it()
    {
        const string Used = "<iothreads>1</iothreads>";
        var release = new DiskIOThreadRequest("vdb") { IsRelease = true };
        static string Vm(string inside, string devices = "") =>
            RuleScene.Vm(inside: inside, devices: devices).Replace("type='raw'/><source file='/d'", "type='raw' iothread='1' queues='4'/><source file='/d'", StringComparison.Ordinal);
        Assert.NotEmpty(Change(Vm(Used), release).Threads);
        Assert.Empty(Change(Vm(Used), release with { KeepThread = true }).Threads);
        Assert.Contains("queues", Change(Vm(Used), release).Options.Keys);
        Assert.DoesNotContain("queues", Change(Vm(Used), release with { KeepQueues = true }).Options.Keys);
        Assert.Empty(Change(Vm(Used + "<cputune><iothreadpin iothread='1' cpuset='2'/></cputune>"), release).Threads);
        Assert.Empty(Change(Vm(Used + "<iothreadids><iothread id='1' thread_pool_max='8'/></iothreadids>"), release).Threads);
        Assert.Empty(Change(Vm(Used, Scsi.Replace("model='virtio-scsi'/>", "model='virtio-scsi'><driver iothread='1'/></controller>", StringComparison.Ordinal)), release).Threads);
    }

    [Fact]
    public void A_scsi_disks_settings_are_its_controllers_even_where_another_type_has_the_same_index()
    {
        var document = DomainDocument.Parse(RuleScene.Vm(devices: Scsi));
        new DiskIOThreadRequest("sdb") { Queues = 4 }.ToChange(document).Edit(document);
        var vm = document.ToConfiguration();
        Assert.Equal((1, 4), (vm.Controllers[1].IOThread, vm.Controllers[1].Queues));
        Assert.Null(vm.Controllers[0].IOThread);
    }

    [Fact]
    public void Several_threads_of_a_disk_become_one_and_many_again()
    {
        var document = DomainDocument.Parse(RuleScene.Vm());
        var before = document.Copy();
        var several = new DiskIOThreadRequest("vdb") { IOThreads = [1, 2] }.ToChange(document);
        several.Edit(document);
        Assert.Equal([1, 2], document.ToConfiguration().Disks[0].IOThreads);
        new DiskIOThreadRequest("vdb") { IOThreads = [2] }.ToChange(document).Edit(document);
        Assert.Empty(document.ToConfiguration().Disks[0].IOThreads);
        Assert.Equal(2, document.ToConfiguration().Disks[0].IOThread);
        var again = before.Copy();
        several.Edit(again);
        several.Inverse(before).Edit(again);
        Assert.Equal(before.ToXml(), again.ToXml());
    }

    private static DiskIOThreadChange Change(string xml, DiskIOThreadRequest request) => request.ToChange(DomainDocument.Parse(xml));

    private static RuleScene Scene(string xml, DiskIOThreadRequest request) => new() { Change = Change(xml, request), Xml = xml };
}
