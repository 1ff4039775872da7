// Plans from files, jobs and other hosts: only the requested change counts; their texts and findings are not trusted.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Measurement;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class PlanFromOutsideTests : IDisposable
{
    private readonly HostConnection _host = new("test:///default");
    private readonly LibvirtDomain _vm;
    private readonly string _before;

    public PlanFromOutsideTests()
    {
        _vm = _host.Write().DefineXml(
            $"""
            <domain type='test'><name>outside {Guid.NewGuid():N}</name><memory>1048576</memory><vcpu>4</vcpu><os><type>hvm</type></os>
            <cpu><numa><cell id='0' cpus='0-1' memory='524288'/><cell id='1' cpus='2-3' memory='524288'/></numa></cpu>
            <numatune><memory mode='strict' nodeset='0'/><memnode cellid='0' mode='preferred' nodeset='0'/></numatune>
            <devices>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/d'/><target dev='vda' bus='virtio'/></disk>
            <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/e'/><target dev='vdb' bus='virtio'/></disk>
            </devices></domain>
            """,
            validate: false);
        _before = Persistent();
    }

    public static TheoryData<string> ForeignPaths => ["os/kernel", "on_crash", "devices/serial/source/@path", "name", "memory", "cputune/emulatorpin/@cpuset", "vcpu/@cpuset"];

    private VMTuner Tuner => new(new VMPlanner(_host, _vm), TimeProvider.System, new NoJournal());

    [Theory]
    [MemberData(nameof(ForeignPaths))]
    public void A_change_sets_nothing_but_what_its_kind_sets(string path)
    {
        var steps = path.Split('/');
        var elements = steps.Where(step => !step.StartsWith('@')).Select(step => new SettingElement(step)).ToArray();
        var change = new CpuModelChange
        {
            Values = [.. CpuModelChange.OfModel("host-model"), new SettingValue(new SettingPath(elements, steps[^1].StartsWith('@') ? steps[^1][1..] : null), "/evil")],
        };

        var error = Assert.Throws<KvmTuneException>(() => Tuner.Planner.Plan(change));

        Assert.Equal("ForeignSetting", error.ErrorId);
        Assert.Contains(path.Split('/')[0], error.Message, StringComparison.Ordinal);
        Assert.Equal(_before, Persistent());
    }

    [Theory]
    [InlineData("type")]
    [InlineData("name")]
    [InlineData("iothread")]
    public void A_drivers_other_attributes_are_not_a_cache_modes(string attribute) => Assert.Equal(
        "ForeignSetting",
        Assert.Throws<KvmTuneException>(() => Tuner.Planner.Plan(Cache("none") with { Options = new Dictionary<string, string?> { ["cache"] = "none", [attribute] = "qcow2" } })).ErrorId);

    [Fact]
    public void What_the_running_VM_gets_is_of_the_same_kind() => Assert.Equal(
        "ForeignSetting",
        Assert.Throws<KvmTuneException>(() => Tuner.Planner.Plan(Cache("none") with { RunningPart = new EmulatorPinChange { Pins = new Dictionary<int, CpuSet?>() } })).ErrorId);

    [Fact]
    public void What_is_made_in_the_running_VM_alone_is_what_is_checked_judged_and_shown()
    {
        var pin = new VcpuPinChange { Scope = ChangeScope.Live, Pins = new Dictionary<int, CpuSet?> { [0] = new CpuSet(2) } };

        Assert.Equal("ForeignSetting", Assert.Throws<KvmTuneException>(() => Tuner.Planner.Plan(pin with
        {
            RunningPart = new DiskThrottleChange { Disk = "vda", Limits = DiskThrottleChange.WholeCategories(new Dictionary<string, ulong?> { ["total_iops_sec"] = 1 }) },
        })).ErrorId);

        _vm.Start();
        var plan = Tuner.Planner.Plan(pin with { RunningPart = pin with { Pins = new Dictionary<int, CpuSet?> { [1] = new CpuSet(999) } } });
        Assert.Contains("vCPU 1", plan.Title, StringComparison.Ordinal);
        Assert.Contains("vCPU 1 pin", Assert.Single(plan.Differences).Setting, StringComparison.Ordinal);
        Assert.Contains(plan.Errors, error => error.RuleId == "PinToOnlineHostCpu");
    }

    [Fact]
    public async Task The_question_before_a_risk_comes_back_when_it_was_taken_out()
    {
        var plan = Tuner.Planner.Plan(Cache("unsafe"));
        Assert.Contains(plan.Confirmations, risk => risk.RuleId == "UnsafeLosesData");
        var document = System.Text.Json.Nodes.JsonNode.Parse(EngineDocument.Write(plan))!;
        document["Record"]!["Findings"] = new System.Text.Json.Nodes.JsonArray();
        var saved = EngineDocument.Read<VMTuningPlan>(document.ToJsonString());
        Assert.Empty(saved.Confirmations);

        Assert.Contains(Tuner.Planner.CheckAnew(saved).Confirmations, risk => risk.RuleId == "UnsafeLosesData");
        var error = await Assert.ThrowsAsync<KvmTuneException>(() => Tuner.ApplyAsync(saved, new ApplyOptions(), CancellationToken.None));

        Assert.Equal("UnsafeLosesData", error.ErrorId);
        Assert.Equal(_before, Persistent());
    }

    [Fact]
    public void What_is_shown_is_worked_out_anew()
    {
        var document = EngineDocument.Write(Tuner.Planner.Plan(Cache("none")));
        var saved = EngineDocument.Read<VMTuningPlan>(document);
        var lying = saved with { XmlDifference = "+<nothing/>", VirshCommand = "true", HasChanges = false, RequiresRestart = true };

        var anew = Tuner.Planner.CheckAnew(lying);

        Assert.Contains("cache=\"none\"", anew.XmlDifference, StringComparison.Ordinal);
        Assert.StartsWith("virsh ", anew.VirshCommand, StringComparison.Ordinal);
        Assert.True(anew.HasChanges);
        Assert.False(anew.RequiresRestart);
    }

    [Fact]
    public void No_text_of_a_saved_plan_reaches_a_terminal_with_control_characters()
    {
        var document = EngineDocument.Write(Tuner.Planner.Plan(Cache("none"))).Replace("vda", "vda\\u001b[2J\\u202e", StringComparison.Ordinal);
        var saved = EngineDocument.Read<VMTuningPlan>(document);

        Assert.Contains("\\u001B", saved.Title, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', saved.Title + saved.XmlDifference + saved.VirshCommand + string.Concat(saved.Differences));
        var error = Assert.Throws<KvmTuneException>(() => Tuner.Planner.CheckAnew(saved));
        Assert.DoesNotContain('\u001b', error.Message);
        Assert.DoesNotContain('\u202e', error.Message);
    }

    // A line feed in a value could imitate a line of this module.
    [Fact]
    public void A_value_with_a_line_feed_is_refused_in_one_line()
    {
        var error = Assert.Throws<KvmTuneException>(() => Tuner.Planner.Plan(Cache("none\nNothing is at risk.")));
        Assert.Equal("InvalidSettingValue", error.ErrorId);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public async Task A_cells_policy_that_somebody_else_edits_is_a_concurrent_edit()
    {
        var plan = Tuner.Planner.Plan(Place());
        _host.Write().DefineXml(_before.Replace("mode='preferred'", "mode='interleave'", StringComparison.Ordinal), validate: false).Dispose();
        var theirs = Persistent();

        var error = await Assert.ThrowsAsync<KvmTuneException>(() => Tuner.ApplyAsync(plan, new ApplyOptions(), CancellationToken.None));

        Assert.Equal("ConcurrentEdit", error.ErrorId);
        Assert.Contains("guest cell 0 NUMA mode", error.Message, StringComparison.Ordinal);
        Assert.Equal(theirs, Persistent());
    }

    [Fact]
    public async Task A_checkpoint_brings_a_cells_policy_back()
    {
        var state = TuningState.Of(DomainDocument.Parse(_before));
        await Tuner.ApplyAsync(Tuner.Planner.Plan(Place()), new ApplyOptions(), CancellationToken.None);
        Assert.NotEqual(_before, Persistent());

        var restore = TuningStateChange.To(state, "checkpoint 'before'", DomainDocument.Parse(Persistent()));
        var result = await Tuner.ApplyAsync(Tuner.Planner.Plan(restore), new ApplyOptions(), CancellationToken.None);

        Assert.Equal(TuningOutcome.Applied, result.Outcome);
        Assert.Equal(_before, Persistent());
    }

    [Fact]
    public async Task A_checkpoint_of_the_first_version_leaves_what_it_did_not_hold()
    {
        var now = TuningState.Of(DomainDocument.Parse(_before));
        var first = now with { Known = null, Values = [.. now.Values.Where(setting => !setting.Path.ToString().Contains("memnode", StringComparison.Ordinal))] };

        Assert.Empty(first.ChangesOf(DomainDocument.Parse(_before)));
        await Task.CompletedTask;
    }

    public void Dispose()
    {
        if (_vm.IsActive)
        {
            _vm.Destroy();
        }

        _vm.Undefine();
        _vm.Dispose();
        _host.Dispose();
    }

    private string Persistent() => _vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);

    private static DiskDriverChange Cache(string mode) => new()
    {
        Disk = "vda",
        Options = new Dictionary<string, string?> { ["cache"] = mode },
    };

    private static PlacementChange Place() => new()
    {
        VcpuPins = new VcpuPinChange { Pins = new Dictionary<int, CpuSet?> { [0] = new CpuSet("0") } },
        NumaPolicy = new NumaPolicyChange
        {
            Mode = "strict",
            NodeSet = "0",
            CellPolicies = [new NumaCellPolicy(0, "strict", "1"), new NumaCellPolicy(1, "strict", "0")],
        },
    };
}
