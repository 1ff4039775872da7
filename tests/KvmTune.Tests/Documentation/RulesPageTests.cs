// docs/rules.md is generated from the rules. Run with KVMTUNE_WRITE_DOCS=1 to generate it again after a rule changed.
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using KvmTune.Tests.Corpus;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Documentation;

public sealed class RulesPageTests
{
    private static IReadOnlyList<PropertyInfo> Declared { get; } =
    [
        .. typeof(RuleCatalog).Assembly.GetTypes().Where(type => type.Namespace == typeof(RuleCatalog).Namespace)
            .SelectMany(type => type.GetProperties(BindingFlags.Public | BindingFlags.Static)).Where(property => property.PropertyType == typeof(TuningRule)),
    ];

    private static string Page => Path.Combine(LibvirtCorpus.RepositoryRoot(), "docs", "rules.md");

    [Fact]
    public void The_rules_page_says_what_the_rules_say()
    {
        var text = Render();
        if (Environment.GetEnvironmentVariable("KVMTUNE_WRITE_DOCS") == "1")
        {
            File.WriteAllText(Page, text);
        }

        Assert.True(text == File.ReadAllText(Page), "docs/rules.md does not say what the rules do. KVMTUNE_WRITE_DOCS=1 dotnet test tests/KvmTune.Tests --filter RulesPage writes it anew.");
    }

    [Fact]
    public void Every_rule_that_is_declared_is_judged_by()
    {
        Assert.True(Declared.Count > 50, $"Only {Declared.Count} rules were found.");
        Assert.All(Declared, property => Assert.True(
            RuleCatalog.All.Contains((TuningRule)property.GetValue(null)!),
            $"No change is judged by {property.Name}: add it to All of src/KvmTune.Core/Tuning/Rules/{property.DeclaringType!.Name}.cs, and that to RuleCatalog.cs. Then: KVMTUNE_WRITE_DOCS=1 dotnet test tests/KvmTune.Tests --filter RulesPage"));
    }

    // Read from the tests' source: it shows which rule judges a scene; at run time this is not visible.
    [Fact]
    public void Every_rule_has_a_test_that_breaks_it_and_one_that_just_keeps_it()
    {
        var folder = Path.Combine(LibvirtCorpus.RepositoryRoot(), "tests", "KvmTune.Tests", "Tuning");
        var tests = string.Concat(Directory.EnumerateFiles(folder, "*.cs").Select(File.ReadAllText));
        var calls = Regex.Matches(tests, @"\.(?<how>Breaks|Keeps|IsSilent)\(\w+\.(?<rule>\w+)", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(10))
            .Select(call => (Rule: call.Groups["rule"].Value, IsBroken: call.Groups["how"].Value == "Breaks")).ToHashSet();
        Assert.All(Declared, property =>
        {
            var (rules, name) = (property.DeclaringType!.Name, property.Name);
            foreach (var (isBroken, what, call) in new[] { (true, "breaks", "Breaks"), (false, "just keeps", "Keeps") })
            {
                Assert.True(
                    calls.Contains((name, isBroken)),
                    $"tests/KvmTune.Tests/Tuning/{rules.TrimEnd('s')}Tests.cs has no test that {what} {name}: add new RuleScene {{ … }}.{call}({rules}.{name}). Then: dotnet test tests/KvmTune.Tests --filter \"RulesPage|{rules.TrimEnd('s')}Tests\"");
            }
        });
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
