// Opening, reading and closing leaves nothing behind.
using KvmTune.Libvirt;
using Xunit;

namespace KvmTune.Tests.Libvirt;

[Collection(Alone.Name)]
public sealed class LeakTests
{
    // A leak of a hundred bytes per round would exceed this.
    private const long LimitKiB = 1024;

    [Fact]
    public void Opening_reading_and_closing_10_000_times_leaves_memory_flat()
    {
        var growth = ProcessMemory.GrowthKiB(2_000, 10_000, LimitKiB, () =>
        {
            using var connection = LibvirtConnection.Open("test:///default", ConnectionAccess.ReadWrite);
            foreach (var domain in connection.ListDomains())
            {
                using (domain)
                {
                    _ = domain.GetXml().Length;
                    using var bytes = domain.GetXmlUtf8();
                    _ = bytes.Length;
                }
            }
        });

        Assert.True(growth < LimitKiB, $"The process grew by {growth} KiB.");
    }

    [Fact]
    public void Reading_everything_10_000_times_leaves_memory_flat()
    {
        using var node = new NodeFile([NodeFile.Domain("a", null, PinTests.IOThreads(1))]);
        using var connection = node.Open();
        using var a = connection.LookupByName("a");

        var growth = ProcessMemory.GrowthKiB(2_000, 10_000, LimitKiB, () =>
        {
            using var domain = connection.LookupByUuid(a.Id);
            domain.GetVcpuPlaces(2);
            domain.GetVcpuPins(AffectTarget.Config);
            domain.GetIOThreads(AffectTarget.Config);
            domain.GetNumaParameters(AffectTarget.Config);
            domain.GetEmulatorPin(AffectTarget.Config);
            domain.PinEmulator([true, false], AffectTarget.Config);
            connection.GetAllDomainStatistics();
            connection.GetAllDomainStatistics([domain]);
            connection.GetOnlineCpus();
            Assert.Null(connection.TryLookupByName("nobody"));
        });

        Assert.True(growth < LimitKiB, $"The process grew by {growth} KiB.");
    }

    [Fact]
    public void Subscribing_and_closing_10_000_times_leaves_memory_flat()
    {
        var growth = ProcessMemory.GrowthKiB(2_000, 10_000, LimitKiB, () =>
        {
            using var connection = LibvirtConnection.Open("test:///default", ConnectionAccess.ReadOnly);
            using var lifecycle = connection.OnDomainLifecycle(null, _ => { });
            using var closed = connection.OnClosed(_ => { });
        });

        Assert.True(growth < LimitKiB, $"The process grew by {growth} KiB.");
    }
}
