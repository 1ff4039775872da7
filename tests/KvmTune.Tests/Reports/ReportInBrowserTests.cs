// The sample report in a browser without a network: it is drawn without an error, and its numbers are the journal's.
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using KvmTune.Reports;
using Xunit;

namespace KvmTune.Tests.Reports;

public sealed partial class ReportInBrowserTests
{
    [SkippableFact]
    public async Task The_sample_is_drawn_and_its_numbers_are_the_journals()
    {
        Skip.If(Chromium.Path is null, "THE REPORT IS NOT OPENED: there is no Chromium here (apt-get install chromium).");
        using var sample = new SampleJournal();
        var vm = Assert.Single(sample.Journal.KnownVMs());
        var report = TuningReportReader.OfHistory(sample.Journal, vm.Id, new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));

        var (document, console) = await OpenAsync(sample.Folder, report);

        Assert.Equal(string.Empty, console);
        Assert.NotEmpty(report.Chapters);
        var chapters = document.Split("<section class=\"chapter\"")[1..];
        Assert.Equal(report.Chapters.Count, chapters.Length);
        foreach (var (chapter, html) in report.Chapters.Zip(chapters))
        {
            Assert.Equal(3, Regex.Count(html, "<figure class=\"chart\"[^>]* role=\"img\" aria-label=\"[^\"]+\""));
            Assert.DoesNotMatch("<figure class=\"chart\"[^>]*></figure>", html);
            Assert.Equal(chapter.Baseline.Runs.Count + chapter.Candidate.Runs.Count, Dots(html, "runs"));
            var numbers = Numbers(html);
            foreach (var run in chapter.Baseline.Runs.Concat(chapter.Candidate.Runs))
            {
                Assert.All(run.Values.Values, value => Assert.Contains(value, numbers));
            }

            Assert.Contains(chapter.Comparison.PrimaryMetric.BaselineMedian!.Value, numbers);
            Assert.Contains(chapter.Comparison.PrimaryMetric.ShiftPercent!.Value, numbers);
            Assert.Contains(chapter.Sentence, WebUtility.HtmlDecode(html), StringComparison.Ordinal);
        }

        foreach (var measured in sample.Journal.Entries(new() { Kind = KvmTune.Journal.JournalKind.Measurement }))
        {
            Assert.Contains((measured.Candidate ?? measured.Baseline)!.Median!.Value, Numbers(document));
        }
    }

    [SkippableFact]
    public async Task A_hostile_name_is_only_shown()
    {
        Skip.If(Chromium.Path is null, "THE REPORT IS NOT OPENED: there is no Chromium here (apt-get install chromium).");
        const string Name = "</script><script>document.title='taken'</script><img src=https://example.org/x onerror=\"document.title='taken'\"> 数据";
        var folder = Directory.CreateTempSubdirectory("kvmtune-report");
        try
        {
            var (document, console) = await OpenAsync(folder.FullName, ReportPageTests.Report(Name, ReportPageTests.Chapter() with { Title = Name }));

            Assert.Equal(string.Empty, console);
            Assert.DoesNotContain("<title>taken", document, StringComparison.Ordinal);
            Assert.DoesNotContain("<img", document, StringComparison.Ordinal);
            Assert.Equal(18, Dots(document, "runs"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<(string Document, string Console)> OpenAsync(string folder, TuningReport report)
    {
        var file = Path.Combine(folder, "report.html");
        await File.WriteAllTextAsync(file, ReportPage.Render(report));
        return await Chromium.DumpAsync(file);
    }

    private static int Dots(string html, string chart)
    {
        var drawn = html[html.IndexOf($"data-chart=\"{chart}\"", StringComparison.Ordinal)..];
        return Regex.Count(drawn[..drawn.IndexOf("</figure>", StringComparison.Ordinal)], "<circle ");
    }

    private static HashSet<double> Numbers(string html) =>
        [.. DataElement().Matches(html).Select(match => double.Parse(match.Groups["value"].Value, CultureInfo.InvariantCulture))];

    [GeneratedRegex("<data value=\"(?<value>[^\"]+)\">", RegexOptions.ExplicitCapture, 10_000)]
    private static partial Regex DataElement();
}
