// docs/findings.md is generated from the kinds of findings. Run with KVMTUNE_WRITE_DOCS=1 to generate it again after a change.
using System.Text;
using KvmTune.Diagnosis.Findings;
using KvmTune.Tests.Corpus;
using Xunit;

namespace KvmTune.Tests.Documentation;

public sealed class FindingsPageTests
{
    private static string Page => Path.Combine(LibvirtCorpus.RepositoryRoot(), "docs", "findings.md");

    [Fact]
    public void The_findings_page_says_what_the_findings_say()
    {
        var text = Render();
        if (Environment.GetEnvironmentVariable("KVMTUNE_WRITE_DOCS") == "1")
        {
            File.WriteAllText(Page, text);
        }

        Assert.True(text == File.ReadAllText(Page), "docs/findings.md does not say what the kinds of findings do. KVMTUNE_WRITE_DOCS=1 dotnet test tests/KvmTune.Tests --filter FindingsPage writes it anew.");
    }

    private static string Render()
    {
        var page = new StringBuilder("""
            # What Test-VMTuning finds

            This page is written from the kinds of findings in `src/KvmTune.Core/Diagnosis/Findings` (by `KVMTUNE_WRITE_DOCS=1 dotnet test
            --filter FindingsPage`). A finding is a candidate, never a command: it carries a plan, and an experiment says whether the
            plan helps. *High*: data or the next start is at risk, or vCPUs wait for each other under any load. *Medium*: known to
            cost speed or safety for the workloads that it names. *Low*: worth a try where a measurement shows that its area is
            slow. *Unknown*: nothing is known to be wrong, something could not be seen. Where a rule of changes says the same
            (`docs/rules.md`), the finding has the rule's name.

            Memory, devices and the guest's topology are judged as the next start would have them: what the running VM still has
            otherwise is `RestartPending`. Pins are judged as they run, and then as they are configured.


            """);
        foreach (var area in FindingCatalog.All.GroupBy(kind => kind.Area))
        {
            page.Append("## ").Append(area.Key).Append("\n| finding | severity | matters for | why | source |\n| --- | --- | --- | --- | --- |\n");
            foreach (var kind in area)
            {
                page.Append("| `").Append(kind.Id).Append("` | ").Append(kind.Severity).Append(" | ").AppendJoin(", ", kind.Workloads)
                    .Append(" | ").Append(kind.Reason).Append(" | ").Append(kind.Source).Append(" |\n");
            }

            page.Append('\n');
        }

        return page.ToString().TrimEnd() + "\n";
    }
}
