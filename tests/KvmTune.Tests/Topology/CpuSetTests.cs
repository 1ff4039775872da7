using KvmTune.Topology;
using Xunit;

namespace KvmTune.Tests.Topology;

public sealed class CpuSetTests
{
    [Theory]
    [InlineData("2", "2")]
    [InlineData("0-3,^1,8", "0,2-3,8")]
    [InlineData("^8,0-15", "0-15")]
    [InlineData("0-15,^8", "0-7,9-15")]
    [InlineData(" 4 , 1 - 2 ", "1-2,4")]
    [InlineData("3,3,3", "3")]
    [InlineData("63-65,127,128", "63-65,127-128")]
    [InlineData("16383", "16383")]
    [InlineData("", "")]
    [InlineData("1,^1", "")]
    public void Lists_are_read_from_left_to_right_and_written_folded(string list, string written) =>
        Assert.Equal(written, new CpuSet(list).ToString());

    [Theory]
    [InlineData("x")]
    [InlineData("3-1")]
    [InlineData("-1")]
    [InlineData("1,,2")]
    [InlineData("0-3,^1-2")]
    [InlineData("16384")]
    [InlineData("99999999999999999999")]
    [InlineData("1;2")]
    public void What_libvirt_refuses_is_refused_with_the_text_in_the_message(string list) =>
        Assert.Contains(list, Assert.Throws<FormatException>(() => new CpuSet(list)).Message, StringComparison.Ordinal);

    [Fact]
    public void Sets_with_the_same_numbers_are_equal_however_they_were_made()
    {
        var parsed = new CpuSet("0-2");
        var counted = CpuSet.Of([2, 1, 0, 1]);
        var mapped = CpuSet.FromMap([true, true, true, false, false]);

        Assert.Equal(parsed, counted);
        Assert.True(parsed == mapped);
        Assert.Equal(parsed.GetHashCode(), mapped.GetHashCode());
        Assert.NotEqual(parsed, new CpuSet("0-3"));
    }

    [Fact]
    public void Set_operations_agree_with_those_on_lists_of_numbers()
    {
        var random = new Random(7);
        for (var round = 0; round < 500; round++)
        {
            var left = Enumerable.Range(0, random.Next(20)).Select(_ => random.Next(200)).ToHashSet();
            var right = Enumerable.Range(0, random.Next(20)).Select(_ => random.Next(200)).ToHashSet();
            var (a, b) = (CpuSet.Of(left), CpuSet.Of(right));

            Assert.Equal(left.Union(right).Order(), a.Union(b).Numbers);
            Assert.Equal(left.Intersect(right).Order(), a.Intersect(b).Numbers);
            Assert.Equal(left.Except(right).Order(), a.Except(b).Numbers);
            Assert.Equal(left.IsSubsetOf(right), a.IsSubsetOf(b));
            Assert.Equal(left.Overlaps(right), a.Overlaps(b));
            Assert.Equal(left.Count, a.Count);
            Assert.Equal(a, new CpuSet(a.ToString()));
            Assert.Equal(a, CpuSet.FromMap(a.ToMap(200)));
        }
    }
}
