// The fingerprint of a VM's configuration: the same after a restart, another after a change.
using KvmTune.Measurement;
using Xunit;

namespace KvmTune.Tests.Measurement;

public sealed class ConfigurationHashTests
{
    private static readonly string Xml = Captured.Text("lab2.xml");

    [Theory]
    [InlineData("type='qemu' id='", "type='qemu' id='9")]
    [InlineData("<alias name='virtio-disk1'/>", "<alias name='virtio-disk77'/>")]
    [InlineData("<target dev='vnet", "<target dev='vnet9")]
    [InlineData("port='59", "port='69")]
    [InlineData("/domain-", "/domain-5")]
    [InlineData("<label>+", "<label>+7")]
    [InlineData("<acme:id>4711", "<acme:id>4712")]
    [InlineData("\n    ", "\n  ")]
    [InlineData("<vcpu placement='static'>", "<vcpu  placement=\"static\" >")]
    public void What_differs_from_start_to_start_does_not_count(string part, string other) =>
        Assert.Equal(ConfigurationHash.Of(Xml), ConfigurationHash.Of(Replace(part, other)));

    [Theory]
    [InlineData("<vcpu placement='static'>2<", "<vcpu placement='static'>1<")]
    [InlineData("<driver name='qemu' type='raw'/>", "<driver name='qemu' type='raw' cache='none'/>")]
    [InlineData("</vcpu>", "</vcpu><cputune><vcpupin vcpu='0' cpuset='1'/></cputune>")]
    [InlineData("<model type='virtio'/>", "<model type='e1000e'/>")]
    [InlineData("-data.raw'", "-other.raw'")]
    public void A_change_counts(string part, string other) =>
        Assert.NotEqual(ConfigurationHash.Of(Xml), ConfigurationHash.Of(Replace(part, other)));

    private static string Replace(string part, string other)
    {
        Assert.Contains(part, Xml, StringComparison.Ordinal);
        return Xml.Replace(part, other, StringComparison.Ordinal);
    }
}
