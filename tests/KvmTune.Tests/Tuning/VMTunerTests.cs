// The steps of a change on libvirt's own test driver, which runs in this process and needs no daemon.
using KvmTune.Hosts;
using KvmTune.Libvirt;
using KvmTune.Topology;
using KvmTune.Tuning;
using KvmTune.Tuning.Changes;
using Xunit;

namespace KvmTune.Tests.Tuning;

public sealed class VMTunerTests : IDisposable
{
    private readonly HostConnection _host = new("test:///default");
    private readonly LibvirtDomain _vm;

    public VMTunerTests()
    {
        var name = $"tuner {Guid.NewGuid():N}";
        _vm = _host.Write().DefineXml(
            $"""
            <domain type='test'><name>{name}</name><metadata><x:a xmlns:x='urn:x'>keep</x:a></metadata><memory>1024</memory><vcpu>2</vcpu>
            <os><type>hvm</type></os><devices><disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/d'/><target dev='vdb' bus='virtio'/></disk></devices></domain>
            """,
            validate: false);
    }

    private VMTuner Tuner => new(new VMPlanner(_host, _vm), TimeProvider.System, new NoJournal());

    [Fact]
    public async Task A_change_is_applied_verified_and_taken_back_without_a_trace()
    {
        var before = Persistent();

        var result = await Tuner.ApplyAsync(Tuner.Planner.Plan(Cache("none", "native")), new ApplyOptions(), CancellationToken.None);

        Assert.Equal(TuningOutcome.Applied, result.Outcome);
        Assert.All(result.Verifications, verification => Assert.True(verification.IsMet));
        Assert.Contains("cache='none'", Persistent(), StringComparison.Ordinal);

        foreach (var inverse in result.Inverse)
        {
            await Tuner.ApplyAsync(Tuner.Planner.Plan(inverse), new ApplyOptions(), CancellationToken.None);
        }

        Assert.Equal(before, Persistent());
    }

    // libvirt 10.1 and later write clusters='1' into a topology.
    [Fact]
    public void A_change_to_what_libvirt_writes_in_its_own_way_alters_nothing_and_a_return_puts_back_the_way_that_was()
    {
        const string Before = "<domain type='kvm'><name>a</name><vcpu>2</vcpu><cpu><topology sockets='1' dies='1' clusters='1' cores='1' threads='2'/></cpu></domain>";
        var change = new CpuModelChange { Values = CpuModelChange.OfTopology(new CpuTopology(1, 1, 1, 2)) };

        var plan = Tuner.Planner.Plan(change, new VMSnapshot(null, DomainDocument.Parse(Before)));
        var back = Tuner.Planner.Plan(change.Inverse(DomainDocument.Parse(Before.Replace(" clusters='1'", string.Empty, StringComparison.Ordinal))), new VMSnapshot(null, DomainDocument.Parse(Before)));

        Assert.Empty(plan.Differences);
        Assert.False(plan.HasChanges);
        Assert.Empty(back.Differences);
        Assert.True(back.HasChanges);
    }

    [Fact]
    public async Task The_texts_of_a_plan_are_made_when_somebody_asks_and_say_what_was_planned_then()
    {
        var plan = Tuner.Planner.Plan(Cache("none", null));
        await Tuner.ApplyAsync(Tuner.Planner.Plan(Cache("directsync", null)), new ApplyOptions(), CancellationToken.None);

        Assert.False(plan.Texts!.IsValueCreated);
        Assert.Contains("+      <driver name=\"qemu\" type=\"raw\" cache=\"none\"", plan.XmlDifference, StringComparison.Ordinal);
        Assert.DoesNotContain("directsync", plan.XmlDifference, StringComparison.Ordinal);
        Assert.Contains("update-device", plan.VirshCommand, StringComparison.Ordinal);
        Assert.Equal("other", (plan with { VirshCommand = "other" }).VirshCommand);
    }

    [Fact]
    public void The_state_of_the_host_CPUs_is_put_together_once() => Assert.Same(HostReading.ReadCpus(_host), HostReading.ReadCpus(_host));

    [Fact]
    public async Task A_change_that_alters_nothing_says_so_and_writes_nothing()
    {
        await Tuner.ApplyAsync(Tuner.Planner.Plan(Cache("none", null)), new ApplyOptions(), CancellationToken.None);
        var before = Persistent();

        var plan = Tuner.Planner.Plan(Cache("none", null));
        var result = await Tuner.ApplyAsync(plan, new ApplyOptions(), CancellationToken.None);

        Assert.False(plan.HasChanges);
        Assert.Empty(plan.Differences);
        Assert.Equal(TuningOutcome.NoChange, result.Outcome);
        Assert.Empty(result.Inverse);
        Assert.Equal(before, Persistent());
    }

    [Fact]
    public async Task Somebody_elses_edit_of_the_same_setting_is_an_error_and_not_overwritten()
    {
        var plan = Tuner.Planner.Plan(Cache("none", null));
        await Tuner.ApplyAsync(Tuner.Planner.Plan(Cache("directsync", null)), new ApplyOptions(), CancellationToken.None);
        var theirs = Persistent();

        var error = await Assert.ThrowsAsync<KvmTuneException>(() => Tuner.ApplyAsync(plan, new ApplyOptions(), CancellationToken.None));

        Assert.Equal("ConcurrentEdit", error.ErrorId);
        Assert.Contains("directsync", error.Message, StringComparison.Ordinal);
        Assert.Equal(theirs, Persistent());
    }

    [Fact]
    public async Task Somebody_elses_edit_of_another_setting_survives()
    {
        var plan = Tuner.Planner.Plan(Cache("none", null));
        await Tuner.ApplyAsync(Tuner.Planner.Plan(Pin("0")), new ApplyOptions(), CancellationToken.None);

        await Tuner.ApplyAsync(plan, new ApplyOptions(), CancellationToken.None);

        Assert.Contains("<vcpupin vcpu='0' cpuset='0'/>", Persistent(), StringComparison.Ordinal);
        Assert.Contains("cache='none'", Persistent(), StringComparison.Ordinal);
        Assert.Contains("keep", Persistent(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plan_that_breaks_a_rule_is_refused_by_its_name()
    {
        var before = Persistent();
        var plan = Tuner.Planner.Plan(Cache("writeback", "native"));

        var error = await Assert.ThrowsAsync<KvmTuneException>(() => Tuner.ApplyAsync(plan, new ApplyOptions(), CancellationToken.None));

        Assert.Equal("NativeNeedsDirectCache", error.ErrorId);
        Assert.Equal(before, Persistent());
    }

    [Fact]
    public void What_does_not_exist_is_named_with_what_does()
    {
        Assert.Equal("DiskNotFound", Fail(() => Tuner.Planner.Plan(Cache("none", null) with { Disk = "vdz" }), "vdz", "vdb"));
        Assert.Equal("VcpuNotFound", Fail(() => Tuner.Planner.Plan(Pin("0", vcpu: 7)), "7", "2 vCPUs"));
        Assert.Equal("VMNotFound", Fail(() => VMPlanner.Find(_host, _vm.Name, Guid.NewGuid()), _vm.Name));
    }

    [Fact]
    public async Task A_vCPU_that_only_the_configuration_has_is_pinned_there()
    {
        _vm.Start();
        _host.Write().DefineXml(Persistent().Replace(">2</vcpu>", ">4</vcpu>", StringComparison.Ordinal), validate: false).Dispose();

        // The test driver makes no live pin.
        var result = await Tuner.ApplyAsync(Tuner.Planner.Plan(Pin("0", vcpu: 3)), new ApplyOptions(), CancellationToken.None);

        Assert.Equal(TuningOutcome.Applied, result.Outcome);
        Assert.Equal(ChangeScope.Config, Assert.Single(result.Plan.Differences).Where);
        Assert.Equal($"virsh -c test:///default vcpupin '{_vm.Name}' 3 0 --config", result.Plan.VirshCommand);
        Assert.Equal("VcpuNotFound", Fail(() => Tuner.Planner.Plan(Pin("0", vcpu: 4)), "4 vCPUs"));
        Assert.Equal("VcpuNotFound", Fail(() => Tuner.Planner.Plan(Pin("0", vcpu: 3) with { Scope = ChangeScope.Both }), "2 vCPUs"));
        Assert.Equal("VcpuNotFound", Fail(() => Tuner.Planner.Plan(Pin("0", vcpu: 3) with { Scope = ChangeScope.Live }), "2 vCPUs"));
        _vm.Destroy();
    }

    [Fact]
    public void Pins_of_all_vCPUs_are_planned_where_each_is()
    {
        var pins = new VcpuPinChange { Pins = Enumerable.Range(0, 4).ToDictionary(vcpu => vcpu, _ => (CpuSet?)new CpuSet(0)) };
        var two = DomainDocument.Parse("<domain type='kvm'><name>a</name><vcpu>2</vcpu></domain>");
        var four = DomainDocument.Parse("<domain type='kvm' id='1'><name>a</name><vcpu>4</vcpu></domain>");

        var plan = Tuner.Planner.Plan(pins, new VMSnapshot(four, two));

        Assert.Equal([ChangeScope.Both, ChangeScope.Both, ChangeScope.Live, ChangeScope.Live], plan.Differences.Select(difference => difference.Where));
        var inverse = ChangeApplication.InverseOf(plan);
        Assert.Equal(4, inverse.ForRunning.Settings.Count);
        Assert.False(VMPlanner.IsPending(new VMSnapshot(two, two), pins.Inverse(two), new CpuSet("0-3")));
        var clear = Tuner.Planner.Plan(pins with { Pins = pins.Pins.ToDictionary(pin => pin.Key, _ => (CpuSet?)null) }, new VMSnapshot(plan.Snapshot.Running, two));
        Assert.False(clear.HasChanges);
    }

    [Fact]
    public async Task A_change_after_others_that_are_only_planned_is_planned_on_what_they_leave()
    {
        var (cache, native) = (Cache("none", null), Cache("none", "native"));
        Assert.Equal("NativeNeedsDirectCache", Assert.Single(Tuner.Planner.Plan(native with { Options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["io"] = "native" } }).Errors).RuleId);

        var later = Tuner.Planner.Plan(native, [cache], CancellationToken.None);

        Assert.Empty(later.Errors);
        Assert.Equal("disk vdb io: (not set) -> native", Assert.Single(later.Differences).ToString());
        Assert.DoesNotContain("cache", Persistent(), StringComparison.Ordinal);
        await Tuner.ApplyAsync(Tuner.Planner.Plan(cache), new ApplyOptions(), CancellationToken.None);
        Assert.Equal(TuningOutcome.Applied, (await Tuner.ApplyAsync(later, new ApplyOptions(), CancellationToken.None)).Outcome);
    }

    [Theory]
    [InlineData('\u009b')]
    [InlineData('\u202e')]
    public void A_name_that_a_terminal_would_obey_is_shown_harmless_and_still_names_the_VM(char odd)
    {
        using var vm = _host.Write().DefineXml(
            $"<domain type='test'><name>odd{odd}{Guid.NewGuid():N}</name><memory>1024</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>", validate: false);
        try
        {
            using var planner = new VMPlanner(_host, vm);
            var plan = planner.Plan(Pin("0"));
            Assert.Equal(TerminalText.Line(vm.Name), plan.VMName);
            Assert.DoesNotContain(odd, plan.VMName);
            Assert.Contains($"vcpupin {vm.Id} 0 0", plan.VirshCommand, StringComparison.Ordinal);
            using var found = _host.FindVM(plan.VMName, _host.Read());
            Assert.Equal(vm.Id, found.Id);
            Assert.Equal("VMNotFound", Fail(() => _host.FindVM("odd\\u009", _host.Read())));
        }
        finally
        {
            vm.Undefine();
        }
    }

    [Fact]
    public void The_virsh_equivalent_quotes_what_a_shell_would_take_apart() =>
        Assert.Equal($"virsh -c test:///default vcpupin '{_vm.Name}' 0 1 --config", Tuner.Planner.Plan(Pin("1")).VirshCommand);

    public void Dispose()
    {
        _vm.Undefine();
        _vm.Dispose();
        _host.Dispose();
    }

    private string Persistent() => _vm.GetXml(DomainXmlFlags.Inactive | DomainXmlFlags.Secure);

    private static DiskDriverChange Cache(string? cache, string? io) => new()
    {
        Disk = "vdb",
        Options = new Dictionary<string, string?>(StringComparer.Ordinal) { ["cache"] = cache, ["io"] = io },
    };

    private static VcpuPinChange Pin(string hostCpus, int vcpu = 0) => new()
    {
        Pins = new Dictionary<int, CpuSet?> { [vcpu] = new CpuSet(hostCpus) },
    };

    private static string Fail(Action action, params string[] inMessage)
    {
        var error = Assert.Throws<KvmTuneException>(action);
        Assert.All(inMessage, part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        return error.ErrorId;
    }
}
