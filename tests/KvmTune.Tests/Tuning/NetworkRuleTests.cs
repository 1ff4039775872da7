// For each rule of NICs, a test that breaks it and one that just keeps it.
using System.Globalization;
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class NetworkRuleTests
{
    private const string Mac = "52:54:00:00:00:01";

    [Fact]
    public void Only_virtio_nics_have_queues_rings_and_backends()
    {
        new RuleScene { Xml = Vm(model: "e1000e"), Change = Set(("queues", "2")) }.Breaks(NetworkRules.NicNeedsVirtioModel, Mac, "e1000e");
        new RuleScene { Xml = Vm(model: "rtl8139"), Change = Set(("rx_queue_size", "512")) }.Breaks(NetworkRules.NicNeedsVirtioModel);
        new RuleScene { Xml = Vm(model: "virtio-non-transitional"), Change = Set(("queues", "2")) }.Keeps(NetworkRules.NicNeedsVirtioModel);
        new RuleScene { Xml = Vm(model: "e1000e"), Change = Set(("queues", null)) }.IsSilent(NetworkRules.NicNeedsVirtioModel);
    }

    [Theory]
    [InlineData("network", true)]
    [InlineData("bridge", true)]
    [InlineData("direct", true)]
    [InlineData("ethernet", true)]
    [InlineData("vhostuser", true)]
    [InlineData("vdpa", true)]
    [InlineData("user", false)]
    [InlineData("udp", false)]
    public void Queues_need_an_interface_that_can_have_them(string type, bool isKept)
    {
        var scene = new RuleScene { Xml = Vm(type: type), Change = Set(("queues", "2")) };
        if (isKept)
        {
            scene.Keeps(NetworkRules.MultiqueueNeedsInterfaceType);
        }
        else
        {
            scene.Breaks(NetworkRules.MultiqueueNeedsInterfaceType, type);
        }
    }

    [Fact]
    public void Queues_are_two_to_256_and_to_eight_on_old_kernels()
    {
        var old = new HostAbilities { Kernel = new Version(3, 10) };
        var young = new HostAbilities { Kernel = new Version(4, 0) };
        new RuleScene { Xml = Vm(), Change = Set(("queues", "1")) }.Breaks(NetworkRules.NicQueuesInRange, "1 queue", "Disable-NicMultiqueue");
        new RuleScene { Xml = Vm(), Change = Set(("queues", "257")) }.Breaks(NetworkRules.NicQueuesInRange, "257", "256");
        new RuleScene { Xml = Vm(), Change = Set(("queues", "9")), Abilities = old }.Breaks(NetworkRules.NicQueuesInRange, "9", "2 to 8");
        new RuleScene { Xml = Vm(), Change = Set(("queues", "2")) }.Keeps(NetworkRules.NicQueuesInRange);
        new RuleScene { Xml = Vm(), Change = Set(("queues", "256")), Abilities = young }.Keeps(NetworkRules.NicQueuesInRange);
        new RuleScene { Xml = Vm(), Change = Set(("queues", "8")), Abilities = old }.Keeps(NetworkRules.NicQueuesInRange);
    }

    [Fact]
    public void The_default_is_one_queue_for_each_vcpu_within_the_limit()
    {
        Assert.Equal(4, NicQueuesChange.DefaultQueues(DomainXmlReader.Read(Vm()), new HostAbilities()));
        Assert.Equal(256, NicQueuesChange.DefaultQueues(DomainXmlReader.Read(Vm(vcpus: 300)), new HostAbilities()));
        Assert.Equal(8, NicQueuesChange.DefaultQueues(DomainXmlReader.Read(Vm(vcpus: 300)), new HostAbilities { Kernel = new Version(3, 10) }));
    }

    [Fact]
    public void More_queues_than_vcpus_are_warned_about()
    {
        new RuleScene { Xml = Vm(vcpus: 4), Change = Set(("queues", "5")) }.Breaks(NetworkRules.NicQueuesAboveVcpus, "5 queues", "4 vCPUs");
        new RuleScene { Xml = Vm(vcpus: 4), Change = Set(("queues", "4")) }.Keeps(NetworkRules.NicQueuesAboveVcpus);
    }

    [Fact]
    public void The_interrupt_vectors_of_all_nics_are_counted()
    {
        new RuleScene { Xml = Vm(), Change = Set(("queues", "100")) }.Breaks(NetworkRules.NicQueueVectors, "202 interrupt vectors");
        new RuleScene { Xml = Vm(), Change = Set(("queues", "99")) }.Keeps(NetworkRules.NicQueueVectors);
    }

    [Theory]
    [InlineData(128, false)]
    [InlineData(256, true)]
    [InlineData(768, false)]
    [InlineData(1024, true)]
    [InlineData(2048, false)]
    public void Rings_are_powers_of_two_from_256_to_1024(int size, bool isKept)
    {
        var text = size.ToString(CultureInfo.InvariantCulture);
        RuleScene Scene(string name) => new() { Xml = Vm(type: "vhostuser"), Change = Set((name, text)) };
        if (isKept)
        {
            Scene("rx_queue_size").Keeps(NetworkRules.RxQueueSizeInRange);
            Scene("tx_queue_size").Keeps(NetworkRules.TxQueueSizeInRange);
        }
        else
        {
            Scene("rx_queue_size").Breaks(NetworkRules.RxQueueSizeInRange, text);
            Scene("tx_queue_size").Breaks(NetworkRules.TxQueueSizeInRange, text);
        }
    }

    [Fact]
    public void A_larger_transmit_ring_needs_vhost_user()
    {
        new RuleScene { Xml = Vm(), Change = Set(("tx_queue_size", "512")) }.Breaks(NetworkRules.TxQueueSizeInRange, "network", "vhostuser");
        new RuleScene { Xml = Vm(), Change = Set(("tx_queue_size", "256")) }.Keeps(NetworkRules.TxQueueSizeInRange);
    }

    [Fact]
    public void Vhost_needs_its_device_and_falls_back_silently_where_it_is_not_named()
    {
        new RuleScene { Xml = Vm(), Change = Set(("name", "vhost")), Abilities = new HostAbilities { HasVhostNet = false } }.Breaks(NetworkRules.VhostNeedsDevice, "/dev/vhost-net");
        new RuleScene { Xml = Vm(), Change = Set(("name", "vhost")), Abilities = new HostAbilities { HasVhostNet = true } }.Keeps(NetworkRules.VhostNeedsDevice);
        new RuleScene { Xml = Vm(), Change = Set(("name", "vhost")) }.Keeps(NetworkRules.VhostNeedsDevice);
        new RuleScene { Xml = Vm(), Change = Set(("queues", "2")) }.Breaks(NetworkRules.VhostFallsBackSilently, "-Backend vhost");
        new RuleScene { Xml = Vm(), Change = Set(("queues", "2"), ("name", "vhost")) }.Keeps(NetworkRules.VhostFallsBackSilently);
    }

    [Fact]
    public void Small_messages_are_warned_about_where_a_nic_gets_more_queues()
    {
        new RuleScene { Xml = Vm(), Change = Set(("queues", "2")) }.Breaks(NetworkRules.SmallMessagesCanSlow, Mac, "50 %");
        new RuleScene { Xml = Vm(driver: "<driver queues='4'/>"), Change = Set(("queues", "4")) }.Keeps(NetworkRules.SmallMessagesCanSlow);
    }

    private static string Vm(string model = "virtio", string type = "network", int vcpus = 4, string driver = "") => RuleScene.Vm(
        vcpus: vcpus, devices: $"<interface type='{type}'><mac address='{Mac}'/><source network='default'/><model type='{model}'/>{driver}</interface>");

    private static NicQueuesChange Set(params (string Name, string? Value)[] options) => new()
    {
        Nics = new Dictionary<string, IReadOnlyDictionary<string, string?>>
        {
            [Mac.ToUpperInvariant()] = options.ToDictionary(option => option.Name, option => option.Value, StringComparer.Ordinal),
        },
    };
}
