// Typed parameters: read from libvirt, written to it, and the .NET types of their values.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Xml.Linq;
using KvmTune.Libvirt;
using Xunit;

namespace KvmTune.Tests.Libvirt;

public sealed class ParameterTests
{
    [Fact]
    public void The_layout_is_libvirts()
    {
        Assert.Equal(96, Unsafe.SizeOf<NativeTypedParameter>());
        Assert.Equal(80, (int)Marshal.OffsetOf<NativeTypedParameter>(nameof(NativeTypedParameter.Type)));
        Assert.Equal(88, (int)Marshal.OffsetOf<NativeTypedParameter>(nameof(NativeTypedParameter.UInt64)));
    }

    [Fact]
    public unsafe void Every_type_is_decoded_to_its_own()
    {
        var text = Encoding.UTF8.GetBytes("größe\0");
        fixed (byte* pointer = text)
        {
            var parameters = stackalloc NativeTypedParameter[9];
            Set(ref parameters[0], "i", ParameterType.Int32).Int32 = -1;
            Set(ref parameters[1], "ui", ParameterType.UInt32).UInt32 = uint.MaxValue;
            Set(ref parameters[2], "l", ParameterType.Int64).Int64 = long.MinValue;
            Set(ref parameters[3], "ul", ParameterType.UInt64).UInt64 = ulong.MaxValue;
            Set(ref parameters[4], "d", ParameterType.Double).Double = 0.25;
            Set(ref parameters[5], "b", ParameterType.Boolean).Boolean = 1;
            Set(ref parameters[6], "s", ParameterType.String).String = pointer;
            Set(ref parameters[7], "unknown", (ParameterType)99).UInt64 = 1;
            Set(ref parameters[8], new string('n', 80), ParameterType.Int32).Int32 = 8;

            var values = TypedParameters.Decode(parameters, 9);

            Assert.Equal(
                new Dictionary<string, object>
                {
                    ["i"] = -1,
                    ["ui"] = uint.MaxValue,
                    ["l"] = long.MinValue,
                    ["ul"] = ulong.MaxValue,
                    ["d"] = 0.25,
                    ["b"] = true,
                    ["s"] = "größe",
                    [new string('n', 80)] = 8,
                },
                values);
        }
    }

    [Fact]
    public void Block_limits_are_read_and_written()
    {
        using var node = new NodeFile([DomainWithDisk("a")]);
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");
        var before = domain.GetBlockIoTune("vda", AffectTarget.Current);
        Assert.Equal(0UL, before["total_iops_sec"]);
        Assert.Equal("", before["group_name"]);

        domain.SetBlockIoTune(
            "vda",
            new Dictionary<string, ulong>
            {
                ["total_iops_sec"] = 500,
                ["total_bytes_sec"] = 10_000_000_000,
                ["total_iops_sec_max"] = 1000, // the test driver wants both
                ["total_bytes_sec_max"] = 20_000_000_000,
            },
            AffectTarget.Live);

        var after = domain.GetBlockIoTune("vda", AffectTarget.Live);
        Assert.Equal(500UL, after["total_iops_sec"]);
        Assert.Equal(10_000_000_000UL, after["total_bytes_sec"]);
    }

    [Fact]
    public void Limits_of_a_disk_that_is_not_there_are_an_error()
    {
        using var node = new NodeFile([DomainWithDisk("a")]);
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");

        var error = Assert.Throws<LibvirtException>(() => domain.GetBlockIoTune("vdz", AffectTarget.Current));

        Assert.Equal(LibvirtErrorCode.InvalidArgument, error.ErrorCode);
        Assert.Equal("virDomainGetBlockIoTune", error.Function);
    }

    [Fact]
    public void The_numa_policy_is_read_with_its_types()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");

        var policy = domain.GetNumaParameters(AffectTarget.Current);

        Assert.IsType<int>(policy["numa_mode"]);
        Assert.IsType<string>(policy["numa_nodeset"]);
    }

    [Fact]
    public void Names_that_are_too_long_and_values_of_other_types_are_refused()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");

        Assert.Throws<ArgumentException>(
            () => domain.SetNumaParameters(new Dictionary<string, object> { [new string('n', 80)] = 1 }, AffectTarget.Config));
        Assert.Throws<ArgumentException>(
            () => domain.SetNumaParameters(
                new Dictionary<string, object> { ["numa_nodeset"] = "0", ["numa_mode"] = 'x' }, AffectTarget.Config));
    }

    [Fact]
    public void Statistics_are_read_in_bulk_with_typed_values()
    {
        using var node = new NodeFile("a", "b");
        using var connection = node.Open();
        using var b = connection.LookupByName("b");
        b.Destroy();

        var all = connection.GetAllDomainStatistics(DomainStatsGroups.State);
        Assert.Equal(["a", "b"], all.Select(statistics => statistics.DomainName).Order(StringComparer.Ordinal));
        var ofB = Assert.Single(connection.GetAllDomainStatistics([b], DomainStatsGroups.State));
        Assert.Equal(b.Id, ofB.DomainId);
        Assert.Equal((int)DomainState.ShutOff, ofB.Values["state.state"]);
        Assert.Equal(
            "a",
            Assert.Single(connection.GetAllDomainStatistics(DomainStatsGroups.State, DomainStatsScope.Active)).DomainName);
        Assert.Empty(connection.GetAllDomainStatistics([]));
    }

    [Fact]
    public void A_counter_is_converted_only_where_nothing_is_lost()
    {
        var statistics = new DomainStatistics("a", Guid.Empty, new Dictionary<string, object>
        {
            ["minus"] = -1,
            ["uint"] = 7U,
            ["large"] = ulong.MaxValue,
            ["double"] = 1.5,
            ["text"] = "x",
        });

        Assert.Null(statistics.GetUInt64("minus"));
        Assert.Equal(7UL, statistics.GetUInt64("uint"));
        Assert.Equal(7, statistics.GetDouble("uint"));
        Assert.Equal(ulong.MaxValue, statistics.GetUInt64("large"));
        Assert.Equal(1.5, statistics.GetDouble("double"));
        Assert.Null(statistics.GetUInt64("double"));
        Assert.Equal("x", statistics.GetString("text"));
        Assert.Null(statistics.GetUInt64("missing"));
        Assert.Null(statistics.GetString("missing"));
    }

    private static XElement DomainWithDisk(string name) => NodeFile.Domain(name, null, new XElement(
        "devices",
        new XElement(
            "disk",
            new XAttribute("type", "file"),
            new XElement("source", new XAttribute("file", "/none.img")),
            new XElement("target", new XAttribute("dev", "vda"), new XAttribute("bus", "virtio")))));

    private static unsafe ref NativeTypedParameter Set(ref NativeTypedParameter parameter, string name, ParameterType type)
    {
        fixed (byte* field = parameter.Field)
        {
            Encoding.UTF8.GetBytes(name, new Span<byte>(field, NativeTypedParameter.FieldLength));
        }

        parameter.Type = type;
        return ref parameter;
    }
}
