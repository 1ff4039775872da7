// docs/rules.md is written from the rules themselves. Run with KVMTUNE_WRITE_DOCS=1 to write it anew after a rule changed.
using System.Text;
using KvmTune.Tests.Corpus;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Documentation;

public sealed class RulesPageTests
{
    private static string Page => Path.Combine(LibvirtCorpus.RepositoryRoot(), "docs", "rules.md");

    [Fact]
    public void The_rules_page_says_what_the_rules_say()
    {
        var text = Render();
        if (Environment.GetEnvironmentVariable("KVMTUNE_WRITE_DOCS") == "1")
        {
            File.WriteAllText(Page, text);
        }

        Assert.Equal(text, File.ReadAllText(Page));
    }

    [Fact]
    public void Every_rule_has_a_name_of_its_own_a_reason_and_a_source()
    {
        Assert.Equal(RuleCatalog.All.Count, RuleCatalog.All.Select(rule => rule.Id).Distinct(StringComparer.Ordinal).Count());
        Assert.All(RuleCatalog.All, rule =>
        {
            Assert.Matches(@"\A[A-Z][A-Za-z0-9]+\z", rule.Id);
            Assert.EndsWith(".", rule.Reason, StringComparison.Ordinal);
            Assert.NotEmpty(rule.Source);
        });
    }

    private static string Render()
    {
        var page = new StringBuilder("""
            # The rules that a change must obey

            This page is written from the rules in `src/KvmTune.Core/Tuning/Rules` (by `KVMTUNE_WRITE_DOCS=1 dotnet test --filter
            RulesPage`). A plan is judged by every rule that applies to it. *Error*: the change is not made, and the error carries the
            rule's name as its id. *Confirm*: data or a service is at risk, so it is made only after a clear yes, or with `-Force`. *Warning*:
            it is made, and the warning shows the evidence. `-Verbose` shows the rules that were kept as well; `-WhatIf` and `-AsPlan` show
            all of it and touch nothing.


            """);
        foreach (var area in RuleCatalog.All.GroupBy(rule => rule.Area))
        {
            page.Append("## ").Append(area.Key).Append("\n| rule | kind | reason | source |\n| --- | --- | --- | --- |\n");
            foreach (var rule in area)
            {
                page.Append("| `").Append(rule.Id).Append("` | ").Append(rule.Severity).Append(" | ").Append(rule.Reason).Append(" | ").Append(rule.Source).Append(" |\n");
            }

            page.Append('\n');
        }

        return page.ToString().TrimEnd() + "\n";
    }
}
