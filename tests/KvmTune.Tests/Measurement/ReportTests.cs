// The readers of fio's, sysbench's and iperf3's reports, against what these programs wrote in a real guest.
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
    [InlineData("fio-randwrite", "write")]
    [InlineData("fio-mixed", "mixed")]
    public void A_fio_log_gives_the_rate_of_every_second(string name, string section)
    {
        var report = FioReport.Parse(Captured.Text(name + ".json"), section).Report!;

        var rates = PerSecond.Resample(FioReport.ParseLog(Captured.Text(name + ".log")), report.Requests, report.RunTime.TotalSeconds);

        Assert.Equal(3, rates.Count);
        Assert.InRange(rates.Average() / report.Iops, 0.99, 1.01);
    }

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
    public void Windows_are_turned_into_seconds_and_the_rest_follows_from_the_total()
    {
        Assert.Equal([100, 200, 300], PerSecond.Resample([(0.5, 50), (1, 150), (2, 200)], 600, 3));
        Assert.Equal([100, 100], PerSecond.Resample([(0.75, 100), (1.5, 100)], 200, 2));
        Assert.Equal([10, 20], PerSecond.Resample([], 30, 2).Select((rate, second) => second == 0 ? rate - 5 : rate + 5));
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
