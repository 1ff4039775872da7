// The effect of huge pages on a domain XML, also with several existing page sizes.
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class HugePagesChangeTests
{
    private const string TwoSizes = """
        <domain type='kvm'>
          <name>db01</name>
          <memory unit='KiB'>4194304</memory>
          <memoryBacking>
            <hugepages>
              <page size='1' unit='G' nodeset='0'/>
              <page size='2048' unit='KiB' nodeset='1'/>
            </hugepages>
            <locked/>
            <source type='memfd'/>
          </memoryBacking>
          <vcpu>2</vcpu>
        </domain>
        """;

    [Fact]
    public void All_pages_of_the_document_give_way_to_the_one_that_is_asked_for()
    {
        var document = DomainDocument.Parse(TwoSizes);
        Change(document, 2048, null).Edit(document);

        Assert.Equal([new HugePageBacking(2048, null)], document.ToConfiguration().Memory.HugePages);
        Assert.True(document.ToConfiguration().Memory.Locked);
        Assert.Equal("memfd", document.ToConfiguration().Memory.SourceType);
    }

    [Fact]
    public void Pages_of_other_guest_nodes_stay()
    {
        var document = DomainDocument.Parse(TwoSizes);
        Change(document, 1048576, "1").Edit(document);

        Assert.Equal(
            [new HugePageBacking(1048576, new CpuSet(0)), new HugePageBacking(1048576, new CpuSet(1))],
            document.ToConfiguration().Memory.HugePages);
    }

    [Fact]
    public void Disabling_leaves_everything_else_of_the_memorys_backing_and_undo_brings_each_page_back()
    {
        var document = DomainDocument.Parse(TwoSizes);
        var change = Change(document, null, null) with { Enabled = false };

        change.Edit(document);
        Assert.False(document.ToConfiguration().Memory.UsesHugePages);
        Assert.True(document.ToConfiguration().Memory.Locked);

        change.Inverse(DomainDocument.Parse(TwoSizes)).Edit(document);
        Assert.Equal(
            DomainDocument.Parse(TwoSizes).ToConfiguration().Memory.HugePages,
            document.ToConfiguration().Memory.HugePages);
        Assert.Contains("unit=\"G\"", document.ToXml(), StringComparison.Ordinal);
    }

    [Fact]
    public void Absent_comes_back_as_absent_and_an_inverse_reserves_nothing()
    {
        const string Plain = "<domain type='kvm'>\n  <name>db01</name>\n  <memory unit='KiB'>1048576</memory>\n  <vcpu>2</vcpu>\n</domain>";
        var document = DomainDocument.Parse(Plain);
        var change = Change(document, 2048, null) with { Locked = true, NoSharePages = true, Reserve = true };
        var before = document.ToXml();

        change.Edit(document);
        Assert.Equal(["hugepages", "nosharepages", "locked"], document.Domain.Element("memoryBacking")!.Elements().Select(element => element.Name.LocalName));
        var inverse = (HugePagesChange)change.Inverse(DomainDocument.Parse(Plain));
        inverse.Edit(document);

        Assert.Equal(before, document.ToXml());
        Assert.False(inverse.Reserve);
        Assert.Equal("no huge pages, memory not locked, memory may be merged", inverse.Title);
    }

    [Fact]
    public void Undoing_the_pages_of_one_guest_node_leaves_those_that_another_got_since()
    {
        var document = DomainDocument.Parse("<domain type='kvm'><name>db01</name><memory>4194304</memory><vcpu>2</vcpu></domain>");
        var change = Change(document, 2048, "0");
        var inverse = change.Inverse(document);
        change.Edit(document);
        var later = Change(document, 1048576, "1");
        later.Edit(document);

        inverse.Edit(document);
        Assert.Equal([new HugePageBacking(1048576, new CpuSet(1))], document.ToConfiguration().Memory.HugePages);

        Change(document, null, null).Edit(document);
        (new HugePagesChange { Enabled = false, Pages = HugePagesChange.NoPages(HugePagesChange.PagesIn(document)) }).Edit(document);
        Assert.Null(document.Domain.Element("memoryBacking"));
    }

    [Fact]
    public void The_one_node_of_a_guest_without_cells_is_not_named()
    {
        var document = DomainDocument.Parse(TwoSizes.Replace("nodeset='1'", string.Empty, StringComparison.Ordinal));
        Assert.Equal(HugePageElement.Of(2048), HugePagesChange.PagesWith(document, 2048, new CpuSet(0))[0]);
        Assert.Contains(HugePageElement.Of(2048, new CpuSet(1)), HugePagesChange.PagesWith(document, 2048, new CpuSet(1)));
    }

    [Fact]
    public void The_difference_names_sizes_and_guest_nodes()
    {
        var before = DomainDocument.Parse(TwoSizes);
        var after = before.Copy();
        Change(after, 2048, null).Edit(after);

        var difference = Assert.Single(SettingComparer.Compare(before.Settings, after.Settings));
        Assert.Equal("1048576 KiB for guest nodes 0, 2048 KiB for guest nodes 1", difference.Running);
        Assert.Equal("2048 KiB", difference.Configured);
    }

    [Theory]
    [InlineData("2M", 2048)]
    [InlineData("2048", 2048)]
    [InlineData(" 2048K ", 2048)]
    [InlineData("1g", 1048576)]
    [InlineData("1GiB", 1048576)]
    [InlineData("64 kB", 64)]
    public void A_page_size_is_read(string text, long kibibytes) => Assert.Equal(kibibytes, PageSize.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-2M")]
    [InlineData("2.5M")]
    [InlineData("2T")]
    [InlineData("M")]
    [InlineData("99999999999999999999")]
    [InlineData("9223372036854775807G")]
    public void What_is_no_page_size_is_an_error(string text) => Assert.Throws<FormatException>(() => PageSize.Parse(text));

    [Theory]
    [InlineData(2048, "2 MiB", "2M")]
    [InlineData(1048576, "1 GiB", "1G")]
    [InlineData(64, "64 KiB", "64K")]
    [InlineData(524288, "512 MiB", "512M")]
    public void A_page_size_is_shown(long kibibytes, string text, string brief) =>
        Assert.Equal((text, brief), (PageSize.Text(kibibytes), PageSize.Short(kibibytes)));

    private static HugePagesChange Change(DomainDocument document, long? pageSizeKiB, string? guestNodes) => new()
    {
        Enabled = true,
        Pages = HugePagesChange.PagesWith(HugePagesChange.PagesIn(document), pageSizeKiB, guestNodes is null ? null : new CpuSet(guestNodes)),
    };
}
