// The samplers: their counters, the derived values, and that missing counters stay absent.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Measurement.Sampling;
using Xunit;

namespace KvmTune.Tests.Measurement;

public sealed class SamplerTests
{
    [Fact]
    public void Bulk_statistics_become_counters_and_a_wait_that_is_always_zero_is_absent()
    {
        var values = new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["cpu.time"] = 500UL,
            ["vcpu.maximum"] = 2U,
            ["vcpu.0.time"] = 10UL,
            ["vcpu.0.wait"] = 0UL,
            ["vcpu.0.delay"] = 3UL,
            ["vcpu.1.time"] = 20UL,
            ["vcpu.1.wait"] = 0UL,
            ["vcpu.1.delay"] = 4UL,
            ["block.count"] = 1U,
            ["block.0.name"] = "vdb",
            ["block.0.wr.reqs"] = 7UL,
            ["net.count"] = 1U,
            ["net.0.rx.drop"] = 1UL,
        };

        var counters = LibvirtSampler.Read(new DomainStatistics("vm", Guid.Empty, values)).Counters;

        Assert.Equal(30, counters["VcpuTimeNanoseconds"]);
        Assert.Equal(7, counters["VcpuDelayNanoseconds"]);
        Assert.Equal(4, counters["Vcpu.1.DelayNanoseconds"]);
        Assert.Equal(7, counters["Disk.vdb.WriteRequests"]);
        Assert.Equal(1, counters["Nic.0.ReceiveDropsPackets"]);
        Assert.DoesNotContain("VcpuWaitNanoseconds", counters.Keys);
        Assert.DoesNotContain("Disk.vdb.ReadRequests", counters.Keys);
    }

    [Fact]
    public void A_frame_tells_differences_and_leaves_out_what_is_not_known_at_both_ends()
    {
        var time = new FastTime();
        var first = new CounterReading(new Dictionary<string, double> { ["A"] = 5, ["Back"] = 9, ["Gone"] = 1, ["HostCpuBusyNanoseconds"] = 0, ["GuestCpuNanoseconds"] = 0, ["HostCpuIdleNanoseconds"] = 0 });
        var second = new CounterReading(
            new Dictionary<string, double> { ["A"] = 8, ["Back"] = 2, ["New"] = 1, ["HostCpuBusyNanoseconds"] = 3e9, ["GuestCpuNanoseconds"] = 2e9, ["HostCpuIdleNanoseconds"] = 1e9 },
            new Dictionary<string, double> { ["Where"] = 3 });
        var frame = RunFrame.Open([new Readings(first, second), new Broken()], time);
        time.Pass(TimeSpan.FromSeconds(2));

        var counters = frame.Close();

        Assert.Equal(3, counters["A"]);
        Assert.Equal(3, counters["Where"]);
        Assert.Equal(2e9, counters["FrameNanoseconds"]);
        Assert.Equal(0.5, counters["HostBusyOutsideGuestCores"]);
        Assert.Equal(75, counters["HostCpuBusyPercent"]);
        Assert.All(["Back", "Gone", "New"], name => Assert.DoesNotContain(name, counters.Keys));
    }

    [Fact]
    public void The_kernels_counters_are_read_from_their_lines()
    {
        var counters = new Dictionary<string, double>(StringComparer.Ordinal);
        HostSampler.AddProcessors(counters, "cpu  100 1 30 500 20 2 3 4 50 0");
        HostSampler.AddPressure(counters, "Io", "some avg10=0.18 avg60=0.07 avg300=0.37 total=9566335\nfull avg10=0.00 avg60=0.02 avg300=0.24 total=6759646\n");
        HostSampler.AddPressure(counters, "Memory", null);
        HostSampler.AddProcessors(counters, "garbage");

        Assert.Equal((100 + 1 + 30 + 2 + 3 + 4) * 1e7, counters["HostCpuBusyNanoseconds"]);
        Assert.Equal(520 * 1e7, counters["HostCpuIdleNanoseconds"]);
        Assert.Equal(9566335, counters["PressureIoSomeMicroseconds"]);
        Assert.Equal(6759646, counters["PressureIoFullMicroseconds"]);
        Assert.DoesNotContain("PressureMemorySomeMicroseconds", counters.Keys);
    }

    [Theory]
    [InlineData("qemu:///system", true)]
    [InlineData("qemu:///session", true)]
    [InlineData("qemu+unix:///system?socket=/x", true)]
    [InlineData("test:///default", false)]
    [InlineData("qemu+ssh://root@host/system", false)]
    [InlineData("qemu+ssh:///system", false)]
    [InlineData("qemu://host/system", false)]
    [InlineData("qemu+tls://host/system", false)]
    public void A_URI_without_a_host_is_local(string uri, bool isLocal) => Assert.Equal(isLocal, HostConnection.IsLocalQemuUri(uri));

    private sealed class Readings(params CounterReading[] readings) : IRunSampler
    {
        private int _next;

        public CounterReading Read() => readings[_next++];
    }

    private sealed class Broken : IRunSampler
    {
        public CounterReading Read() => throw new IOException("no");
    }
}
