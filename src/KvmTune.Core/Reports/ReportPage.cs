// The page: one HTML file that contains its style, script and numbers, and loads nothing from elsewhere.
using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using KvmTune.Journal;
using KvmTune.Statistics;

namespace KvmTune.Reports;

/// <summary>Writes a report as HTML.</summary>
public static class ReportPage
{
    /// <summary>The whole page. It opens without a network, follows the reader's light or dark scheme, and prints.</summary>
    public static string Render(TuningReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var script = Resource("report.js");
        var page = new HtmlText();
        page.Markup("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");

        // Forbids every connection, even if a name in the journal contains an address; only this script may run.
        page.Markup($"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-{Hash(script)}'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n");
        page.Markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n");
        page.Element("title", $"{report.VMName}: tuning report").Markup($"<style>{Resource("report.css")}</style>\n</head>\n<body>\n<main>\n");
        Head(page, report);
        History(page, report);
        for (var i = 0; i < report.Chapters.Count; i++)
        {
            ReportChapterPage.Write(page, report.Chapters[i], i, report.MadeAt.Offset);
        }

        page.Markup("</main>\n<footer>");
        page.Element("p", $"Made by KvmTune on {Time(report.MadeAt, report)}. Times are UTC{Offset(report.MadeAt)}. Intervals are at 95 %. Nothing on this page comes from a network.");
        page.Markup("<details class=\"licences\"><summary>Licences of the script in this page</summary>").Element("pre", Resource("licences.txt")).Markup("</details></footer>\n");
        page.Markup($"<script type=\"application/json\" id=\"charts\">{ReportCharts.ToJson(report)}</script>\n<script>{script}</script>\n</body>\n</html>\n");
        return page.ToString();
    }

    /// <summary>A moment in the page's format.</summary>
    public static string Time(DateTimeOffset moment, TimeSpan offset) => moment.ToOffset(offset).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static string Time(DateTimeOffset moment, TuningReport report) => Time(moment, report.MadeAt.Offset);

    private static string Offset(DateTimeOffset moment) => moment.Offset == TimeSpan.Zero
        ? string.Empty
        : (moment.Offset < TimeSpan.Zero ? "\u2212" : "+") + moment.Offset.ToString("hh\\:mm", CultureInfo.InvariantCulture);

    private static void Head(HtmlText page, TuningReport report)
    {
        var isHistory = report.Changes.Count + report.Measurements.Count > 0;
        page.Markup("<header>").Element("p", isHistory ? "Tuning history" : "Tuning experiment", "class=\"kind\"").Element("h1", report.VMName);
        page.Element("p", $"{report.ConnectionUri} \u00b7 {report.VMId}", "class=\"quiet\"");
        if (isHistory)
        {
            page.Element("p", string.Create(
                CultureInfo.InvariantCulture,
                $"{Count(report.Changes.Count, "recorded change")}, {Count(report.Measurements.Count, "measurement")}, {Count(report.Chapters.Count, "verdict")}."));
        }

        page.Markup("</header>\n");
        if (report.Chapters.Count > 1)
        {
            page.Markup("<nav aria-label=\"Verdicts\"><ol class=\"verdicts\">");
            for (var i = 0; i < report.Chapters.Count; i++)
            {
                var chapter = report.Chapters[i];
                page.Markup(string.Create(CultureInfo.InvariantCulture, $"<li><a href=\"#chapter-{i}\">{HtmlText.Encode(chapter.Title)}</a> "))
                    .Markup(ReportChapterPage.Badge(chapter)).Element("p", ReportSentences.Plainly(chapter)).Markup("</li>\n");
            }

            page.Markup("</ol></nav>\n");
        }
    }

    private static void History(HtmlText page, TuningReport report)
    {
        if (report.Changes.Count > 0)
        {
            page.Markup("<details class=\"history\"><summary>").Markup(HtmlText.Encode($"All {Count(report.Changes.Count, "recorded change")}")).Markup("</summary>\n").Table(
                "Every change in the journal, also those that an experiment made and took back",
                ["#Entry", "Began", "Change", "By", "How it stands", "Verdict"],
                report.Changes.Select(entry => new[]
                {
                    entry.Id.ToString(CultureInfo.InvariantCulture), HtmlText.Whole(Time(entry.StartedAt, report)), Change(entry), HtmlText.Whole(entry.User),
                    HtmlText.Encode(entry.Explanation), HtmlText.Whole(entry.Verdict is { } verdict ? VerdictText.Of(verdict) : "\u2013"),
                })).Markup("</details>\n");
        }

        if (report.Measurements.Count > 0)
        {
            page.Markup("<details class=\"history\"><summary>").Markup(HtmlText.Encode($"All {Count(report.Measurements.Count, "measurement")}")).Markup("</summary>\n").Table(
                "Every measurement in the journal: the median of the runs that count",
                ["Began", "Workload", "#Median", "Unit", "#Runs"],
                report.Measurements.Select(entry => entry.Candidate ?? entry.Baseline).OfType<MeasurementSummary>().Select(measured => Cells(measured, report))).Markup("</details>\n");
        }
    }

    private static string[] Cells(MeasurementSummary measured, TuningReport report)
    {
        var (divisor, unit) = ReportSentences.Scale(measured.Unit, measured.Median);
        return
        [
            HtmlText.Whole(Time(measured.StartedAt, report)), HtmlText.Whole(measured.Workload), measured.Median is { } median ? HtmlText.Data(median, divisor) : "\u2013",
            HtmlText.Encode(unit), measured.Runs.ToString(CultureInfo.InvariantCulture),
        ];
    }

    private static string Change(JournalEntry entry) =>
        HtmlText.Encode(entry.Undoes is { } undone ? string.Create(CultureInfo.InvariantCulture, $"{entry.Title} (takes back {undone})") : entry.Title);

    private static string Count(int count, string noun) => string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? null : "s")}");

    private static string Hash(string script) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(script)));

    private static string Resource(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("report/" + name)
            ?? throw new InvalidOperationException($"The build did not embed {name}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
