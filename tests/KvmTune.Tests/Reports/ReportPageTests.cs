// The page as text: any name of a VM or a change stays a name, and the charts have the data that they need.
using System.Text.Json;
using System.Text.RegularExpressions;
using KvmTune.Journal;
using KvmTune.Reports;
using KvmTune.Statistics;
using KvmTune.Tests.Statistics;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Reports;

public sealed partial class ReportPageTests
{
    private static readonly DateTimeOffset Now = new(2024, 6, 8, 9, 0, 0, TimeSpan.FromHours(7));

    [Theory]
    [InlineData("</script><script>alert(1)</script>")]
    [InlineData("<!--<script>")]
    [InlineData("a\"b'c&d<e>")]
    [InlineData("basis data é 数据库")]
    public void A_name_stays_a_name(string name)
    {
        var page = ReportPage.Render(Report(name, Chapter() with { Title = name, Outcome = name, Notes = [name] }));

        Assert.Equal(2, ScriptStart().Count(page));
        Assert.Equal(2, page.Split("</script>").Length - 1);
        Assert.Contains($"<h1>{HtmlText.Encode(name)}</h1>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<!--", page, StringComparison.Ordinal);
        if (name.Contains('<', StringComparison.Ordinal))
        {
            Assert.DoesNotContain(name, page, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void It_asks_for_nothing_from_anywhere()
    {
        var page = ReportPage.Render(Report("db01", Chapter()));

        Assert.Contains("default-src 'none'", page, StringComparison.Ordinal);
        Assert.DoesNotMatch("""<(link|img|iframe|object|embed)\b|\bsrc=|url\(|@import""", page[..page.IndexOf("<script>", StringComparison.Ordinal)]);
    }

    [Fact]
    public void The_charts_have_every_run_in_its_order_and_say_which_count()
    {
        using var charts = JsonDocument.Parse(ReportCharts.ToJson(Report("db01", Chapter())));

        var chart = charts.RootElement[0];
        Assert.Equal("IOPS", chart.GetProperty("unit").GetString());
        Assert.Equal(18, chart.GetProperty("runs").GetArrayLength());
        Assert.Equal(2, chart.GetProperty("runs").EnumerateArray().Count(run => !run.GetProperty("isCounted").GetBoolean()));
        Assert.Equal(1003.5, chart.GetProperty("sides")[0].GetProperty("median").GetDouble());
        Assert.Equal(1000, chart.GetProperty("sides")[0].GetProperty("low").GetDouble());
        Assert.Equal(1007, chart.GetProperty("sides")[0].GetProperty("high").GetDouble());
    }

    [Theory]
    [InlineData(Verdict.Improved, "It helped: IOPS rose by 50 %")]
    [InlineData(Verdict.Regressed, "It made things worse")]
    [InlineData(Verdict.NoDifference, "no difference that matters")]
    [InlineData(Verdict.Inconclusive, "cannot be said")]
    [InlineData(Verdict.Mixed, "two sides")]
    public void A_verdict_has_a_sentence_without_statistics(Verdict verdict, string words)
    {
        var sentence = ReportSentences.Plainly(Chapter() with { Verdict = verdict });

        Assert.Contains(words, sentence, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"\bp [=<]|interval", sentence);
    }

    [Fact]
    public void A_rise_adds_up_the_shift_is_that_of_typical_pairs_and_no_two_medians_stand_beside_it()
    {
        // The medians are 83 and 219, which is 164 % more; typical pairs differ by less.
        double[] before = [63, 66, 68, 83, 83, 102, 123, 147];
        double[] after = [156, 160, 211, 218, 220, 226, 240, 247];
        var comparison = VMComparer.Compare(Performances.Of(before), Performances.Of(after), new() { Design = ComparisonDesign.Pairs });

        var sentence = ReportSentences.Plainly(Chapter() with { Comparison = comparison, Verdict = comparison.Verdict });

        Assert.Matches(@"^It helped: IOPS rose by 14[0-9] % in typical pairs \(somewhere from \+[0-9]+ % to \+[0-9]+ %\)\.$", sentence);
        Assert.DoesNotContain("219", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("from 83", comparison.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_comparison_that_was_recorded_is_read_back_as_it_was_made()
    {
        var baseline = Performances.Of([.. Performances.Around(1, 8, 1000, 1)], null, [.. Performances.Around(2, 8, 500, 3)]);
        var candidate = Performances.Of([.. Performances.Around(3, 8, 1150, 1)], null, [.. Performances.Around(4, 8, 500, 3)]);
        var made = VMComparer.Compare(
            baseline, candidate, new() { Design = ComparisonDesign.Pairs, ThresholdPercent = 20, Metric = "LatencyP99", Plan = LookPlan.Fixed(8) });

        var read = ComparisonDocument.Read(ComparisonDocument.Write(made), baseline, candidate);

        Assert.Equal(made.Metrics, read.Metrics);
        Assert.Equal((made.Verdict, made.Sentence, made.Design, made.Unit, made.FailedRuns), (read.Verdict, read.Sentence, read.Design, read.Unit, read.FailedRuns));
        Assert.Equal(20, read.PrimaryMetric.Limits.ThresholdPercent);
        Assert.Throws<FormatException>(() => ComparisonDocument.Read("{}", baseline, candidate));
    }

    [Fact]
    public void Pins_are_on_a_map_before_and_after()
    {
        var host = new VMHostTopology
        {
            ConnectionUri = "test:///x",
            HostName = "kvm1",
            OnlineCpus = CpuSet.Parse("0-3"),
            Nodes = [new HostNode { Id = 0, MemoryKiB = 1024, Cpus = [.. Enumerable.Range(0, 4).Select(id => new HostCpu(id, 0, 0, 0, id, CpuSet.Of([id])))] }],
        };
        var plan = Performances.Pin(TuningOutcome.Applied).Plan;
        var change = (VcpuPinChange)plan.Change with { Pins = new Dictionary<int, CpuSet?> { [0] = CpuSet.Parse("2"), [1] = CpuSet.Parse("3") } };

        var (before, after) = PinMaps.Of(plan with { Change = change }, [change with { Pins = new Dictionary<int, CpuSet?> { [0] = CpuSet.Parse("0-3"), [1] = null } }], host);
        var page = ReportPage.Render(Report("db01", Chapter() with { MapBefore = before, MapAfter = after }));

        Assert.Contains("Before: no thread is pinned", page, StringComparison.Ordinal);
        Assert.Contains("After: vCPU 0 on host CPU 2, vCPU 1 on host CPU 3", page, StringComparison.Ordinal);
        Assert.Equal(2, Regex.Count(page, "class=\"cpu placed\""));
    }

    [Fact]
    public void The_table_of_measurements_has_times_in_units_for_people()
    {
        var measured = new MeasurementSummary(Guid.NewGuid(), Now, "CpuLatency", "LatencyP99", "ns", 812_345, 8);
        var page = ReportPage.Render(Report("db01", Chapter()) with
        {
            Measurements =
            [
                new JournalEntry
                {
                    Id = 1, Kind = JournalKind.Measurement, VMName = "db01", VMId = Guid.NewGuid(), ConnectionUri = "qemu:///system", Area = TuningArea.General, Title = "CpuLatency",
                    StartedAt = Now, Outcome = JournalOutcome.Recorded, User = "root", Process = string.Empty, Candidate = measured,
                },
            ],
        });

        Assert.Contains("<data value=\"812345\">812.3</data>", page, StringComparison.Ordinal);
        Assert.Contains(HtmlText.Encode("µs"), page, StringComparison.Ordinal);
        Assert.Equal("CpuLatency: 812 µs", measured.ToString());
    }

    internal static TuningReport Report(string name, params ReportChapter[] chapters) => new()
    {
        VMName = name,
        VMId = chapters[0].Baseline.VMId,
        ConnectionUri = "qemu:///system",
        MadeAt = Now,
        Chapters = chapters,
    };

    internal static ReportChapter Chapter()
    {
        var baseline = Performances.Of([.. Enumerable.Range(0, 8).Select(i => 1000.0 + i)]);
        var candidate = Performances.Of([.. Enumerable.Range(0, 8).Select(i => 1500.0 + i)]);
        var comparison = VMComparer.Compare(baseline, candidate, new ComparisonOptions { Design = ComparisonDesign.Pairs });
        return new ReportChapter
        {
            Title = "disk vdb: cache=none",
            StartedAt = baseline.StartedAt,
            Outcome = "Kept, since it improved.",
            Differences = [new SettingDifference("disk vdb cache", null, "none", ChangeScope.Config)],
            Comparison = comparison,
            Verdict = comparison.Verdict,
            Sentence = comparison.Sentence,
        };
    }

    [GeneratedRegex("<script[ >]", RegexOptions.None, 10_000)]
    private static partial Regex ScriptStart();
}
