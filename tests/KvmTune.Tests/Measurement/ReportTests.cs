// The parsers of fio's, sysbench's and iperf3's reports, with the output of these programs in a real guest.
using KvmTune.Measurement.Workloads;
using Xunit;

namespace KvmTune.Tests.Measurement;

public sealed class ReportTests
{
    [Theory]
    [InlineData("fio-randwrite.json", "write")]
    [InlineData("fio-mixed.json", "mixed")]
    [InlineData("fio-sync.json", "write")]
    public void A_fio_report_is_read(string file, string section)
    {
        var (report, failure) = FioReport.Parse(Captured.Text(file), section);

        Assert.Null(failure);
        Assert.Equal("fio-3.33", report!.Version);
        Assert.InRange(report.RunTime.TotalSeconds, 2.99, 3.2);
        Assert.InRange(report.Iops * report.RunTime.TotalSeconds / report.Requests, 0.99, 1.01);
        Assert.InRange(report.MiBPerSecond * 256 / report.Iops, 0.99, 1.01);
        Assert.True(report.LatencyP50Nanoseconds <= report.LatencyP99Nanoseconds && report.LatencyP99Nanoseconds <= report.LatencyP999Nanoseconds);
        Assert.Equal(file == "fio-sync.json", report.FlushP99Nanoseconds > 0);
    }

    [Theory]
    // fio did not report the last window of this run, so its third second is missing.
    [InlineData("fio-randwrite", "write", new[] { 8557.0, 7032.5 })]
    [InlineData("fio-mixed", "mixed", new[] { 3491.5, 3451.5, 3338.0 })]
    public void A_fio_log_gives_the_rate_of_every_second_that_is_in_it(string name, string section, double[] expected)
    {
        var report = FioReport.Parse(Captured.Text(name + ".json"), section).Report!;

        var rates = PerSecond.Reported(
            FioReport.ParseLog(Captured.Text(name + ".log")), FioJob.LogWindow.TotalSeconds, report.Requests, report.RunTime.TotalSeconds);

        Assert.Equal(expected, rates);
    }

    [Theory]
    [InlineData("writeback", "write", false, "the host takes writes into its memory")]
    [InlineData(null, "write", false, "cache mode writeback (QEMU's default): the host takes writes into its memory")]
    [InlineData("unsafe", "write", true, "test file (64 MiB)")]
    [InlineData("writeback", "read", false, "reads come from there")]
    [InlineData("writethrough", "read", false, "reads come from there")]
    [InlineData("writeback", "write", true, null)]
    [InlineData("writethrough", "write", false, null)]
    [InlineData("none", "write", false, null)]
    [InlineData("directsync", "read", false, null)]
    public void Where_the_host_hides_the_disk_that_is_noted_for_reads_and_for_writes(string? cache, string section, bool isSync, string? words)
    {
        var driver = cache is null ? "<driver name='qemu'/>" : $"<driver name='qemu' cache='{cache}'/>";
        var xml = $"<domain><devices><disk><driver cache='none'/><target dev='vda'/></disk><disk>{driver}<target dev='vdb'/></disk></devices></domain>";

        var notes = HostPageCache.Notes(xml, "vdb", new FioJob("any", "4k", 1, section, isSync), 64).ToList();

        if (words is null)
        {
            Assert.Empty(notes);
        }
        else
        {
            Assert.Contains(words, Assert.Single(notes), StringComparison.Ordinal);
        }

        Assert.Empty(HostPageCache.Notes(xml, "vda", new FioJob("any", "4k", 1, section, isSync), 64));
    }

    [Fact]
    public void Mixed_work_under_writeback_has_both_notes() => Assert.Equal(
        2, HostPageCache.Notes("<domain><devices><disk><target dev='vdb'/></disk></devices></domain>", "vdb", new FioJob("randrw", "4k", 16, "mixed"), 64).Count());

    [Theory]
    [InlineData("fio-nospace.txt", "error 28")]
    [InlineData("fio-nodirect.txt", "error 22")]
    public void A_failed_fio_is_no_result(string file, string words)
    {
        var (report, failure) = FioReport.Parse(Captured.Text(file), "write");

        Assert.Null(report);
        Assert.Contains(words, failure, StringComparison.Ordinal);
    }

    [Fact]
    public void A_fio_report_that_lacks_anything_is_no_result()
    {
        var whole = Captured.Text("fio-randwrite.json");

        Assert.All(
            [
                "", "fio: nothing", "{}", "{\"jobs\": []}", whole[..(whole.Length / 2)], whole.Replace("\"clat_ns\"", "\"other\"", StringComparison.Ordinal),
                whole.Replace("\"99.900000\"", "\"99.800000\"", StringComparison.Ordinal), whole.Replace("\"iops\" :", "\"iops\" : \"x\", \"y\" :", StringComparison.Ordinal),
            ],
            output =>
            {
                var (report, failure) = FioReport.Parse(output, "write");
                Assert.Null(report);
                Assert.NotNull(failure);
            });
        Assert.NotNull(FioReport.Parse(whole, "read").Failure);
    }

    [Fact]
    public void Messages_around_a_fio_report_are_skipped()
    {
        var (report, _) = FioReport.Parse("fio: some note {x}\n" + Captured.Text("fio-randwrite.json") + "\nfio: terminating\n", "write");

        Assert.NotNull(report);
    }

    [Fact]
    public void The_last_report_of_sysbench_counts_and_not_the_checkpoint()
    {
        var output = Captured.Text("sysbench-cpu.txt");

        var (report, failure) = SysbenchReport.Parse(output);

        Assert.Null(failure);
        var last = output[output.LastIndexOf("events per second:", StringComparison.Ordinal)..];
        Assert.Contains($"events per second:{report!.Rate,9:0.00}", last, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], report.Windows.Select(window => (int)window.Second).Take(3));
        Assert.True(report.PercentileNanoseconds(0.5) < report.PercentileNanoseconds(0.99));
        Assert.InRange(report.PercentileNanoseconds(1) / report.LatencyMaxNanoseconds, 0.97, 1.03);
        Assert.NotNull(SysbenchReport.Parse(output[..(output.Length / 3)].Replace("max:", "", StringComparison.Ordinal)).Failure);
    }

    [Fact]
    public void A_memory_report_of_sysbench_is_read()
    {
        var (report, failure) = SysbenchReport.Parse(Captured.Text("sysbench-memory.txt"));

        Assert.Null(failure);
        Assert.True(report!.Rate > 0);
        Assert.True(report.Windows.Count >= 3);
        Assert.True(double.IsNaN(report.PercentileNanoseconds(0.99)));
    }

    [Fact]
    public void A_report_of_iperf3_is_read_in_both_directions()
    {
        var (report, failure) = IperfReport.Parse(Captured.Text("iperf3-bidir.json"));

        Assert.Null(failure);
        Assert.Equal(2.370744, report!.SentGbit, 5);
        Assert.Equal(4.521489, report.ReceivedGbit, 5);
        Assert.Equal((29, 18), (report.GuestRetransmits, report.HostRetransmits));
        Assert.Equal(2, report.PerSecondGbit.Count);
        Assert.Equal("iperf3: unable to connect to server: Connection refused", IperfReport.Parse("{\"error\": \"unable to connect to server: Connection refused\"}").Failure);
        Assert.NotNull(IperfReport.Parse("iperf3: no").Failure);
    }

    [Fact]
    public void A_second_has_the_windows_that_end_in_it_and_one_that_was_not_reported_is_absent()
    {
        Assert.Equal([100, 200], PerSecond.Reported([(0.501, 50), (1.003, 150), (1.499, 180), (2.002, 220)], 0.5, 600, 3));
        Assert.Equal([100, 300], PerSecond.Reported([(1, 100), (3.04, 300)], 1, 600, 3));
        Assert.Empty(PerSecond.Reported([], 0.5, 30, 2));
        Assert.Equal([100], PerSecond.Reported([(0.5, 50), (1, 150), (2, 200)], 0.5, 600, 3));
        Assert.Equal([10, 20, 30], PerSecond.Reported([(1, 10), (2, 20), (2.999, 30)], 1, 60, 2.999));

        // One slow second, and a rest of the total that no disk can reach in one second: such a value must not be returned.
        Assert.Equal([176], PerSecond.Reported([(1, 176)], 1, 176 + 22_298, 2));
        Assert.Empty(PerSecond.Reported([(1, 176), (2, 22_298)], 1, 11_237, 2));
        Assert.Equal(double.NaN, PerSecond.VariationPercent([5]));
        Assert.Equal(double.NaN, PerSecond.VariationPercent([0, 0]));
        Assert.Equal(0, PerSecond.VariationPercent([7, 7, 7]));
        Assert.Equal(100 * Math.Sqrt(2) / 3, PerSecond.VariationPercent([2, 4]), 10);
    }

    [Theory]
    [InlineData("$.a", 1.5)]
    [InlineData("$.b[0].c", 2.0)]
    [InlineData("$.b[-1]['d e']", 3.0)]
    [InlineData("$.b[1][\"d e\"]", 3.0)]
    [InlineData("$.text", 4e3)]
    [InlineData("$.b[2]", null)]
    [InlineData("$.a.x", null)]
    [InlineData("$.none", null)]
    [InlineData("$.b", null)]
    public void A_JSON_path_finds_a_number(string path, double? value)
    {
        Assert.True(JsonPath.IsValid(path));
        Assert.Equal(value, JsonPath.Find("tool 1.0\n{\"a\": 1.5, \"b\": [{\"c\": 2}, {\"d e\": 3}], \"text\": \"4e3\"}\nbye", path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a.b")]
    [InlineData("$")]
    [InlineData("$..a")]
    [InlineData("$.a[*]")]
    [InlineData("$.a[?(@.b)]")]
    public void What_is_no_JSON_path_is_refused(string path) => Assert.False(JsonPath.IsValid(path));
}
