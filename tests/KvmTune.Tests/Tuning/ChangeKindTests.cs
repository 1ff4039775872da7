// The duties of every kind of change, found by reflection: a new kind fails here until it fulfils all of them.
using KvmTune.Tests.Corpus;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class ChangeKindTests
{
    private const string ThenRun = "Then: dotnet test tests/KvmTune.Tests --filter \"ChangeKindTests|SettingCatalogTests\"";

    private static readonly CpuSet HostCpus = new("0-15");

    public static TheoryData<string> Kinds => [.. typeof(VMChange).Assembly.GetTypes()
        .Where(type => type is { IsAbstract: false } && type.IsAssignableTo(typeof(VMChange))).Select(type => type.Name)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Has_a_sample_that_changes_something(string kind) =>
        Assert.True(
            Samples(kind).Any(sample => sample.After.ToXml() != sample.Before.ToXml()),
            $"tests/KvmTune.Tests/Corpus/SampleChanges.cs has no {kind} that changes a rich VM. Add one. {ThenRun}");

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_setting_of_it_is_in_the_catalog_and_of_its_kind(string kind) => Assert.All(Samples(kind), sample => Assert.All(sample.Change.Settings, setting =>
    {
        var known = SettingCatalog.Find(setting.Path);
        Assert.True(known is { IsTunable: true }, $"{setting.Path} is no tunable setting of src/KvmTune.Core/Topology/SettingCatalog.cs: add its entry there, without IsTunable = false. {ThenRun}");
        Assert.True(sample.Change.Kinds.Contains(known), $"{kind}.Kinds in src/KvmTune.Core/Tuning/Changes/{kind}.cs lacks {known.Pattern}. {ThenRun}");
    }));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_it_does_is_shown_and_nothing_else(string kind) => Assert.All(Samples(kind), sample =>
    {
        var isReal = XmlSameness.Normalised(sample.Before.ToXml()) != XmlSameness.Normalised(sample.After.ToXml());
        Assert.True(
            isReal == SettingComparer.Compare(sample.Before.Settings, sample.After.Settings).Count > 0,
            $"{sample.Change.Title}: the document {(isReal ? "changes" : "does not change")}, and the difference says otherwise: see the entries in src/KvmTune.Core/Topology/SettingCatalog.cs. {ThenRun}");
    });

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void It_leads_to_a_document_that_libvirts_schema_takes(string kind)
    {
        Skip.IfNot(LibvirtSchema.IsHere, "xmllint or libvirt's schemas are not installed.");
        var invalid = LibvirtSchema.Invalid(Samples(kind).Select((sample, index) => ($"{index} {sample.Change.Title}", sample.After.ToXml()))).Select(wrong => $"{wrong.Key}: {wrong.Value}").ToList();
        Assert.True(
            invalid.Count == 0,
            $"libvirt's schema refuses what a {kind} makes: see its pattern in src/KvmTune.Core/Topology/SettingCatalog.cs, its place in ElementOrder.cs and its values in Tuning/Changes/{kind}.cs. {ThenRun}\n{string.Join('\n', invalid)}");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Its_inverse_gives_the_document_back(string kind) => Assert.All(Samples(kind), sample =>
    {
        var back = sample.After.Copy();
        sample.Change.Inverse(sample.Before).Edit(back);
        Same(sample.Before, back, $"{sample.Change.Title}: its inverse does not give the document back: see WithSettings in src/KvmTune.Core/Tuning/Changes/{kind}.cs");
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_checkpoint_before_it_gives_the_document_back_as_xml(string kind) => Assert.All(Samples(kind), sample =>
    {
        var restored = sample.After.Copy();
        Restore(TuningState.Of(sample.Before), restored).Edit(restored);
        Same(sample.Before, restored, $"{sample.Change.Title}: a checkpoint before it does not give the document back: see its entries in src/KvmTune.Core/Topology/SettingCatalog.cs");
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Somebody_elses_edit_of_any_of_its_settings_shows(string kind) => Assert.All(Samples(kind), sample =>
    {
        var planned = Differences(sample.Change, sample.Before);
        foreach (var setting in sample.Change.Settings)
        {
            var theirs = sample.Before.Copy();
            var value = theirs.Get(setting.Path);
            theirs.Set(setting.Path, SettingCatalog.Get(setting.Path).Form == SettingForm.Presence ? (value is null ? string.Empty : null) : value == "7" ? "6" : "7");
            if (theirs.Get(setting.Path) != value)
            {
                Assert.False(planned.SequenceEqual(Differences(sample.Change, theirs)), $"{sample.Change.Title}: an edit of {setting.Path} by somebody else is not seen: see its entry in src/KvmTune.Core/Topology/SettingCatalog.cs. {ThenRun}");
            }
        }
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Undoing_it_knows_whether_a_restart_is_pending(string kind) => Assert.All(Samples(kind), sample =>
    {
        var inverse = sample.Change.Inverse(sample.Before);
        var isReal = XmlSameness.Normalised(sample.Before.ToXml()) != XmlSameness.Normalised(sample.After.ToXml());
        Assert.False(VMPlanner.IsPending(new VMSnapshot(sample.Before, sample.After), inverse, HostCpus), $"{sample.Change.Title}: the running VM never had it, and undoing it would ask for a restart: see its entry in src/KvmTune.Core/Topology/SettingCatalog.cs. {ThenRun}");
        Assert.True(
            isReal == VMPlanner.IsPending(new VMSnapshot(sample.After, sample.After), inverse, HostCpus),
            $"{sample.Change.Title}: the running VM has it, and undoing it {(isReal ? "would ask for no restart" : "would ask for a restart")}: see WithSettings in src/KvmTune.Core/Tuning/Changes/{kind}.cs. {ThenRun}");
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_rule_speaks_of_it(string kind) => Assert.True(
        kind == nameof(TuningStateChange) || Samples(kind).Any(sample => IsSpokenOf(sample.Change, sample.Before, sample.After)),
        $"No rule looks at a {kind}: what can go wrong with it? Add its rules to a file in src/KvmTune.Core/Tuning/Rules (a new one to RuleCatalog.cs), and a test that breaks each in tests/KvmTune.Tests/Tuning. "
        + "Then: KVMTUNE_WRITE_DOCS=1 dotnet test tests/KvmTune.Tests --filter \"ChangeKindTests|RulesPage\"");

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_cmdlet_makes_it(string kind)
    {
        // The placement planner creates placements.
        var sources = Directory.EnumerateFiles(Path.Combine(LibvirtCorpus.RepositoryRoot(), "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => file.Contains("KvmTune.Cmdlets", StringComparison.Ordinal) || file.Contains("/Placement/", StringComparison.Ordinal));
        Assert.True(
            sources.Any(file => File.ReadAllText(file).Contains(kind, StringComparison.Ordinal) || (kind == nameof(DiskIOThreadChange) && File.ReadAllText(file).Contains(nameof(DiskIOThreadRequest), StringComparison.Ordinal))),
            $"No cmdlet in src/KvmTune.Cmdlets makes a {kind}. Add one file there, its name to module/KvmTune.psd1, and a page of it in docs/help/en-US and docs/help/id-ID. Then: "
            + "KVMTUNE_WRITE_DOCS=1 dotnet test tests/KvmTune.Tests --filter \"ChangeKindTests|ManifestTests|HelpPages\"");
    }

    private static bool IsSpokenOf(VMChange change, DomainDocument before, DomainDocument after)
    {
        var context = new KvmTune.Tuning.Rules.RuleContext(
            change, new KvmTune.Tuning.Rules.VMFacts(false, true, null, before.ToConfiguration()), after.ToConfiguration(), () => RuleScene.Grid(2, 8, 2), () => VMNeighbours.None);
        return KvmTune.Tuning.Rules.RuleCatalog.Judge(context).Any(finding => finding.Area != TuningArea.General);
    }

    private static List<ConfigurationDifference> Differences(VMChange change, DomainDocument before)
    {
        var after = before.Copy();
        change.Edit(after);
        return [.. SettingComparer.Compare(before.Settings, after.Settings)];
    }

    private static TuningStateChange Restore(TuningState state, DomainDocument document) =>
        TuningStateChange.To(state, "a test", document);

    private static void Same(DomainDocument expected, DomainDocument actual, string otherwise) => Assert.True(
        XmlSameness.Normalised(expected.ToXml()) == XmlSameness.Normalised(actual.ToXml()),
        $"{otherwise}. {ThenRun}\nexpected:\n{XmlSameness.Normalised(expected.ToXml())}\nfound:\n{XmlSameness.Normalised(actual.ToXml())}");

    // Creating the samples already detects a setting that is missing in the catalog, or an element without a place.
    private static List<(VMChange Change, DomainDocument Before, DomainDocument After)> Samples(string kind)
    {
        try
        {
            return Make(kind);
        }
        catch (Exception exception) when ((exception is TypeInitializationException ? exception.InnerException : exception) is InvalidOperationException missing)
        {
            Assert.Fail($"{missing.Message} Add it there. {ThenRun}\n{exception}");
            throw;
        }
        catch (KvmTuneException exception) when (exception.ErrorId == "ForeignSetting")
        {
            Assert.Fail(
                $"{kind} sets what is not of its kind: add the setting to Kinds in src/KvmTune.Core/Tuning/Changes/{kind}.cs, and its entry, without IsTunable = false, to src/KvmTune.Core/Topology/SettingCatalog.cs. {ThenRun}\n{exception.Message}");
            throw;
        }
    }

    private static List<(VMChange Change, DomainDocument Before, DomainDocument After)> Make(string kind)
    {
        var samples = new List<(VMChange, DomainDocument, DomainDocument)>();
        foreach (var xml in RichVM.Documents)
        {
            var before = DomainDocument.Parse(xml);
            samples.AddRange(SampleChanges.For(before.ToConfiguration(), before).Append(Restore(TuningState.Of(DomainDocument.Parse(RichVM.Other(xml))), before))
                .Where(change => change.GetType().Name == kind).Select(change =>
                {
                    var after = before.Copy();
                    change.Edit(after);
                    return (change, before, after);
                }).Where(sample => !RuleScene.IsRefused(sample.change, sample.before.ToConfiguration(), sample.after.ToConfiguration())));
        }

        return samples;
    }
}
