// Help must match the cmdlets: a page for each, every parameter in it, no removed one, and the same in every language.
// Run with KVMTUNE_WRITE_DOCS=1 to generate syntax and yaml blocks again after a parameter changed.
using System.Text.RegularExpressions;
using KvmTune.Help;
using KvmTune.Tests.Corpus;
using Markdig.Syntax;
using Xunit;

namespace KvmTune.Tests.Documentation;

public sealed class HelpPagesTests
{
    private const string ThenRun = "Then: KVMTUNE_WRITE_DOCS=1 dotnet test tests/KvmTune.Tests --filter HelpPages";

    private static string Folder => Path.Combine(LibvirtCorpus.RepositoryRoot(), "docs", "help");

    public static TheoryData<string> Cmdlets => [.. CmdletFacts.All.Select(cmdlet => cmdlet.Name)];

    public static TheoryData<string> Languages => [.. Directory.EnumerateDirectories(Folder).Select(folder => Path.GetFileName(folder)!)];

    [Fact]
    public void Every_cmdlet_has_a_page_and_every_page_a_cmdlet()
    {
        Assert.All(CmdletFacts.All, cmdlet => Assert.True(
            File.Exists(FileOf(cmdlet.Name)), $"docs/help/en-US/{cmdlet.Name}.md is missing: copy a page and write it. {ThenRun}"));
        Assert.All(Names(HelpBuilder.FullCulture, "*-*.md"), name => Assert.True(
            CmdletFacts.All.Any(cmdlet => cmdlet.Name == name), $"docs/help/en-US/{name}.md is the page of no cmdlet: remove it in each language. {ThenRun}"));
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void A_page_describes_every_parameter_and_none_that_is_gone(string name)
    {
        var page = Page(name);
        var (has, described) = (Cmdlet(name).Parameters.Select(parameter => parameter.Name).ToList(), page.Parameters.Select(parameter => parameter.Name).ToList());
        Assert.All(has, parameter => Assert.True(
            described.Contains(parameter, StringComparer.Ordinal), $"docs/help/en-US/{name}.md does not describe -{parameter}: write '### -{parameter}' and its text. {ThenRun}"));
        Assert.All(described, parameter => Assert.True(
            has.Contains(parameter, StringComparer.Ordinal), $"docs/help/en-US/{name}.md describes -{parameter}, which the cmdlet does not have: remove it. {ThenRun}"));
        Assert.True(described.Distinct(StringComparer.Ordinal).Count() == described.Count, $"docs/help/en-US/{name}.md describes a parameter twice: {string.Join(", ", described)}. {ThenRun}");
        Assert.All(page.Parameters, parameter => Assert.True(
            string.Concat(parameter.Description).Trim().Length > 0, $"docs/help/en-US/{name}.md has no text for -{parameter.Name}: write it below '### -{parameter.Name}'. {ThenRun}"));
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void A_page_has_syntax_and_parameter_facts_as_the_attributes_declare_them(string name)
    {
        var file = FileOf(name);
        var text = File.ReadAllText(file);
        var expected = HelpPageFacts.Write(text, Cmdlet(name));
        if (Environment.GetEnvironmentVariable("KVMTUNE_WRITE_DOCS") == "1")
        {
            File.WriteAllText(file, text = expected);
        }

        Assert.True(expected == text, $"Syntax or yaml of docs/help/en-US/{name}.md do not say what the attributes do. KVMTUNE_WRITE_DOCS=1 dotnet test tests/KvmTune.Tests --filter HelpPages writes them anew.");
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void A_page_says_all_that_a_user_asks(string name)
    {
        var page = Page(name);
        foreach (var (isThere, missing) in new[]
        {
            (page.Synopsis.Count == 1, "one paragraph below ## SYNOPSIS"),
            (page.Description.Count > 0, "a text below ## DESCRIPTION"),
            (page.Notes.Count > 0, "a text below ## NOTES: what is at risk"),
            (page.Outputs.Count > 0, "a type below ## OUTPUTS"),
            (page.Links.Count > 0, "a link below ## RELATED LINKS"),
            (page.Examples.Count >= 2, "two examples"),
            (page.Examples.All(example => Regex.IsMatch(example.Title, @"\AExample \d+: \S", RegexOptions.None, TimeSpan.FromSeconds(1)) && example.Code.Count > 0), "titles such as '### Example 1: What it shows', each with a powershell block"),
            (page.Examples.Any(example => example.Code.Any(code => code.Contains(name, StringComparison.Ordinal))), $"an example of {name}"),
        })
        {
            Assert.True(isThere, $"docs/help/en-US/{name}.md needs {missing}. {ThenRun}");
        }
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void A_page_links_only_to_what_is_there(string name)
    {
        var known = Names(HelpBuilder.FullCulture, "*.md").ToHashSet(StringComparer.Ordinal);
        Assert.All(Page(name).Links, link => Assert.True(link.Address.Length > 0 || known.Contains(link.Text), $"docs/help/en-US/{name}.md links to '{link.Text}', and there is no such page. {ThenRun}"));
    }

    [Theory]
    [MemberData(nameof(Languages))]
    public void Every_language_has_the_same_topics_and_a_synopsis_of_its_own_for_every_cmdlet(string language)
    {
        Assert.Equal(Names(HelpBuilder.FullCulture, "about_*.md"), Names(language, "about_*.md"));
        Assert.All(CmdletFacts.All, cmdlet => Assert.True(
            File.Exists(Path.Combine(Folder, language, $"{cmdlet.Name}.md")), $"docs/help/{language}/{cmdlet.Name}.md is missing: a page with the synopsis in that language is enough. {ThenRun}"));
        Assert.All(Names(language, "*-*.md"), name => Assert.True(
            Names(HelpBuilder.FullCulture, $"{name}.md").Any(), $"docs/help/{language}/{name}.md is the page of no cmdlet: remove it. {ThenRun}"));
        if (language != HelpBuilder.FullCulture)
        {
            var full = HelpBuilder.Pages(Folder, HelpBuilder.FullCulture).ToDictionary(page => page.Name, StringComparer.Ordinal);
            Assert.All(HelpBuilder.Pages(Folder, language), page => Assert.False(
                full[page.Name].Synopsis.SequenceEqual(page.Synopsis), $"docs/help/{language}/{page.Name}.md has the English synopsis: write it in that language. {ThenRun}"));
        }
    }

    // A page that is more than a synopsis is whole. Commands are those of the full language.
    [Theory]
    [MemberData(nameof(Languages))]
    public void A_whole_page_in_another_language_says_all_in_that_language(string language)
    {
        if (language == HelpBuilder.FullCulture)
        {
            return;
        }

        var shown = HelpBuilder.Pages(Folder, language).ToDictionary(page => page.Name, StringComparer.Ordinal);
        var whole = Names(language, "*-*.md").Where(name => HelpPageReader.Read(Path.Combine(Folder, language, $"{name}.md")).Description.Count > 0).ToList();
        Assert.NotEmpty(whole);
        foreach (var name in whole)
        {
            var (own, full) = (shown[name], Page(name));
            Assert.Equal(full.Examples.Select(example => example.Code), own.Examples.Select(example => example.Code));
            Assert.Equal(full.Inputs.Concat(full.Outputs).Select(type => type.Name), own.Inputs.Concat(own.Outputs).Select(type => type.Name));
            var english = Texts(full).ToHashSet(StringComparer.Ordinal);
            Assert.All(Texts(own), text => Assert.False(english.Contains(text), $"docs/help/{language}/{name}.md leaves this in English: {text}"));
        }
    }

    [Fact]
    public void A_translated_example_has_its_own_texts_around_the_commands_of_the_full_language()
    {
        var example = Assert.Single(Merged("### Contoh 1: Ikat\nSebelum.\n\nSesudah.\n").Examples);
        Assert.Equal("Contoh 1: Ikat", example.Title);
        Assert.Equal("Sebelum.", Assert.Single(example.Introduction));
        Assert.Equal("Set-VcpuPin lab1 0 1", Assert.Single(example.Code));
        Assert.Equal("Sesudah.", Assert.Single(example.Remarks));
    }

    [Theory]
    [InlineData("### Contoh 1: Ikat\nSebelum.\n", "'Contoh 1: Ikat' has 0 blocks of commands and 1 paragraphs")]
    [InlineData("### Contoh 1: Ikat\nSebelum.\n\n```powershell\nSet-VcpuPin lab1 0 2\n```\n\nSesudah.\n", "'Contoh 1: Ikat' has 1 blocks of commands")]
    [InlineData("### Contoh 1: Ikat\nSebelum.\n\nSesudah.\n\n### Contoh 2: Lepas\n", "has 2 examples, and that in en-US has 1")]
    public void A_translated_example_that_does_not_fit_is_an_error_of_the_build(string examples, string message) =>
        Assert.Contains(message, Assert.Throws<HelpException>(() => Merged(examples)).Message, StringComparison.Ordinal);

    private static HelpPage Merged(string examples)
    {
        var folder = Directory.CreateTempSubdirectory("kvmtune-help");
        try
        {
            foreach (var (language, text) in new[] { (HelpBuilder.FullCulture, "### Example 1: Pin\nBefore.\n\n```powershell\nSet-VcpuPin lab1 0 1\n```\n\nAfter.\n"), ("id-ID", examples) })
            {
                File.WriteAllText(Path.Combine(folder.CreateSubdirectory(language).FullName, "Set-VcpuPin.md"), $"# Set-VcpuPin\n\n## SYNOPSIS\n{language}\n\n## EXAMPLES\n\n{text}");
            }

            return Assert.Single(HelpBuilder.Pages(folder.FullName, "id-ID"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // What a reader sees of a page, without names and commands.
    private static IEnumerable<string> Texts(HelpPage page) =>
    [
        .. page.Synopsis, .. page.Description, .. page.Notes,
        .. page.Examples.SelectMany(example => (string[])[example.Title, .. example.Introduction, .. example.Remarks]),
        .. page.Parameters.SelectMany(parameter => parameter.Description),
        .. page.Inputs.Concat(page.Outputs).SelectMany(type => type.Description),
    ];

    [Theory]
    [MemberData(nameof(Languages))]
    public void Help_can_be_built_in_every_language_and_topics_fit_80_columns(string language)
    {
        Assert.Equal(CmdletFacts.All.Count, MamlWriter.Write(HelpBuilder.Pages(Folder, language)).Root!.Elements().Count());
        Assert.All(Directory.EnumerateFiles(Path.Combine(Folder, language), "about_*.md"), topic =>
            Assert.All(AboutTopic.Render(topic).Split('\n'), line => Assert.True(line.Length <= 80, $"{Path.GetFileName(topic)} has a line of {line.Length} characters: {line}")));
    }

    [Theory]
    [MemberData(nameof(Languages))]
    public void The_commands_of_a_topic_are_the_same_in_every_language(string language) =>
        Assert.All(Names(language, "about_*.md"), topic => Assert.Equal(Code(HelpBuilder.FullCulture, topic), Code(language, topic)));

    private static IEnumerable<string> Code(string language, string topic) => MarkdownText.Parse(File.ReadAllText(Path.Combine(Folder, language, $"{topic}.md")))
        .OfType<FencedCodeBlock>().Select(MarkdownText.Code);

    private static CmdletFacts Cmdlet(string name) => CmdletFacts.All.Single(cmdlet => cmdlet.Name == name);

    private static string FileOf(string name) => Path.Combine(Folder, HelpBuilder.FullCulture, $"{name}.md");

    private static HelpPage Page(string name) => HelpPageReader.Read(FileOf(name));

    private static IEnumerable<string> Names(string language, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Folder, language), pattern).Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal);
}
