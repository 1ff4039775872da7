// The manifest must match the assembly and the project; checked without PowerShell.
using System.Text.RegularExpressions;
using System.Xml.Linq;
using KvmTune.Tests.Corpus;
using Xunit;

namespace KvmTune.Tests.Documentation;

public sealed partial class ManifestTests
{
    private const string ThenRun = "Then: dotnet test tests/KvmTune.Tests --filter ManifestTests";

    // The verbs that PowerShell approves (Get-Verb, PowerShell 7.4), by group.
    private const string ApprovedVerbs = """
        Add Clear Close Copy Enter Exit Find Format Get Hide Join Lock Move New Open Optimize Push Pop Redo Remove Rename Reset Resize Search Select Set
        Show Skip Split Step Switch Undo Unlock Watch Backup Checkpoint Compare Compress Convert ConvertFrom ConvertTo Dismount Edit Expand Export
        Group Import Initialize Limit Merge Mount Out Publish Restore Save Sync Unpublish Update Approve Assert Build Complete Confirm Deny Deploy
        Disable Enable Install Invoke Register Request Restart Resume Start Stop Submit Suspend Uninstall Unregister Wait Debug Measure Ping Repair
        Resolve Test Trace Connect Disconnect Read Receive Send Write Block Grant Protect Revoke Unblock Unprotect Use
        """;

    // These verbs read, compare and connect; every other verb changes something and must support -WhatIf.
    private static readonly string[] HarmlessVerbs =
        ["Get", "Find", "Show", "Compare", "Connect", "Disconnect", "Format", "New", "Select", "Test", "Watch", "Wait", "ConvertTo", "ConvertFrom"];

    private static string Root => LibvirtCorpus.RepositoryRoot();

    private static string Manifest => File.ReadAllText(Path.Combine(Root, "module", "KvmTune.psd1"));

    public static TheoryData<string> Cmdlets => [.. CmdletFacts.All.Select(cmdlet => cmdlet.Name)];

    [Fact]
    public void It_exports_every_cmdlet_and_alias_by_name_and_nothing_else()
    {
        Assert.All(CmdletFacts.All, cmdlet => Assert.True(List("CmdletsToExport").Contains(cmdlet.Name, StringComparer.Ordinal), $"module/KvmTune.psd1 does not export {cmdlet.Name}: add it to CmdletsToExport. {ThenRun}"));
        Assert.All(List("CmdletsToExport"), name => Assert.True(CmdletFacts.All.Any(cmdlet => cmdlet.Name == name), $"module/KvmTune.psd1 exports {name}, which src/KvmTune.Cmdlets does not have: remove it from CmdletsToExport. {ThenRun}"));
        Assert.Equal(CmdletFacts.All.Count, List("CmdletsToExport").Count);
        Assert.Equal(CmdletFacts.All.SelectMany(cmdlet => cmdlet.Aliases).Order(StringComparer.Ordinal), List("AliasesToExport").Order(StringComparer.Ordinal));
        Assert.Empty(List("FunctionsToExport"));
        Assert.Empty(List("VariablesToExport"));
        Assert.DoesNotContain('*', List("CmdletsToExport").SelectMany(name => name));
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void The_README_and_the_change_log_name_it(string name)
    {
        var areas = Lines("README.md").SkipWhile(line => !line.StartsWith("| area | cmdlets |", StringComparison.Ordinal)).TakeWhile(line => line.StartsWith('|'));
        Assert.True(areas.Any(line => line.Contains($"`{name}`", StringComparison.Ordinal)), $"README.md does not name {name}: add it to the row of its area in the table of cmdlets. {ThenRun}");
        Assert.True(
            Lines("CHANGELOG.md").Any(line => line.Contains($"`{name}`", StringComparison.Ordinal)),
            $"CHANGELOG.md does not name {name}: say what it does in a line below [Unreleased]. {ThenRun}");
    }

    [Fact]
    public void Every_cmdlet_that_makes_a_change_is_tried_in_every_way()
    {
        const string File = "tests/Pester/EveryChange.Tests.ps1";
        var tried = System.IO.File.ReadAllText(Path.Combine(Root, File));
        var makers = CmdletFacts.All.Where(cmdlet => cmdlet.Type.IsAssignableTo(typeof(Cmdlets.Common.VMChangeCmdlet)) && cmdlet.Name != "Restore-VMTuning").ToList();
        Assert.True(makers.Count > 10, $"Only {makers.Count} cmdlets were found that make a change.");
        Assert.All(makers, cmdlet => Assert.True(
            tried.Contains($"Name = '{cmdlet.Name}'", StringComparison.Ordinal),
            $"{File} has no line for {cmdlet.Name}: how it is called, what it says, and what a rule refuses. Then: ./bootstrap.sh test fast"));
    }

    [Fact]
    public void It_says_what_a_gallery_asks()
    {
        Assert.Equal("7.4", Value("PowerShellVersion"));
        Assert.Equal(["Core"], List("CompatiblePSEditions"));
        Assert.NotEmpty(List("Tags"));
        Assert.All(List("Tags"), tag => Assert.DoesNotContain(' ', tag));
        foreach (var name in new[] { "Description", "Author", "Copyright", "ReleaseNotes", "LicenseUri" })
        {
            Assert.NotEmpty(Value(name));
        }
    }

    [Fact]
    public void Its_version_is_SemVer_the_assemblys_and_in_the_change_log()
    {
        var version = Value("ModuleVersion");
        Assert.Matches(@"\A(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)\z", version);
        Assert.Matches(@"\A([0-9A-Za-z]+)?\z", Value("Prerelease"));
        Assert.Equal(XDocument.Load(Path.Combine(Root, "Directory.Build.props")).Descendants("Version").Single().Value, version);
        var log = File.ReadAllText(Path.Combine(Root, "CHANGELOG.md"));
        Assert.True(log.Contains($"## [{version}]", StringComparison.Ordinal) || log.Contains("## [Unreleased]", StringComparison.Ordinal), "CHANGELOG.md has neither this version nor Unreleased.");
    }

    [Theory]
    [MemberData(nameof(Cmdlets))]
    public void A_cmdlet_has_an_approved_verb_says_what_it_emits_and_can_be_asked_WhatIf_if_it_changes_anything(string name)
    {
        var cmdlet = CmdletFacts.All.Single(known => known.Name == name);
        var (source, then) = ($"src/KvmTune.Cmdlets/{cmdlet.Type.Namespace!.Split('.')[^1]}/{cmdlet.Type.Name}.cs", ThenRun);
        Assert.True(ApprovedVerbs.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Contains(cmdlet.Verb, StringComparer.Ordinal), $"{source}: {cmdlet.Verb} is no approved verb (Get-Verb). {then}");
        Assert.True(cmdlet.HasOutputType, $"{source}: {name} has no [OutputType]. {then}");
        Assert.True(cmdlet.SupportsShouldProcess || HarmlessVerbs.Contains(cmdlet.Verb, StringComparer.Ordinal), $"{source}: {name} changes something and has no SupportsShouldProcess. {then}");
        Assert.True(cmdlet.Type.IsSealed && cmdlet.Type.IsPublic, $"{source}: {name} is not a public sealed class. {then}");
        Assert.Equal($"{name.Replace("-", string.Empty, StringComparison.Ordinal)}Command", cmdlet.Type.Name);
    }

    private static string[] Lines(string file) => File.ReadAllLines(Path.Combine(Root, file));

    private static string Value(string name) => Regex.Match(Manifest, $@"^\s*{name}\s*=\s*'(?<value>(?:[^']|'')*)'", RegexOptions.Multiline, TimeSpan.FromSeconds(1)).Groups["value"].Value;

    private static IReadOnlyList<string> List(string name)
    {
        var list = Regex.Match(Manifest, $@"^\s*{name}\s*=\s*@\((?<items>[^)]*)\)", RegexOptions.Multiline, TimeSpan.FromSeconds(1));
        Assert.True(list.Success, $"The manifest has no list {name}.");
        return [.. Quoted().Matches(list.Groups["items"].Value).Select(match => match.Groups["word"].Value)];
    }

    [GeneratedRegex("'(?<word>[^']*)'", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Quoted();
}
