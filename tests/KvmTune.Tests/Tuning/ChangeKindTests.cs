// What every kind of change must do, found by reflection: a new kind fails here until it does all of it.
using KvmTune.Tests.Corpus;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class ChangeKindTests
{
    private static readonly CpuSet HostCpus = new("0-15");

    public static TheoryData<string> Kinds => [.. typeof(VMChange).Assembly.GetTypes()
        .Where(type => type is { IsAbstract: false } && type.IsAssignableTo(typeof(VMChange))).Select(type => type.Name)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Has_a_sample_that_changes_something(string kind) =>
        Assert.True(
            Samples(kind).Any(sample => sample.After.ToXml() != sample.Before.ToXml()),
            $"tests/KvmTune.Tests/Corpus/SampleChanges.cs has no {kind} that changes a rich VM. Add one, then: dotnet test tests/KvmTune.Tests --filter ChangeKindTests");

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_setting_of_it_is_in_the_catalog_and_of_its_kind(string kind) => Assert.All(Samples(kind), sample => Assert.All(sample.Change.Settings, setting =>
    {
        var known = SettingCatalog.Find(setting.Path);
        Assert.True(known is { IsTunable: true }, $"{setting.Path} is no tunable setting of src/KvmTune.Core/Topology/SettingCatalog.cs.");
        Assert.True(sample.Change.Kinds.Contains(known), $"{kind}.Kinds in src/KvmTune.Core/Tuning/Changes/{kind}.cs lacks {known.Pattern}.");
    }));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_it_does_is_shown_and_nothing_else(string kind) => Assert.All(Samples(kind), sample =>
    {
        var isReal = XmlSameness.Normalised(sample.Before.ToXml()) != XmlSameness.Normalised(sample.After.ToXml());
        Assert.True(
            isReal == SettingComparer.Compare(sample.Before.Settings, sample.After.Settings).Count > 0,
            $"{sample.Change.Title}: the document {(isReal ? "changes" : "does not change")}, and the difference says otherwise. See SettingCatalog.cs.");
    });

    [SkippableTheory]
    [MemberData(nameof(Kinds))]
    public void It_leads_to_a_document_that_libvirts_schema_takes(string kind)
    {
        Skip.IfNot(LibvirtSchema.IsHere, "xmllint or libvirt's schemas are not installed.");
        Assert.Empty(LibvirtSchema.Invalid(Samples(kind).Select((sample, index) => ($"{index} {sample.Change.Title}", sample.After.ToXml()))).Select(wrong => $"{wrong.Key}: {wrong.Value}"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Its_inverse_gives_the_document_back(string kind) => Assert.All(Samples(kind), sample =>
    {
        var back = sample.After.Copy();
        sample.Change.Inverse(sample.Before).Edit(back);
        Assert.Equal(XmlSameness.Normalised(sample.Before.ToXml()), XmlSameness.Normalised(back.ToXml()));
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_checkpoint_before_it_gives_the_document_back_as_xml(string kind) => Assert.All(Samples(kind), sample =>
    {
        var restored = sample.After.Copy();
        Restore(TuningState.Of(sample.Before), restored).Edit(restored);
        Assert.Equal(XmlSameness.Normalised(sample.Before.ToXml()), XmlSameness.Normalised(restored.ToXml()));
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
                Assert.False(planned.SequenceEqual(Differences(sample.Change, theirs)), $"{sample.Change.Title}: an edit of {setting.Path} by somebody else is not seen.");
            }
        }
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Undoing_it_knows_whether_a_restart_is_pending(string kind) => Assert.All(Samples(kind), sample =>
    {
        var inverse = sample.Change.Inverse(sample.Before);
        var isReal = SettingComparer.Pending(sample.After.Settings, sample.Before.Settings, HostCpus).Count > 0;
        Assert.False(VMPlanner.IsPending(sample.Before, inverse, HostCpus), $"{sample.Change.Title}: the running VM never had it, and undoing it would ask for a restart.");
        Assert.Equal(isReal, VMPlanner.IsPending(sample.After, inverse, HostCpus));
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_rule_speaks_of_it(string kind) => Assert.True(
        kind == nameof(TuningStateChange) || Samples(kind).Any(sample => IsSpokenOf(sample.Change, sample.Before, sample.After)),
        $"No rule looks at a {kind}: what can go wrong with it? Add its rules in src/KvmTune.Core/Tuning/Rules.");

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_cmdlet_makes_it(string kind)
    {
        // A placement is made by the planner of placements.
        var sources = Directory.EnumerateFiles(Path.Combine(LibvirtCorpus.RepositoryRoot(), "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => file.Contains("KvmTune.Cmdlets", StringComparison.Ordinal) || file.Contains("/Placement/", StringComparison.Ordinal));
        Assert.True(
            sources.Any(file => File.ReadAllText(file).Contains(kind, StringComparison.Ordinal) || (kind == nameof(DiskIOThreadChange) && File.ReadAllText(file).Contains(nameof(DiskIOThreadRequest), StringComparison.Ordinal))),
            $"No cmdlet in src/KvmTune.Cmdlets makes a {kind}. Add one file there, its name to module/KvmTune.psd1, and docs/help/en-US and docs/help/id-ID.");
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

    private static List<(VMChange Change, DomainDocument Before, DomainDocument After)> Samples(string kind)
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
