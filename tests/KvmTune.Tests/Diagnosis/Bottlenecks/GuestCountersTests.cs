// The guest's own counters, from the output of a guest of the lab, and those of the QEMU process.
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Hosts;
using KvmTune.Measurement.Sampling;
using Xunit;

namespace KvmTune.Tests.Diagnosis.Bottlenecks;

public sealed class GuestCountersTests
{
    private const string Printed = """
        @page 4096
        @uptime
        12.34 20.00
        @stat
        cpu  51 0 523 504 7 0 18 3 0 0
        @vmstat
        pswpin 5
        pswpout 6
        pgmajfault 88
        allocstall_dma 1
        allocstall_normal 2
        @meminfo
        MemTotal:         481040 kB
        MemFree:          438944 kB
        MemAvailable:     446276 kB
        @diskstats
         254       0 vda 216 278 20488 460 1 0 2 39 0 440 503 0 0 0 0 1 4
         254       1 vda1 1 1 1 1 1 1 1 1 1 9 9 0 0 0 0 1 4
           7       0 loop0 1 1 1 1 1 1 1 1 1 9 9 0 0 0 0 1 4
         259       0 nvme0n1 1 1 1 1 1 1 1 1 1 7 8 0 0 0 0 1 4
         259       1 nvme0n1p1 1 1 1 1 1 1 1 1 1 9 9 0 0 0 0 1 4
        @net
        Inter-|   Receive                                                |  Transmit
         face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
            lo:       9       9    9    9    0     0          0         0        0       0    0    0    0     0       0          0
          eth0:    4948      30    1    2    0     0          0         0     4076      23    3    4    0     0       0          0
        @snmp
        Ip: Forwarding DefaultTTL
        Ip: 2 64
        Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors
        Tcp: 1 200 120000 -1 0 1 0 0 1 27 26 7 0 0 0
        @pressure cpu
        some avg10=6.07 avg60=1.55 avg300=0.34 total=1211066
        full avg10=0.00 avg60=0.00 avg300=0.00 total=0
        @pressure io
        @pressure memory
        some avg10=0.00 avg60=0.00 avg300=0.00 total=11
        full avg10=0.00 avg60=0.00 avg300=0.00 total=5
        """;

    [Fact]
    public void What_a_guest_printed_becomes_counters_and_what_it_did_not_is_absent()
    {
        var reading = GuestCounters.Parse(Printed);

        var expected = new Dictionary<string, double>
        {
            ["UptimeSeconds"] = 12.34,
            ["CpuTotalTicks"] = 51 + 523 + 504 + 7 + 18 + 3,
            ["CpuIOWaitTicks"] = 7,
            ["CpuStealTicks"] = 3,
            ["SwapInPages"] = 5,
            ["SwapOutPages"] = 6,
            ["MajorFaults"] = 88,
            ["AllocationStalls"] = 3,
            ["Disk.vda.BusyMilliseconds"] = 440,
            ["Disk.vda.QueueMilliseconds"] = 503,
            ["Disk.nvme0n1.BusyMilliseconds"] = 7,
            ["Disk.nvme0n1.QueueMilliseconds"] = 8,
            ["NicErrorsPackets"] = 4,
            ["NicDropsPackets"] = 6,
            ["SentSegments"] = 26,
            ["RetransmittedSegments"] = 7,
            ["PressureCpuSomeMicroseconds"] = 1211066,
            ["PressureMemorySomeMicroseconds"] = 11,
        };
        Assert.Equal(expected.OrderBy(pair => pair.Key, StringComparer.Ordinal), reading.Counters.OrderBy(pair => pair.Key, StringComparer.Ordinal));
        Assert.Equal(481040, reading.Gauges["MemoryTotalKiB"]);
        Assert.Equal(446276, reading.Gauges["MemoryAvailableKiB"]);
        Assert.Equal(4096, reading.Gauges["PageSizeBytes"]);
    }

    [Fact]
    public void A_guest_that_printed_nothing_has_no_counters()
    {
        Assert.Empty(GuestCounters.Parse(string.Empty).Counters);
        Assert.Empty(GuestCounters.Parse("@stat\ncpu 1 2\n@snmp\nTcp: 1 2\n@net\neth0: x\n").Counters);
    }

    [Fact]
    public void QEMUs_memory_is_read_from_the_kernels_lines()
    {
        var counters = new Dictionary<string, double>();
        var gauges = new Dictionary<string, double>();
        QemuMemorySampler.AddFaults(counters, "3729 (qemu-system (x86)) S 1 3727 3727 0 -1 4194624 130000 0 17 0 471 3330 0 0 20");
        QemuMemorySampler.AddStatus(gauges, "Name:\tqemu\nVmSwap:\t    1024 kB\nHugetlbPages:\t    2048 kB\n");
        QemuMemorySampler.AddFaults(counters, null);
        QemuMemorySampler.AddStatus(gauges, null);

        Assert.Equal(17, Assert.Single(counters).Value);
        Assert.Equal(1024, gauges["QemuSwapKiB"]);
        Assert.Equal(2048, gauges["QemuHugePagesKiB"]);
        Assert.Equal(
            new Dictionary<int, long> { [0] = (1031 * 4) + 2048, [1] = 40 },
            GuestPages.KiBByNode("5 default file=/q mapped=1031 N0=1031 N1=10 kernelpagesize_kB=4\n6 default huge anon=1 N0=1 kernelpagesize_kB=2048\n7 default\n"));
    }

    [Fact]
    public void A_counter_that_was_restarted_is_absent()
    {
        static CounterReading Of(double value) => new(new Dictionary<string, double> { ["A"] = value });

        Assert.DoesNotContain("A", BottleneckFinder.Between([Of(5)], [Of(4)]).Keys);
        Assert.Equal(0, BottleneckFinder.Between([Of(5)], [Of(5)])["A"]);
    }
}
