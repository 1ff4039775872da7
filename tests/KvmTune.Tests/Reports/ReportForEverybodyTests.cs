// A report is accessible: axe-core finds no problem, light and dark, wide and narrow. A narrow screen scrolls only tables sideways, in boxes that
// the keyboard reaches; and paper shows the content that the reader opened.
using System.Text.Json;
using KvmTune.Reports;
using KvmTune.Statistics;
using KvmTune.Tests.Corpus;
using Xunit;

namespace KvmTune.Tests.Reports;

public sealed class ReportForEverybodyTests : IDisposable
{
    private const string Unfold = "document.querySelectorAll('details').forEach(each => { each.open = true; }); await new Promise(done => setTimeout(done, 300));";
    private static readonly string Axe = Path.Combine(LibvirtCorpus.RepositoryRoot(), "src", "KvmTune.Report", "node_modules", "axe-core", "axe.min.js");

    private readonly SampleJournal _sample = new();

    public void Dispose() => _sample.Dispose();

    [SkippableTheory]
    [InlineData(1280, false)]
    [InlineData(1280, true)]
    [InlineData(375, false)]
    [InlineData(375, true)]
    public async Task Axe_finds_nothing(int width, bool dark)
    {
        Skip.If(Chromium.Path is null, "THE REPORT IS NOT OPENED: there is no Chromium here (apt-get install chromium).");
        Skip.IfNot(File.Exists(Axe), "THE REPORT IS NOT CHECKED: there is no axe-core here (cd src/KvmTune.Report; npm ci --ignore-scripts).");
        var answer = await AskAsync(
            await File.ReadAllTextAsync(Axe),
            $$"""(async () => { {{Unfold}} const found = await axe.run(document); return { dark: matchMedia("(prefers-color-scheme: dark)").matches, width: innerWidth, passed: found.passes.length, violations: found.violations.flatMap(rule => rule.nodes.map(node => rule.id + ": " + node.target.join(" ") + " " + node.failureSummary)) }; })()""",
            width, dark);

        Assert.Equal(dark, answer.GetProperty("dark").GetBoolean());
        Assert.Equal(width, answer.GetProperty("width").GetInt32());
        Assert.True(answer.GetProperty("passed").GetInt32() > 10);
        Assert.Empty(Strings(answer.GetProperty("violations")));
    }

    [SkippableTheory]
    [InlineData(320)]
    [InlineData(375)]
    [InlineData(1280)]
    public async Task Nothing_but_a_table_in_its_box_scrolls_sideways_and_no_head_breaks(int width)
    {
        Skip.If(Chromium.Path is null, "THE REPORT IS NOT OPENED: there is no Chromium here (apt-get install chromium).");
        var answer = await AskAsync(
            string.Empty,
            $$"""(async () => { {{Unfold}} const boxes = [...document.querySelectorAll(".table")]; const wide = boxes.filter(box => box.scrollWidth > box.clientWidth); return { wider: document.documentElement.scrollWidth - innerWidth, boxes: boxes.length, wide: wide.length, unreached: wide.filter(box => box.tabIndex !== 0 || !box.ariaLabel).length, needless: boxes.filter(box => box.tabIndex === 0 && !wide.includes(box)).length, broken: [...document.querySelectorAll("thead th")].filter(head => head.firstChild && (() => { const range = document.createRange(); range.selectNodeContents(head); return new Set([...range.getClientRects()].map(each => Math.round(each.top))).size > 1; })()).map(head => head.textContent), units: [...document.querySelectorAll("th")].map(head => head.textContent).filter(text => text.includes("(ns)")) }; })()""",
            width, dark: false);

        Assert.True(answer.GetProperty("wider").GetInt32() <= 0, answer.ToString());
        Assert.True(answer.GetProperty("boxes").GetInt32() > 5);
        Assert.Equal(0, answer.GetProperty("unreached").GetInt32());
        Assert.Equal(0, answer.GetProperty("needless").GetInt32());
        Assert.Empty(Strings(answer.GetProperty("broken")));
        Assert.Empty(Strings(answer.GetProperty("units")));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task On_paper_all_is_unfolded_and_the_long_tables_only_where_the_reader_opened_them(bool isOpened)
    {
        Skip.If(Chromium.Path is null, "THE REPORT IS NOT OPENED: there is no Chromium here (apt-get install chromium).");
        var answer = await AskAsync(
            string.Empty,
            $$"""(() => { const runs = document.querySelector("details.runs"); runs.open = {{(isOpened ? "true" : "false")}}; dispatchEvent(new Event("beforeprint")); const folded = [...document.querySelectorAll("details:not([open])")].map(each => each.className); const during = runs.open; dispatchEvent(new Event("afterprint")); return { folded, during, after: document.querySelectorAll("details[open]").length }; })()""",
            1280, dark: false);

        Assert.Equal(isOpened, answer.GetProperty("during").GetBoolean());
        Assert.All(Strings(answer.GetProperty("folded")), name => Assert.Contains(name, new[] { "licences", "runs" }));
        Assert.Equal(isOpened ? 1 : 0, answer.GetProperty("after").GetInt32());
    }

    [Fact]
    public void A_broken_rule_is_a_warning_and_kept_ones_are_folded_and_counted()
    {
        var page = ReportPage.Render(ReportPageTests.Report("db01", Judged()));

        Assert.Contains("<div class=\"warning\" role=\"note\"><strong>Warning</strong>\n<p>host CPU 2 also carries vCPU 1", page, StringComparison.Ordinal);
        Assert.Contains("<summary>2 rules kept</summary>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<summary>0 rules", ReportPage.Render(ReportPageTests.Report("db01", ReportPageTests.Chapter())), StringComparison.Ordinal);
    }

    // The recorded history, and a chapter with the parts that it lacks: warnings, kept rules, notes, long words.
    private async Task<JsonElement> AskAsync(string script, string expression, int width, bool dark)
    {
        var vm = Assert.Single(_sample.Journal.KnownVMs());
        var recorded = TuningReportReader.OfHistory(_sample.Journal, vm.Id, new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));
        var report = recorded with
        {
            VMName = "a-virtual-machine-with-a-very-long-name-that-has-no-spaces-in-it.example.com",
            Chapters = [.. recorded.Chapters, Judged(), ReportPageTests.Chapter() with { Verdict = Verdict.Regressed }, ReportPageTests.Chapter() with { Verdict = Verdict.Inconclusive }, ReportPageTests.Chapter() with { Verdict = Verdict.NoDifference }],
        };
        return await Chromium.AskAsync(_sample.Folder, ReportPage.Render(report), script, expression, width, dark);
    }

    private static ReportChapter Judged() => ReportPageTests.Chapter() with
    {
        Reasons =
        [
            new("PinOvercommitsHostCpu", false, "host CPU 2 also carries vCPU 1 of 'db02'", "Two vCPUs on one host CPU wait for each other.", "kernel: sched(7)"),
            new("PinHostCpuOnline", true, "host CPU 2 is online", "A thread cannot run where nothing runs.", "libvirt: virsh vcpupin"),
            new("PinWithinNode", true, "all vCPUs are on node 0", "Memory of another node is slower.", "numa(7)"),
        ],
        Notes = ["The host was slow in pair 2, which was made again."],
        VirshCommand = "virsh -c qemu:///system vcpupin a-virtual-machine-with-a-very-long-name-that-has-no-spaces-in-it.example.com 0 2 --live --config",
        XmlDifference = "-    <vcpupin vcpu=\"0\" cpuset=\"0\"/>\n+    <vcpupin vcpu=\"0\" cpuset=\"2\"/>",
    };

    private static List<string> Strings(JsonElement array) => [.. array.EnumerateArray().Select(each => each.GetString()!)];
}
