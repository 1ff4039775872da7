// One chapter of the page: the verdict first, then the change and its reasons, the charts with their numbers, and the conditions.
using System.Globalization;
using KvmTune.Measurement;
using KvmTune.Statistics;

namespace KvmTune.Reports;

/// <summary>Writes chapters.</summary>
internal static class ReportChapterPage
{
    private const string None = "\u2013";

    private static readonly double[] Quantiles = [0.05, 0.25, 0.5, 0.75, 0.95];

    /// <summary>Writes a chapter.</summary>
    public static void Write(HtmlText page, ReportChapter chapter, int index, TimeSpan offset)
    {
        page.Markup(string.Create(CultureInfo.InvariantCulture, $"<section class=\"chapter\" id=\"chapter-{index}\" data-chapter=\"{index}\">\n"));
        page.Element("p", $"{ReportPage.Time(chapter.StartedAt, offset)} \u00b7 {chapter.Baseline.Workload.Name}", "class=\"kind\"");
        page.Element("h2", chapter.Title);
        page.Markup($"<div class=\"verdict {chapter.Verdict.ToString().ToLowerInvariant()}\">").Markup(Badge(chapter))
            .Element("p", ReportSentences.Plainly(chapter), "class=\"plainly\"").Element("p", chapter.Outcome).Markup("</div>\n");
        Change(page, chapter);
        ReportMap.Write(page, chapter);
        Runs(page, chapter, offset);
        Judgement(page, chapter);
        Conditions(page, chapter);
        page.Markup("</section>\n");
    }

    /// <summary>The verdict as a coloured word.</summary>
    public static string Badge(ReportChapter chapter) =>
        $"<strong class=\"badge {chapter.Verdict.ToString().ToLowerInvariant()}\">{VerdictText.Of(chapter.Verdict)}</strong>";

    private static void Change(HtmlText page, ReportChapter chapter)
    {
        page.Element("h3", "What was changed, and why");
        page.Table("The settings that changed", ["Setting", "Before", "After"], chapter.Differences.Select(difference => new[]
        {
            HtmlText.Encode(difference.Setting), HtmlText.Encode(difference.Before ?? "not set"), HtmlText.Encode(difference.After ?? "not set"),
        }));
        foreach (var broken in chapter.Reasons.Where(reason => !reason.IsKept))
        {
            page.Markup("<div class=\"warning\" role=\"note\">").Element("strong", "Warning").Element("p", broken.Evidence);
            Because(page.Markup("<p>"), broken).Markup("</p></div>\n");
        }

        var kept = chapter.Reasons.Where(reason => reason.IsKept).ToList();
        if (kept.Count > 0)
        {
            page.Markup("<details class=\"kept\"><summary>")
                .Markup(string.Create(CultureInfo.InvariantCulture, $"{kept.Count} {(kept.Count == 1 ? "rule" : "rules")} kept")).Markup("</summary><dl>\n");
            foreach (var reason in kept)
            {
                Because(page.Element("dt", reason.Evidence).Markup("<dd>"), reason).Markup("</dd>\n");
            }

            page.Markup("</dl></details>\n");
        }

        Detail(page, "The difference in the domain XML", chapter.XmlDifference);
        Detail(page, "The same with virsh", chapter.VirshCommand);
    }

    private static HtmlText Because(HtmlText page, ReportReason reason) =>
        page.Markup(HtmlText.Encode(reason.Reason)).Element("span", $" {reason.RuleId}; {reason.Source}", "class=\"quiet\"");

    private static void Detail(HtmlText page, string title, string text)
    {
        if (text.Length > 0)
        {
            page.Markup("<details><summary>").Markup(HtmlText.Encode(title)).Markup("</summary>").Element("pre", text).Markup("</details>\n");
        }
    }

    private static void Runs(HtmlText page, ReportChapter chapter, TimeSpan offset)
    {
        var chart = ReportCharts.Of(chapter);
        var metric = chapter.Comparison.PrimaryMetric.Metric;
        var divisor = ReportSentences.Scale(metric.Unit, chapter.Comparison.PrimaryMetric.BaselineMedian ?? chapter.Comparison.PrimaryMetric.CandidateMedian).Divisor;
        var runs = ReportCharts.Runs(chapter);
        var counters = ReportCounter.Of([.. runs.Select(entry => entry.Run)]);
        var title = chart.Unit == chart.Metric ? chart.Metric : $"{chart.Metric} in {chart.Unit}";

        page.Element("h3", "Every run");
        Chart(page, "runs", $"{title}: every run as a dot, the median of each side and its interval. {string.Join(' ', chart.Sides.Select(Described))}");
        page.Table(
            $"{title}: the median of each side with its 95 % interval, and the quantiles of {(ReportCharts.HasRates(chapter) ? "all seconds of the counted runs" : "the counted runs")}",
            ["Side", "#Runs", "#Median", "#Interval from", "#to", "#5 %", "#25 %", "#50 %", "#75 %", "#95 %"],
            new[] { (Name: ReportCharts.Before, Of: chapter.Baseline), (Name: ReportCharts.After, Of: chapter.Candidate) }.Select(side => SideRow(chapter, side.Name, side.Of, metric, divisor)));

        page.Element("h3", "The distribution before and after");
        Chart(page, "distribution", $"{title}: how often each value occurred without the change (above) and with it (below). The quantiles are in the table above.");

        Slots(page, chart, title);
        page.Element("h3", "Along the time line");
        Chart(page, "timeline", $"{title} of each run, and what the host did meanwhile: {string.Join(", ", counters.Select(counter => counter.Name))}. The numbers are in the table of all runs.");
        var metrics = chapter.Baseline.Metrics.Select(each => (Metric: each, Scale: ReportSentences.Scale(each.Unit, Typical(runs, each)))).ToList();

        // A long table is closed at first; on paper it appears only if the reader opened it.
        page.Markup("<details class=\"runs\"><summary>The numbers of all runs <span class=\"quiet\">(printed when open)</span></summary>").Table(
            "Every run in the order they were made, also those that do not count",
            ["#Run", "Began", "Side", "State", .. metrics.Select(each => $"#{ComparisonSentences.NameOf(each.Metric)} ({each.Scale.Unit})"), .. counters.Select(counter => $"#{counter.Name} ({counter.Unit})")],
            runs.Select(entry => new[]
            {
                entry.Run.Number.ToString(CultureInfo.InvariantCulture), HtmlText.Whole(ReportPage.Time(entry.Run.StartedAt, offset)), HtmlText.Whole(entry.Side),
                entry.Run.Failure is { } failure ? HtmlText.Encode($"failed: {failure}") : HtmlText.Whole(ReportCharts.State(entry.Run)),
            }.Concat(metrics.Select(each => Cell(entry.Run.Values.TryGetValue(each.Metric.Name, out var value) ? value : null, each.Scale.Divisor)))
                .Concat(counters.Select(counter => Cell(counter.In(entry.Run.Counters)))).ToArray())).Markup("</details>\n");
    }

    // A typical value of a metric, which decides the unit of its column.
    private static double? Typical(IReadOnlyList<(string Side, MeasuredRun Run)> runs, MetricDefinition metric)
    {
        var values = runs.Select(entry => entry.Run.Values.TryGetValue(metric.Name, out var value) ? value : double.NaN).Where(double.IsFinite).ToList();
        return values.Count == 0 ? null : Estimators.Median(values);
    }

    // For a side that changes inside one load: the slots in two colours, the part of each that is left out, and the differences of the pairs.
    private static void Slots(HtmlText page, ChapterChart chart, string title)
    {
        if (chart.Slots.Count == 0)
        {
            return;
        }

        page.Element("h3", "One load, slot by slot");
        Chart(page, "slots", $"{title}: {chart.Slots.Count.ToString(CultureInfo.InvariantCulture)} slots in the order of time, those without the change in one colour and those with it in another, what is left out after each switch as a gap; below, by how much the two slots of each of {chart.Pairs.Count.ToString(CultureInfo.InvariantCulture)} pairs differ. The numbers are in the tables.");
        page.Markup("<details><summary>The pairs</summary>").Table(
            "By how much the slot with the change lies above the one without it in each pair that counts",
            ["#Pair", "#Seconds since the load began", "#Difference %"],
            chart.Pairs.Select(pair => new[] { pair.Number.ToString(CultureInfo.InvariantCulture), Cell(pair.At), Cell(pair.Percent) })).Markup("</details>\n");
    }

    private static string[] SideRow(ReportChapter chapter, string name, VMPerformance side, MetricDefinition metric, double divisor)
    {
        var values = side.ValuesOf(metric.Name);
        var interval = ReportCharts.Interval(chapter, values);
        var distribution = ReportCharts.Distribution(chapter, side, metric);
        return
        [
            name, values.Count.ToString(CultureInfo.InvariantCulture), Cell(values.Count == 0 ? null : Estimators.Median(values), divisor),
            Cell(interval?.Low, divisor), Cell(interval?.High, divisor),
            .. Quantiles.Select(probability => Cell(distribution.Count == 0 ? null : Estimators.Quantile(distribution, probability), divisor)),
        ];
    }

    private static string Described(ChartSide side) => side.Median is { } median
        ? $"{side.Name} the change: median {ReportSentences.Number(median)}{(side is { Low: { } low, High: { } high } ? $", interval {ReportSentences.Number(low)} to {ReportSentences.Number(high)}" : null)}."
        : $"{side.Name} the change: no run counts.";

    private static void Chart(HtmlText page, string kind, string description) =>
        page.Markup($"<figure class=\"chart\" data-chart=\"{kind}\" role=\"img\" aria-label=\"{HtmlText.Encode(description)}\"></figure>\n");

    private static string Cell(double? value, double divisor = 1) => value is { } number ? HtmlText.Data(number, divisor) : None;

    private static void Judgement(HtmlText page, ReportChapter chapter)
    {
        page.Element("h3", "The judgement").Element("p", chapter.Sentence);
        page.Table(
            "Every metric: medians, the shift with its interval, and the verdict on it",
            ["Metric", "Part", "#Without", "#With", "Unit", "#Shift %", "#from", "#to", "#p", "Verdict"],
            chapter.Comparison.Metrics.Select(metric =>
            {
                var (divisor, unit) = ReportSentences.Scale(metric.Metric.Unit, metric.BaselineMedian);
                return new[]
                {
                    HtmlText.Whole(metric.Metric.Name), HtmlText.Whole(Part(metric.Role)), Cell(metric.BaselineMedian, divisor), Cell(metric.CandidateMedian, divisor), HtmlText.Whole(unit),
                    Cell(metric.ShiftPercent), Cell(metric.IntervalLowPercent), Cell(metric.IntervalHighPercent), Cell(metric.AdjustedPValue), HtmlText.Whole(VerdictText.Of(metric.Verdict)),
                };
            }));
        page.List(chapter.Notes, "class=\"notes\"");
    }

    private static string Part(MetricRole role) => role switch
    {
        MetricRole.Primary => "decides",
        MetricRole.Guard => "must not get worse",
        MetricRole.NegativeControl => "must not move",
        _ => "shown",
    };

    private static void Conditions(HtmlText page, ReportChapter chapter)
    {
        page.Element("h3", "The conditions");
        var rows = Facts(chapter.Baseline).Zip(Facts(chapter.Candidate)).Where(row => row.First.Value is not null || row.Second.Value is not null).ToList();
        page.Table("What was true of host and guest on each side", ["Condition", "Without", "With"], rows.Select(row => new[]
        {
            HtmlText.Encode(row.First.Name), HtmlText.Encode(row.First.Value ?? None),
            row.First.Value == row.Second.Value ? "<span class=\"quiet\">the same</span>" : HtmlText.Encode(row.Second.Value ?? None),
        }));
        page.List([.. chapter.Baseline.Notes.Concat(chapter.Candidate.Notes).Distinct(StringComparer.Ordinal)], "class=\"notes\"");
    }

    private static List<(string Name, string? Value)> Facts(VMPerformance side)
    {
        var facts = side.Conditions;
        string? Text(IFormattable? value) => value?.ToString(null, CultureInfo.InvariantCulture);
        return
        [
            ("Workload", side.Runs.Any(run => run.Slot is not null)
                ? $"{side.Workload.Name}, one load without a pause"
                : string.Create(CultureInfo.InvariantCulture, $"{side.Workload.Name}, {side.Workload.RunTime.TotalSeconds:0.##} s a run")),
            ("Workload program", facts.WorkloadVersion),
            ("Way into the guest", facts.Channel),
            ("File in the guest", facts.GuestFile),
            ("Guest kernel", facts.GuestKernel),
            ("Host", facts.HostName),
            ("Host kernel", facts.HostKernel),
            ("Hypervisor", facts.HypervisorVersion is { } version ? $"{version} ({facts.DomainType})" : facts.DomainType),
            ("libvirt", facts.LibvirtVersion),
            ("CPU governor", facts.CpuGovernor),
            ("Simultaneous multithreading", facts.SimultaneousMultithreading is { } multithreading ? (multithreading ? "on" : "off") : null),
            ("Transparent huge pages", facts.TransparentHugePages),
            ("Other running VMs", Text(facts.OtherRunningVMs)),
            ("Host load when it began", Text(facts.HostLoadAverage)),
            ("Configuration (SHA-256)", facts.ConfigurationHash),
        ];
    }
}
