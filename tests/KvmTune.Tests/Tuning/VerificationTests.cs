// Disks and NICs on a QEMU command line, in the form of libvirt 9 and of older versions.
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class VerificationTests
{
    private const string Running = """
        <domain type='kvm'><name>db01</name><memory>1024</memory><vcpu>2</vcpu><devices>
        <disk type='file' device='disk'><driver name='qemu' type='raw' {0}/><source file='/d' index='1'/><target dev='vdb' bus='virtio'/><alias name='virtio-disk1'/></disk>
        </devices></domain>
        """;

    private const string Format = """{"node-name":"libvirt-1-format","read-only":false,"discard":"unmap","detect-zeroes":"unmap","cache":{"direct":true,"no-flush":false},"driver":"raw","file":"libvirt-1-storage"}""";
    private const string Storage = """{"driver":"file","filename":"/d","aio":"native","node-name":"libvirt-1-storage","cache":{"direct":true,"no-flush":false},"auto-read-only":true,"discard":"unmap"}""";
    private const string Device = """{"driver":"virtio-blk-pci","iothread":"iothread1","num-queues":2,"drive":"libvirt-1-format","id":"virtio-disk1","write-cache":"on"}""";

    private static readonly string[] All = ["cache", "io", "discard", "detect_zeroes"];

    [Fact]
    public void A_disk_that_was_started_as_asked_is_verified_option_by_option()
    {
        var verifications = Driver("cache='none' io='native' discard='unmap' detect_zeroes='unmap'", "-blockdev", Storage, "-blockdev", Format, "-device", Device);

        Assert.Equal(4, verifications.Count);
        Assert.All(verifications, verification => Assert.True(verification.IsMet, verification.ToString()));
        Assert.StartsWith("QEMU command line: -blockdev libvirt-1-", verifications[0].Source, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cache='directsync' io='native'", "vdb cache")]
    [InlineData("cache='none' io='io_uring'", "vdb aio")]
    [InlineData("cache='none' io='native' discard='ignore'", "vdb discard")]
    [InlineData("cache='none' io='native' discard='unmap' detect_zeroes='on'", "vdb detect-zeroes")]
    [InlineData("io='native' discard='unmap' detect_zeroes='unmap'", "vdb cache")]
    public void A_disk_that_was_started_otherwise_is_not(string options, string wrong) => Assert.Contains(
        Driver(options, "-blockdev", Storage, "-blockdev", Format, "-device", Device),
        verification => !verification.IsMet && verification.What.EndsWith(wrong, StringComparison.Ordinal));

    [Fact]
    public void A_disk_that_is_not_on_the_command_line_is_said_to_be_missing() =>
        Assert.Equal("not found", Assert.Single(Driver("cache='none'", "-device", Device)).Actual);

    [Fact]
    public void A_raw_image_without_a_format_node_is_read_at_its_storage_node()
    {
        var verifications = Driver(
            "cache='writethrough' io='threads' discard='unmap'", "-blockdev",
            """{"driver":"file","filename":"/d","aio":"threads","node-name":"libvirt-1-storage","discard":"unmap","cache":{"direct":false,"no-flush":false}}""",
            "-device", """{"driver":"virtio-blk-pci","drive":"libvirt-1-storage","id":"virtio-disk1","write-cache":"off"}""");
        Assert.All(verifications, verification => Assert.True(verification.IsMet, verification.ToString()));
    }

    [Theory]
    [InlineData("""{"driver":"virtio-blk-pci","iothread":"iothread1","num-queues":2,"id":"virtio-disk1"}""")]
    [InlineData("virtio-blk-pci,iothread=iothread1,num-queues=2,id=virtio-disk1")]
    public void An_io_thread_is_read_at_the_device_in_both_ways_of_writing(string device)
    {
        var change = new DiskIOThreadRequest("vdb") { IOThreads = [1], Queues = 2 }.ToChange(DomainDocument.Parse(Document(string.Empty)));
        var disk = change with { Options = new Dictionary<string, string?> { ["iothread"] = null, ["queues"] = null } };
        var commandLine = new QemuCommandLine(["qemu", "-object", """{"qom-type":"iothread","id":"iothread1"}""", "-device", device]);
        var configuration = DomainXmlReader.Read(Document(string.Empty)).Disks[0];

        Assert.All(DiskVerification.OfIOThread("virtio-disk1", configuration, change, commandLine), verification => Assert.True(verification.IsMet, verification.ToString()));
        Assert.All(DiskVerification.OfIOThread("virtio-disk1", configuration, disk, commandLine), verification => Assert.False(verification.IsMet));
        Assert.Equal("iothread1", Assert.Single(commandLine.IOThreads));
    }

    [Theory]
    [InlineData("""{"type":"tap","fds":"34:35","vhost":true,"vhostfds":"36:37","id":"hostnet0"}""", """{"driver":"virtio-net-pci","mq":true,"vectors":6,"rx_queue_size":512,"netdev":"hostnet0","id":"net0","mac":"52:54:00:00:00:01"}""", 2, "vhost", true)]
    [InlineData("tap,fds=34:35,id=hostnet0,vhost=on,vhostfds=36:37", "virtio-net-pci,mq=on,vectors=6,rx_queue_size=512,netdev=hostnet0,id=net0,mac=52:54:00:00:00:01", 2, "vhost", true)]
    [InlineData("""{"type":"tap","fd":"34","id":"hostnet0"}""", """{"driver":"virtio-net-pci","netdev":"hostnet0","id":"net0","mac":"52:54:00:00:00:01","rx_queue_size":512}""", 1, "qemu", true)]
    [InlineData("""{"type":"tap","fds":"34:35","id":"hostnet0"}""", """{"driver":"virtio-net-pci","netdev":"hostnet0","id":"net0","mac":"52:54:00:00:00:01","rx_queue_size":512}""", 2, "vhost", false)]
    [InlineData("""{"type":"vhost-user","chardev":"charnet0","queues":4,"id":"hostnet0"}""", """{"driver":"virtio-net-pci","netdev":"hostnet0","id":"net0","mac":"52:54:00:00:00:01","rx_queue_size":512}""", 4, "vhost", true)]
    public void Queues_backend_and_rings_of_a_nic_are_read_at_the_netdev_and_the_device(string netdev, string device, int queues, string backend, bool isMet)
    {
        var nic = new NicConfiguration { Mac = "52:54:00:00:00:01", InterfaceType = "network", Queues = queues == 1 ? null : queues };
        var options = new Dictionary<string, string?> { ["queues"] = "any", ["name"] = backend, ["rx_queue_size"] = "512" };

        var verifications = NicVerification.OfHost(nic, options, new QemuCommandLine(["qemu", "-netdev", netdev, "-device", device]));

        Assert.Equal(3, verifications.Count);
        Assert.Equal(isMet, verifications.All(verification => verification.IsMet));
    }

    [Fact]
    public void The_version_of_a_kernel_is_read_from_its_release()
    {
        Assert.Equal(new Version(6, 1), HostAbilities.ParseKernel("6.1.0-18-amd64"));
        Assert.Equal(new Version(5, 14), HostAbilities.ParseKernel("5.14-rc1"));
        Assert.Null(HostAbilities.ParseKernel("unknown"));
    }

    private static string Document(string options) => Running.Replace("{0}", options, StringComparison.Ordinal);

    private static IReadOnlyList<Verification> Driver(string options, params string[] arguments) => DiskVerification.OfDriver(
        DomainDocument.Parse(Document(options)), DomainXmlReader.Read(Document(options)).Disks[0], All.ToHashSet(StringComparer.Ordinal), new QemuCommandLine(arguments));
}
