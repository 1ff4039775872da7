using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class DomainDocumentTests
{
    private const string Plain = """
        <domain type='kvm' xmlns:acme='urn:acme'>
          <name>db01</name>
          <metadata><acme:note>  keep   me </acme:note></metadata>
          <memory unit='KiB'>1024</memory>
          <vcpu>2</vcpu>
          <os>
            <type>hvm</type>
          </os>
          <devices>
            <disk type='file' device='disk'>
              <driver name='qemu' type='qcow2'/>
              <source file='/a'/>
              <target dev='vdb' bus='virtio'/>
            </disk>
          </devices>
        </domain>
        """;

    [Fact]
    public void New_elements_are_made_where_libvirt_writes_them_with_the_documents_own_indentation()
    {
        var document = DomainDocument.Parse(Plain);

        Pin((0, "2"), (1, "3")).Edit(document);

        Assert.Contains(
            """
              <vcpu>2</vcpu>
              <cputune>
                <vcpupin vcpu="0" cpuset="2" />
                <vcpupin vcpu="1" cpuset="3" />
              </cputune>
              <os>
            """,
            document.ToXml(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Taking_a_setting_away_takes_what_it_leaves_empty_with_it()
    {
        var document = DomainDocument.Parse(Plain);
        var untouched = document.ToXml();
        var change = Pin((0, "2"));

        change.Edit(document);
        change.Inverse(DomainDocument.Parse(Plain)).Edit(document);

        Assert.Equal(untouched, document.ToXml());
    }

    [Fact]
    public void A_cleared_pin_returns_to_its_place_even_where_the_order_is_not_libvirts()
    {
        var xml = Plain.Replace(
            "<os>", "<cputune><emulatorpin cpuset='0'/><vcpupin vcpu='1' cpuset='3'/><vcpupin vcpu='0' cpuset='2'/></cputune><os>", StringComparison.Ordinal);
        var before = DomainDocument.Parse(xml);
        var document = before.Copy();
        var change = Pin((0, null), (1, null));

        change.Edit(document);
        Assert.Empty(document.ToConfiguration().VcpuPins);
        change.Inverse(before).Edit(document);

        Assert.Equal(before.ToXml(), document.ToXml());
    }

    [Fact]
    public void An_inverse_keeps_edits_that_were_made_elsewhere_since()
    {
        var before = DomainDocument.Parse(Plain);
        var document = before.Copy();
        var change = new DiskDriverChange
        {
            Disk = "vdb",
            Options = new Dictionary<string, string?> { ["cache"] = "none", ["io"] = "native" },
        };

        change.Edit(document);
        var other = DomainDocument.Parse(document.ToXml().Replace("<memory unit=\"KiB\">1024", "<memory unit=\"KiB\">2048", StringComparison.Ordinal));
        change.Inverse(before).Edit(other);

        Assert.Equal(before.ToXml().Replace("1024", "2048", StringComparison.Ordinal), other.ToXml());
    }

    [Fact]
    public void A_device_that_is_not_there_is_never_made()
    {
        var document = DomainDocument.Parse(Plain);
        var path = SettingPath.Of(new SettingElement("devices"), new SettingElement("disk", "target", "dev", "vdz")).Child("driver").At("cache");

        Assert.Throws<InvalidOperationException>(() => document.Set(path, "none"));
    }

    private static VcpuPinChange Pin(params (int Vcpu, string? HostCpus)[] pins) => new()
    {
        Pins = pins.ToDictionary(pin => pin.Vcpu, pin => pin.HostCpus is null ? null : new CpuSet(pin.HostCpus)),
    };
}
