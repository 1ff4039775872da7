// The reports of loads are parsed strictly: real output of fio, sysbench and iperf3, and output that is not theirs.
using KvmTune.Measurement;
using KvmTune.Measurement.Streams;
using Xunit;

namespace KvmTune.Tests.Measurement.Streams;

public sealed class StreamReadingTests
{
    [Fact]
    public void Fios_status_says_what_was_done_and_its_histograms_are_beside_it()
    {
        // The first lines of a real run, cut after the ninth field like in the reader.
        var output = StampedProgram.Parse(
            """
            50.50 3;fio-3.33;kvmtune;0;0;1024;227028;56766;200;0;0;0.0
            50.71 3;fio-3.33;kvmtune;0;0;1424;206088;51525;400;0;0;0.0
            50.90 note: rubbish; 3;fio
            50.90 3;fio-3.33;kvmtune;0;0;2224;206088;51525;600;0;0;0.0
            50.95 3;fio-3.33;kvmtune;0;0;2000;206088;51525;650;0;0;0.0
            51.20 kvmtune-exit 0
            """);
        var log = Histogram(100, 3, (100, 7)) + Histogram(201, 3, (100, 50), (120, 1)) + Histogram(299, 3, (100, 49));

        var samples = FioStatusLog.Parse(output.Lines, 4096, "Iops", log);
        var rates = samples.Where(sample => sample.HasRates).ToList();
        var latencies = samples.Where(sample => !sample.HasRates).ToList();
        var means = SlotMeans.Of(samples);

        // The first line came with the least delay: fio began at 50.305, the middle of what the guest's clock tells.
        Assert.Equal(100 / 0.2, rates[0].Rates["Iops"], 6);
        Assert.Equal(200 / 0.2, rates[1].Rates["Iops"], 6);
        Assert.Equal(50.305 + 0.2, rates[0].StartSeconds, 6);
        Assert.Equal(2, latencies.Count);
        Assert.Equal(0.101, latencies[0].Seconds, 6);
        Assert.Equal(50.305 + 0.1, latencies[0].StartSeconds, 6);
        Assert.Equal(51, latencies[0].Latencies.Sum(bin => bin.Count));
        Assert.Equal(FioHistogramLog.Start(800), latencies[0].Latencies[0].LowNanoseconds);
        Assert.Equal(FioHistogramLog.Start(808), latencies[0].Latencies[0].HighNanoseconds);
        Assert.Equal(300 / 0.4, means.Rates["Iops"], 6);
        Assert.Equal(100, means.Latencies.Sum(bin => bin.Count));
        Assert.Empty(FioStatusLog.Parse([], 4096, "Iops", log));
    }

    [Fact]
    public void Fios_bins_begin_where_its_own_formula_has_them()
    {
        // fio, stat.c, plat_idx_to_val with the edge at 0.
        Assert.Equal(0, FioHistogramLog.Start(0));
        Assert.Equal(127, FioHistogramLog.Start(127));
        Assert.Equal(128, FioHistogramLog.Start(128));
        Assert.Equal(130, FioHistogramLog.Start(129));
        Assert.Equal(256, FioHistogramLog.Start(192));
        Assert.Equal(1 << 20, FioHistogramLog.Start((20 - 5) * 64));
    }

    [Fact]
    public void Mebibytes_are_counted_whatever_the_block()
    {
        var lines = StampedProgram.Parse("1.0 3;fio-3.33;k;0;0;10240;0;0;500\n1.5 3;fio-3.33;k;0;0;20480;0;0;1000\n").Lines;

        Assert.Equal(20, Assert.Single(FioStatusLog.Parse(lines, null, "MiBPerSecond", null)).Rates["MiBPerSecond"], 6);
    }

    [Theory]
    [InlineData("")]
    [InlineData("rubbish\n1, 2, 3\n")]
    [InlineData("99999999999999999999, 0, 4096, 1\n")]
    [InlineData("1000, 0, 4096, -1, 2\n\u001b[2J, 0, 4096\n")]
    public void What_is_no_line_of_fio_is_left_out(string text) => Assert.Empty(FioHistogramLog.Parse(text, 0));

    [Fact]
    public void Percentiles_are_those_of_all_requests_of_the_slot()
    {
        var means = new SlotMeans(
            new Dictionary<string, double>(), [new(0, 100, 98), new(1000, 2000, 2)]);

        Assert.Equal(1500, means.PercentileNanoseconds(0.99), 6);
        Assert.Equal(50 / 98.0 * 100, means.PercentileNanoseconds(0.5), 6);
        Assert.Equal(((98 * 50.0) + (2 * 1500)) / 100, means.MeanNanoseconds(), 6);
        Assert.Equal(double.NaN, new SlotMeans(new Dictionary<string, double>(), []).PercentileNanoseconds(0.99));
    }

    [Fact]
    public void The_processor_scripts_lines_are_by_thread_and_on_the_guests_clock()
    {
        const string text = "sysbench 1.0.20\nkvmtune 0 10.000000 10.101000 20 160:19,170:1\nkvmtune 1 10.050000 10.150000 10 165:10\nkvmtune 1 10.2 10.1 5 1:1\nkvmtune x 1 2 3 4:5\n";

        var samples = CpuScript.Parse(text, "EventsPerSecond");

        Assert.Equal(2, samples.Count);
        Assert.Equal(20 / 0.101, samples[0].Rates["EventsPerSecond"], 6);
        Assert.Equal(Math.Pow(2, 20), samples[0].Latencies[0].LowNanoseconds, 3);
        Assert.Equal((20 / 0.101) + 100, SlotMeans.Of(samples).Rates["EventsPerSecond"], 6);
    }

    [Fact]
    public void Lines_come_late_only_so_the_earliest_sets_the_tools_clock()
    {
        var output = StampedProgram.Parse(
            """
            40.31 Threads started!
            41.55 [ 1s ] thds: 2 eps: 139.52 lat (ms,99%): 45.79
            42.38 [ 2s ] thds: 2 eps: 142.61 lat (ms,99%): 101.13
            43.39 [ 3s ] thds: 2 eps: 178.52 lat (ms,99%): 61.08
            45.38 CPU speed:
            45.56 kvmtune-exit 0
            """);

        var samples = LineSamples.OfSysbench(output.Lines, "EventsPerSecond", "WakeUpP99");

        Assert.Equal(0, output.ExitCode);
        Assert.Equal(3, samples.Count);
        Assert.Equal(40.385, samples[0].StartSeconds, 6);
        Assert.Equal(43.385, samples[2].EndSeconds, 6);
        Assert.Equal(178.52, samples[2].Rates["EventsPerSecond"], 6);
        Assert.Equal(61.08e6, samples[2].Rates["WakeUpP99"], 3);
    }

    [Fact]
    public void Iperf3s_directions_are_read_by_their_sums_and_its_summary_is_not()
    {
        var output = StampedProgram.Parse(
            """
            49.20 [ ID][Role] Interval           Transfer     Bitrate         Retr  Cwnd
            49.34 [  5][TX-C]   0.00-0.10   sec   354 KBytes  27754 Kbits/sec    0    129 KBytes       
            49.34 [SUM][TX-C]   0.00-0.10   sec   536 KBytes  42075 Kbits/sec    0             
            49.45 [SUM][RX-C]   0.00-0.10   sec   249 KBytes  19539 Kbits/sec                  
            49.66 [SUM][TX-C]   0.10-0.28   sec   730 KBytes  33292 Kbits/sec    0             
            49.67 [SUM][TX-C]   0.28-0.28   sec  0.00 Bytes  0.00 Kbits/sec    0             
            50.20 [SUM][TX-C]   0.00-1.00   sec  12.0 MBytes  100663 Kbits/sec    0             sender
            50.20 [SUM][RX-C]   0.00-1.01   sec  11.8 MBytes  98000 Kbits/sec                  receiver
            """);

        var samples = LineSamples.OfIperf(output.Lines, 2, "GbitPerSecond", "SentGbitPerSecond", "ReceivedGbitPerSecond");

        Assert.Equal(3, samples.Count);
        Assert.Equal(0.042075, samples[0].Rates["SentGbitPerSecond"], 9);
        var means = SlotMeans.Of(samples);
        Assert.Equal(((0.042075 * 0.1) + (0.033292 * 0.18)) / 0.28, means.Rates["SentGbitPerSecond"], 9);
        Assert.Equal(0.019539, means.Rates["ReceivedGbitPerSecond"], 9);
        Assert.Equal(means.Rates["SentGbitPerSecond"] + means.Rates["ReceivedGbitPerSecond"], means.Rates["GbitPerSecond"], 9);
    }

    [Fact]
    public void A_programs_lines_are_each_about_the_time_since_the_one_before_and_a_single_stream_of_iperf3_has_no_sum()
    {
        CommandMetric[] metrics = [new(new("Tps", "tps", MetricDirection.HigherIsBetter, MetricKind.Rate, IsPrimary: true), Pattern: @"([0-9.]+) tps")];
        var output = StampedProgram.Parse("10.00 progress: 1.0 s, 100.0 tps\n10.50 nothing\n11.02 progress: 2.0 s, 110.0 tps\n11.02 5 tps\nrubbish\n12.01 progress: 3.0 s, NaN tps\n12.02 130 tps\n");

        var samples = LineSamples.OfCommand(output.Lines, metrics);
        var single = LineSamples.OfIperf(
            StampedProgram.Parse("1.2 [  5][TX-C]   0.00-0.10   sec   354 KBytes  27754 Kbits/sec    0    129 KBytes       \n").Lines, 1, "G", "S", "R");

        Assert.Null(output.ExitCode);
        Assert.Equal([(10.005, 11.025, 110.0), (11.025, 12.025, 130.0)], samples.Select(sample => (Math.Round(sample.StartSeconds, 6), Math.Round(sample.EndSeconds, 6), sample.Rates["Tps"])));
        Assert.Single(single);
    }

    [Fact]
    public void The_question_with_the_shortest_round_trip_counts_and_half_of_it_is_the_error()
    {
        ClockProbe[] before = [new(10, 10.2, 500.005), new(11, 11.04, 501.015)];
        ClockProbe[] after = [new(70, 70.02, 560.005)];

        var (clock, failure) = GuestClock.Of(before, after);

        Assert.Null(failure);
        Assert.Equal(0.03, clock!.ErrorSeconds, 6);
        Assert.Equal(11.02, clock.ToHost(501.015), 6);
        Assert.Equal(70.01, clock.ToHost(560.005), 6);
    }

    [Fact]
    public void A_clock_that_was_set_is_said()
    {
        var (set, why) = GuestClock.Of([new(10, 10.02, 500)], [new(70, 70.02, 562)]);

        Assert.Null(set);
        Assert.Contains("was set", why, StringComparison.Ordinal);
    }

    [Fact]
    public void The_guests_answer_is_read_as_the_middle_of_what_it_may_mean() => Assert.Equal(25.725, GuestClock.Parse("25.72\n", 1, 2)!.Uptime, 6);

    [Theory]
    [InlineData("")]
    [InlineData("now")]
    [InlineData("1e400")]
    [InlineData("-5")]
    [InlineData("1 2 3")]
    public void What_is_no_time_is_none(string text) => Assert.Null(GuestClock.Parse(text, 1, 2));

    [Fact]
    public void Counters_that_are_not_kept_are_absent_and_those_that_went_back_too()
    {
        CounterStream.Reading At(double at, params (string Name, double Value)[] counters) =>
            new(at, counters.ToDictionary(counter => counter.Name, counter => counter.Value, StringComparer.Ordinal));

        var cpu = CounterStream.SampleOf(At(1, ("GuestCpuNanoseconds", 1e9), ("VcpuDelayNanoseconds", 5e8)), At(1.2, ("GuestCpuNanoseconds", 1.3e9), ("VcpuDelayNanoseconds", 5.5e8)), ObservedArea.Cpu)!;
        var disk = CounterStream.SampleOf(At(1, ("Disk.vda.ReadRequests", 10), ("Disk.vdb.WriteRequests", 5)), At(2, ("Disk.vda.ReadRequests", 20), ("Disk.vdb.WriteRequests", 4)), ObservedArea.Disk)!;

        Assert.Equal(1.5, cpu.Rates["CpuCores"], 6);
        Assert.Equal(2.5e8, cpu.Rates[StreamMetrics.DelayRate], 0);
        Assert.Equal(10, disk.Rates["Iops"], 6);
        Assert.DoesNotContain(StreamMetrics.RequestTimeRate, disk.Rates.Keys);
        Assert.Null(CounterStream.SampleOf(At(1), At(2), ObservedArea.Disk));
    }

    private static string Histogram(long milliseconds, int coarseness, params (int Bin, int Count)[] bins) => Histogram(milliseconds, coarseness, 0, 4096, bins);

    private static string Histogram(long milliseconds, int coarseness, int direction, int blockSize, params (int Bin, int Count)[] bins)
    {
        var counts = new int[1856 >> coarseness];
        foreach (var (bin, count) in bins)
        {
            counts[bin] = count;
        }

        return $"{milliseconds}, {direction}, {blockSize}, {string.Join(", ", counts)}\n";
    }
}
