// Pins of virtual CPUs, the emulator and I/O threads.
using KvmTune.Libvirt;
using Xunit;

namespace KvmTune.Tests.Libvirt;

public sealed class PinTests
{
    [Fact]
    public void Virtual_cpus_are_counted_and_found()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");

        Assert.Equal(2, domain.GetVcpuCount());
        Assert.Equal(2, domain.GetVcpuCount(VcpuCountFlags.Config | VcpuCountFlags.Maximum));
        var places = domain.GetVcpuPlaces(2);
        Assert.Equal([0, 1], places.Select(vcpu => vcpu.Number));
        Assert.All(places, vcpu => Assert.NotEqual(0UL, vcpu.CpuTimeNanoseconds));
    }

    [Fact]
    public void A_pin_is_set_and_read_back()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");

        domain.PinVcpu(1, [false, true, false, true], AffectTarget.Current);

        var pins = domain.GetVcpuPins(AffectTarget.Current);
        Assert.Equal(2, pins.Count);
        Assert.Equal([false, true, false, true, false, false, false, false], pins[1]);
        Assert.DoesNotContain(false, pins[0]);
        Assert.Equal([false, true, false], domain.GetVcpuPins(AffectTarget.Current, maxHostCpus: 3)[1]);
    }

    [Fact]
    public void Flags_that_the_test_driver_does_not_know_are_an_error_and_never_success()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");

        var error = Assert.Throws<LibvirtException>(() => domain.PinVcpu(0, [true], AffectTarget.Live));

        Assert.Equal(LibvirtErrorCode.InvalidArgument, error.ErrorCode);
        Assert.Equal("virDomainPinVcpuFlags", error.Function);
    }

    [Fact]
    public void A_map_without_any_entry_and_a_negative_cpu_are_refused()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");

        Assert.Throws<ArgumentOutOfRangeException>(() => domain.PinVcpu(0, [], AffectTarget.Current));
        Assert.Throws<ArgumentOutOfRangeException>(() => domain.PinVcpu(-1, [true], AffectTarget.Current));
        Assert.Throws<ArgumentOutOfRangeException>(() => domain.GetVcpuPins(AffectTarget.Current, -1));
    }

    [Fact]
    public void The_virtual_cpus_of_a_stopped_domain_are_an_error()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");
        domain.Destroy();

        Assert.Equal(
            LibvirtErrorCode.OperationInvalid,
            Assert.Throws<LibvirtException>(() => domain.GetVcpuPlaces(2)).ErrorCode);
    }

    [Fact]
    public void The_emulator_is_pinned_and_read_back()
    {
        using var node = new NodeFile("a");
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");

        domain.PinEmulator([false, false, true], AffectTarget.Config);

        Assert.Equal([false, false, true, false], domain.GetEmulatorPin(AffectTarget.Config, 4));
    }

    /// <summary>I/O threads of a domain, by id.</summary>
    internal static System.Xml.Linq.XElement IOThreads(params int[] ids) =>
        new("iothreadids", ids.Select(id => new System.Xml.Linq.XElement("iothread", new System.Xml.Linq.XAttribute("id", id))));

    [Fact]
    public void IO_threads_are_listed_and_pinned()
    {
        using var node = new NodeFile([NodeFile.Domain("a", null, IOThreads(1, 4)), NodeFile.Domain("b")]);
        using var connection = node.Open();
        using var domain = connection.LookupByName("a");
        using var without = connection.LookupByName("b");
        Assert.Empty(without.GetIOThreads(AffectTarget.Config));

        domain.PinIOThread(4, [false, true], AffectTarget.Config);

        var threads = domain.GetIOThreads(AffectTarget.Config);
        Assert.Equal([1U, 4U], threads.Select(thread => thread.Id));
        Assert.Equal([false, true, false, false, false, false, false, false], threads[1].CpuMap);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(130)]
    public void A_map_survives_the_way_to_bytes_and_back(int cpus)
    {
        var map = Enumerable.Range(0, cpus).Select(cpu => cpu % 3 == 0).ToArray();

        var bytes = CpuMap.ToBytes(map);

        Assert.Equal((cpus + 7) / 8, bytes.Length);
        Assert.Equal(map, CpuMap.FromBytes(bytes, cpus));
        Assert.Equal([.. map, false, false], CpuMap.FromBytes(bytes, cpus + 2));
    }

    [Fact]
    public void The_lowest_bit_of_the_first_byte_is_host_cpu_0()
        => Assert.Equal([0b0000_0001, 0b0000_0010], CpuMap.ToBytes([true, false, false, false, false, false, false, false, false, true]));
}
