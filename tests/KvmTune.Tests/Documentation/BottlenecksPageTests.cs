// The table of thresholds in docs/bottlenecks.md is generated from the code. Run with KVMTUNE_WRITE_DOCS=1 to generate it again.
using System.Globalization;
using System.Text;
using KvmTune.Diagnosis.Bottlenecks;
using KvmTune.Tests.Corpus;
using Xunit;

namespace KvmTune.Tests.Documentation;

public sealed class BottlenecksPageTests
{
    private const string Begin = "<!-- thresholds: written by a test -->\n";
    private const string End = "<!-- end of the thresholds -->";

    private static string Page => Path.Combine(LibvirtCorpus.RepositoryRoot(), "docs", "bottlenecks.md");

    [Fact]
    public void The_page_has_the_table_of_thresholds_as_it_is()
    {
        var page = File.ReadAllText(Page);
        var begin = page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        var expected = string.Concat(page.AsSpan(0, begin), Table(), page.AsSpan(page.IndexOf(End, StringComparison.Ordinal)));
        if (Environment.GetEnvironmentVariable("KVMTUNE_WRITE_DOCS") == "1")
        {
            File.WriteAllText(Page, expected);
        }

        Assert.Equal(expected, File.ReadAllText(Page));
    }

    private static string Table()
    {
        var table = new StringBuilder("| threshold | area | default | what is compared | source |\n| --- | --- | --- | --- | --- |\n");
        foreach (var line in BottleneckThresholds.All)
        {
            table.Append(CultureInfo.InvariantCulture, $"| `{line.Name}` | {line.Area} | {line.Default} {line.Unit} | {line.Meaning} | {line.Source} |\n");
        }

        return table.ToString();
    }
}
