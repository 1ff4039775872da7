// For each rule of CPU models and features, a test that breaks it and one that just keeps it, on hosts from libvirt's descriptions.
using KvmTune.Hosts;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using KvmTune.Tuning.Rules;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class CpuModelRuleTests
{
    private const string Capabilities = """
        <domainCapabilities><domain>kvm</domain><arch>x86_64</arch><cpu>
        <mode name='host-passthrough' supported='yes'/><mode name='maximum' supported='yes'/>
        <mode name='host-model' supported='yes'><model fallback='forbid'>Opteron_G3</model><vendor>AMD</vendor>
        <feature policy='require' name='topoext'/><feature policy='disable' name='svm'/></mode>
        <mode name='custom' supported='yes'><model usable='yes' vendor='AMD'>Opteron_G3</model><model usable='yes' vendor='AMD'>EPYC</model>
        <model usable='yes' vendor='Intel'>Nehalem</model><model usable='no' vendor='Intel'>Icelake-Server</model><model usable='yes' vendor='unknown'>qemu64</model></mode>
        </cpu></domainCapabilities>
        """;

    private static readonly GuestCpuAbilities Amd = GuestCpuAbilities.Parse(Capabilities, out _) with
    {
        Features = new HashSet<string>(StringComparer.Ordinal) { "topoext", "sse2", "pdpe1gb" },
        KnowsFeature = static name => name != "nonsense",
    };

    [Fact]
    public void Domain_capabilities_are_read()
    {
        var read = GuestCpuAbilities.Parse(Capabilities, out var hostModel);
        Assert.Equal(["custom", "host-model", "host-passthrough", "maximum"], read.Modes.Order(StringComparer.Ordinal));
        Assert.Equal(("AMD", "Opteron_G3"), (read.Vendor, read.HostModel));
        Assert.Equal("require", read.HostModelFeatures["topoext"]);
        Assert.Equal(new GuestCpuModel(false, "Intel"), read.Models["Icelake-Server"]);
        Assert.Equal(new GuestCpuModel(true, null), read.Models["qemu64"]);
        Assert.StartsWith("<cpu>", hostModel, StringComparison.Ordinal);
        Assert.Empty(GuestCpuAbilities.Parse("<domainCapabilities/>", out hostModel).Models);
        Assert.Null(hostModel);
    }

    [Fact]
    public void A_model_that_the_host_cannot_give_is_refused_with_those_that_it_can()
    {
        Scene(Model("EPIC")).Breaks(CpuModelRules.CpuModelIsUsable, "'EPIC'", "EPYC, ");
        Scene(Model("Icelake-Server")).Breaks(CpuModelRules.CpuModelIsUsable, "features that this host does not have");
        Scene(Model("EPYC")).Keeps(CpuModelRules.CpuModelIsUsable);
        Scene(Model("host-model")).Keeps(CpuModelRules.CpuModelIsUsable);
        new RuleScene { Change = Model("host-passthrough"), GuestCpus = Amd with { Modes = new HashSet<string>(StringComparer.Ordinal) { "custom" } } }
            .Breaks(CpuModelRules.CpuModelIsUsable, "host-passthrough", "custom");
        new RuleScene { Change = Model("EPIC") }.IsSilent(CpuModelRules.CpuModelIsUsable);
    }

    [Fact]
    public void A_feature_that_the_host_cannot_give_is_refused_and_one_needs_a_model()
    {
        Scene(Model("EPYC", "toopext")).Breaks(CpuModelRules.CpuFeatureIsUsable, "'toopext'", "topoext");
        Scene(Model("EPYC", "topoext")).Keeps(CpuModelRules.CpuFeatureIsUsable);
        Scene(Model("EPYC")).IsSilent(CpuModelRules.CpuFeatureIsUsable);
        Scene(Without("avx512f")).Keeps(CpuModelRules.CpuFeatureIsUsable);
        Scene(Without("nonsense")).Breaks(CpuModelRules.CpuFeatureIsUsable, "libvirt knows no CPU feature 'nonsense'");
        new RuleScene { Change = Without("nonsense"), Xml = Xml(), GuestCpus = Amd with { KnowsFeature = _ => null } }.Keeps(CpuModelRules.CpuFeatureIsUsable);
        new RuleScene { Change = Without("nonsense"), Xml = Xml(), GuestCpus = Amd with { Features = null } }.IsSilent(CpuModelRules.CpuFeatureIsUsable);
        Scene(Change([CpuModelChange.OfFeature("sse2", "require")])).Breaks(CpuModelRules.CpuFeatureNeedsModel, "-Model");
        Scene(Model("EPYC", "sse2")).Keeps(CpuModelRules.CpuFeatureNeedsModel);
    }

    [Theory]
    [InlineData("Host-Passthrough", "host-passthrough", "none")]
    [InlineData("HOST-MODEL", "host-model", "partial")]
    [InlineData("Maximum", "maximum", "none")]
    public void A_mode_is_one_however_it_is_written(string written, string mode, string check)
    {
        var values = CpuModelChange.OfModel(written).ToDictionary(value => value.Path.ToString(), value => value.Value, StringComparer.Ordinal);
        Assert.Equal<(string?, string?, string?)>((mode, check, null), (values["cpu/@mode"], values["cpu/@check"], values["cpu/model"]));
        Assert.Equal(CpuModelChange.OfModel(mode), CpuModelChange.OfModel(written));
    }

    [Theory]
    [InlineData("host-passthrough", false)]
    [InlineData("maximum", false)]
    [InlineData("Opteron_G3", false)]
    [InlineData("EPYC", true)]
    [InlineData("host-model", true)]
    public void Threads_on_amd_need_topoext(string model, bool hasIt)
    {
        var threads = Change([.. CpuModelChange.OfModel(model), .. CpuModelChange.OfTopology(new CpuTopology(1, 1, 2, 2))]);
        var cores = Change([.. CpuModelChange.OfModel(model), .. CpuModelChange.OfTopology(new CpuTopology(1, 1, 4, 1))]);
        var scene = Scene(threads);
        if (hasIt)
        {
            scene.Keeps(CpuModelRules.ThreadsNeedTopoext);
        }
        else
        {
            scene.Breaks(CpuModelRules.ThreadsNeedTopoext, "-Feature topoext");
        }

        Scene(threads with { Values = [.. threads.Values, CpuModelChange.OfFeature("topoext", "require")] }).Keeps(CpuModelRules.ThreadsNeedTopoext);
        Scene(threads with { Values = [.. threads.Values, CpuModelChange.OfFeature("topoext", "disable")] }).Breaks(CpuModelRules.ThreadsNeedTopoext);
        Scene(cores).IsSilent(CpuModelRules.ThreadsNeedTopoext);
        new RuleScene { Change = threads, Xml = Xml(), GuestCpus = Amd with { Vendor = "Intel" } }.IsSilent(CpuModelRules.ThreadsNeedTopoext);
        Assert.Equal(!hasIt, CpuModelRules.ShouldHaveTopoext(After(threads), Amd));
        Assert.False(CpuModelRules.ShouldHaveTopoext(After(cores), Amd));
        var emulated = Amd with { Features = new HashSet<string>(StringComparer.Ordinal) { "sse2" } };
        Assert.False(CpuModelRules.ShouldHaveTopoext(After(threads), emulated));
        new RuleScene { Change = threads, Xml = Xml(), GuestCpus = emulated }.Breaks(CpuModelRules.ThreadsBecomeCores, "takes the threads for cores");
        new RuleScene { Change = threads, Xml = Xml(), GuestCpus = emulated }.IsSilent(CpuModelRules.ThreadsNeedTopoext);
        Scene(threads).IsSilent(CpuModelRules.ThreadsBecomeCores);
    }

    [Fact]
    public void A_feature_stands_in_the_title_and_is_taken_back_whole()
    {
        var change = Model("EPYC", "topoext");
        Assert.Equal("CPU model EPYC, CPU feature topoext require", change.Title);
        var before = DomainDocument.Parse(Xml());
        var document = before.Copy();
        change.Edit(document);
        Assert.Equal("require", DomainXmlReader.Read(document.ToXml()).Cpu.Features["topoext"]);
        change.Inverse(before).Edit(document);
        Assert.Equal(before.ToXml(), document.ToXml());
    }

    private static string Xml() => RuleScene.Vm(inside: "<os><type arch='x86_64' machine='q35'>hvm</type></os>");

    private static VMConfiguration After(CpuModelChange change)
    {
        var document = DomainDocument.Parse(Xml());
        change.Edit(document);
        return document.ToConfiguration();
    }

    private static RuleScene Scene(CpuModelChange change) => new() { Change = change, Xml = Xml(), GuestCpus = Amd };

    private static CpuModelChange Model(string model, params string[] features) =>
        Change([.. CpuModelChange.OfModel(model), .. features.Select(feature => CpuModelChange.OfFeature(feature, "require"))]);

    private static CpuModelChange Without(string feature) => Change([.. CpuModelChange.OfModel("EPYC"), CpuModelChange.OfFeature(feature, "disable")]);

    private static CpuModelChange Change(IReadOnlyList<SettingValue> values) => new()
    {
        Values = values,
    };
}
